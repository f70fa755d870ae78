"""The model as a GLB that any glTF 2.0 viewer opens.

Its light is in its picture already, so lighting it again would darken it: KHR_materials_unlit is offered to viewers
that know it, but not required, and others find a plain rough material with normals.
"""

from __future__ import annotations

import io
import json
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from garaza.reconstruction.prediction import Float32, UInt8
from garaza.reconstruction.surface.mesh import TexturedMesh

MAGIC, VERSION = b"glTF", 2
JSON_CHUNK, BINARY_CHUNK = 0x4E4F534A, 0x004E4942
FLOAT, UNSIGNED_SHORT, UNSIGNED_INT = 5126, 5123, 5125
ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
ROOT_NODE = 0
"""Carries the scale, so that changing it later touches nothing else."""
_GENERATOR = "Garaza"
_SHORTEST_NORMAL = 1e-3
_SMALLEST_AREA = 1e-12
"""Twice the area in square units below which a face has no direction."""


def write_glb(path: Path, mesh: TexturedMesh, *, metres_per_unit: float = 1.0, texture_quality: int = 82) -> None:
    """Write `mesh` with a JPEG texture.

    Args:
        metres_per_unit: becomes the root node's scale; glTF's unit is the metre.
        texture_quality: of the JPEG, 1 to 95.
    """
    data = Binary()
    position = data.add(mesh.vertices.astype("<f4").tobytes(), ARRAY_BUFFER)
    normal = data.add(unit_normals(mesh).astype("<f4").tobytes(), ARRAY_BUFFER)
    uv = data.add(mesh.uvs.astype("<f4").tobytes(), ARRAY_BUFFER)
    small = len(mesh.vertices) <= 65_535
    index = data.add(mesh.faces.astype("<u2" if small else "<u4").tobytes(), ELEMENT_ARRAY_BUFFER)
    picture = data.add(encode_picture(mesh.texture, "JPEG", texture_quality), None)
    accessors = [
        {
            "bufferView": position,
            "componentType": FLOAT,
            "count": len(mesh.vertices),
            "type": "VEC3",
            "min": [float(v) for v in mesh.vertices.min(axis=0)],
            "max": [float(v) for v in mesh.vertices.max(axis=0)],
        },
        {"bufferView": normal, "componentType": FLOAT, "count": len(mesh.vertices), "type": "VEC3"},
        {"bufferView": uv, "componentType": FLOAT, "count": len(mesh.vertices), "type": "VEC2"},
        {
            "bufferView": index,
            "componentType": UNSIGNED_SHORT if small else UNSIGNED_INT,
            "count": mesh.faces.size,
            "type": "SCALAR",
        },
    ]
    attributes = {"POSITION": 0, "NORMAL": 1, "TEXCOORD_0": 2}
    document = scene(metres_per_unit) | {
        "nodes": [{"name": "room", "mesh": 0, "scale": [metres_per_unit] * 3}],
        "meshes": [{"name": "room", "primitives": [{"attributes": attributes, "indices": 3, "material": 0}]}],
        "textures": [{"source": 0, "sampler": 0}],
        "images": [{"bufferView": picture, "mimeType": "image/jpeg"}],
        "accessors": accessors,
        "bufferViews": data.views,
        "buffers": [{"byteLength": len(data.content)}],
    }
    write_chunks(path, document, bytes(data.content))


def unit_normals(mesh: TexturedMesh) -> Float32:
    """(V, 3) normals of length one, as glTF demands of every vertex, also of those that have none.

    Where faces fold back onto each other, as simplification leaves them, the mean of their normals vanishes. Such a
    vertex takes the normal of one of its faces, and the way up if that has no area either.
    """
    normals = mesh.normals.astype(np.float64)
    length = np.linalg.norm(normals, axis=1)
    lost = ~(length > _SHORTEST_NORMAL)
    if lost.any():
        a, b, c = (mesh.vertices[mesh.faces[:, corner]].astype(np.float64) for corner in range(3))
        flat = np.cross(b - a, c - a)
        of_face = np.tile([0.0, 1.0, 0.0], (len(mesh.vertices), 1))
        solid = np.linalg.norm(flat, axis=1) > _SMALLEST_AREA
        of_face[mesh.faces[solid].reshape(-1)] = np.repeat(flat[solid], 3, axis=0)
        normals[lost] = of_face[lost]
        length = np.linalg.norm(normals, axis=1)
    unit: Float32 = (normals / length[:, None]).astype(np.float32)
    return unit


def scene(metres_per_unit: float) -> dict[str, Any]:
    """What both variants of a model have in common."""
    return {
        "asset": {"version": "2.0", "generator": _GENERATOR, "extras": {"metres_per_unit": metres_per_unit}},
        "scene": 0,
        "scenes": [{"nodes": [ROOT_NODE]}],
        "materials": [
            {
                "name": "room",
                "pbrMetallicRoughness": {
                    "baseColorTexture": {"index": 0},
                    "metallicFactor": 0,
                    "roughnessFactor": 1,
                },
                "extensions": {"KHR_materials_unlit": {}},
            },
        ],
        "samplers": [{"magFilter": 9729, "minFilter": 9987, "wrapS": 33071, "wrapT": 33071}],
        "extensionsUsed": ["KHR_materials_unlit"],
    }


def encode_picture(picture: UInt8, kind: str, quality: int) -> bytes:
    """(H, W, 3) sRGB as "JPEG" or "WEBP"."""
    buffer = io.BytesIO()
    options: dict[str, Any] = {"optimize": True} if kind == "JPEG" else {"method": 4}
    Image.fromarray(picture).save(buffer, kind, quality=quality, **options)
    return buffer.getvalue()


class Binary:
    """The binary chunk as it grows; each view begins at a multiple of four."""

    def __init__(self) -> None:
        self.content = bytearray()
        self.views: list[dict[str, Any]] = []

    def append(self, data: bytes) -> int:
        """Add bytes; returns where they begin."""
        offset = len(self.content)
        self.content += data + b"\0" * (-len(data) % 4)
        return offset

    def add(self, data: bytes, target: int | None) -> int:
        """Add bytes with a view of them; returns its number."""
        view: dict[str, Any] = {"buffer": 0, "byteOffset": self.append(data), "byteLength": len(data)}
        if target is not None:
            view["target"] = target
        self.views.append(view)
        return len(self.views) - 1


def write_chunks(path: Path, document: dict[str, Any], binary: bytes) -> None:
    """Write a GLB from its two chunks; `path` is replaced in one step."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    total = 12 + 8 + len(text) + 8 + len(binary)
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        file.write(struct.pack("<4sII", MAGIC, VERSION, total))
        file.write(struct.pack("<II", len(text), JSON_CHUNK) + text)
        file.write(struct.pack("<II", len(binary), BINARY_CHUNK) + binary)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def read_chunks(path: Path) -> tuple[dict[str, Any], bytes]:
    """The two chunks of a GLB.

    Raises:
        ValueError: it is none.
    """
    content = path.read_bytes()
    if len(content) < 28:
        msg = "too short for a GLB"
        raise ValueError(msg)
    magic, version, total = struct.unpack_from("<4sII", content)
    text_length, text_kind = struct.unpack_from("<II", content, 12)
    start = 20 + text_length
    if (magic, version, total, text_kind) != (MAGIC, VERSION, len(content), JSON_CHUNK) or start + 8 > total:
        msg = "not a GLB of version 2"
        raise ValueError(msg)
    binary_length, binary_kind = struct.unpack_from("<II", content, start)
    if binary_kind != BINARY_CHUNK or start + 8 + binary_length != total:
        msg = "the binary chunk is missing or cut off"
        raise ValueError(msg)
    document: dict[str, Any] = json.loads(content[20:start])
    return document, content[start + 8 :]


def rescale_glb(source: Path, target: Path, factor: float, metres_per_unit: float) -> None:
    """Copy a GLB of ours with its root node's transform multiplied by `factor`; all else stays as it is."""
    document, binary = read_chunks(source)
    node = document["nodes"][ROOT_NODE]
    for name in ("scale", "translation"):
        if name in node:
            node[name] = [value * factor for value in node[name]]
    document["asset"]["extras"] = {"metres_per_unit": metres_per_unit}
    write_chunks(target, document, binary)


def model_arrays(path: Path) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """(V, 3) vertices in metres and (F, 3) faces of a plain GLB of ours."""
    document, binary = read_chunks(path)
    primitive = document["meshes"][0]["primitives"][0]
    vertices = _accessor(document, binary, primitive["attributes"]["POSITION"]).reshape(-1, 3)
    faces = _accessor(document, binary, primitive["indices"]).reshape(-1, 3)
    scaled = np.asarray(vertices * np.float32(document["nodes"][ROOT_NODE]["scale"][0]), np.float32)
    return scaled, faces.astype(np.int32)


def _accessor(document: dict[str, Any], binary: bytes, number: int) -> np.ndarray[Any, Any]:
    accessor = document["accessors"][number]
    view = document["bufferViews"][accessor["bufferView"]]
    kind = {FLOAT: "<f4", UNSIGNED_SHORT: "<u2", UNSIGNED_INT: "<u4"}[accessor["componentType"]]
    count = accessor["count"] * {"SCALAR": 1, "VEC2": 2, "VEC3": 3}[accessor["type"]]
    return np.frombuffer(binary, kind, count, view["byteOffset"])
