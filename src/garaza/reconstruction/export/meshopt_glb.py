"""The same model in a quarter of the bytes: EXT_meshopt_compression, quantised attributes and a WebP texture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import meshopt
import numpy as np

from garaza.reconstruction.export.glb import (
    ARRAY_BUFFER,
    ELEMENT_ARRAY_BUFFER,
    UNSIGNED_INT,
    UNSIGNED_SHORT,
    Binary,
    encode_picture,
    scene,
    write_chunks,
)
from garaza.reconstruction.surface.mesh import TexturedMesh

POSITION_BITS = 14
"""A quarter of a millimetre in a room of four metres."""
_REQUIRED = ["EXT_meshopt_compression", "KHR_mesh_quantization", "EXT_texture_webp"]


def write_meshopt_glb(
    path: Path, mesh: TexturedMesh, *, metres_per_unit: float = 1.0, texture_quality: int = 80
) -> None:
    """Write `mesh` for viewers that have a meshopt decoder, as our page does. Without normals: it is shown unlit."""
    indices, remap, used = meshopt.reorder_mesh(mesh.faces.astype(np.uint32).reshape(-1), True, False)
    order = np.argsort(remap)[:used]
    vertices, uvs = mesh.vertices[order].astype(np.float64), mesh.uvs[order]
    low = vertices.min(axis=0)
    step = max(float((vertices.max(axis=0) - low).max()) / (2**POSITION_BITS - 1), 1e-9)
    positions = np.zeros((used, 4), np.uint16)
    positions[:, :3] = np.rint((vertices - low) / step)
    quantised_uvs = np.rint(np.clip(uvs, 0, 1) * 65_535).astype(np.uint16)
    data = _Compressed()
    data.attributes(positions)
    data.attributes(quantised_uvs)
    data.triangles(indices)
    picture = data.plain(encode_picture(mesh.texture, "WEBP", texture_quality))
    accessors = [
        {
            "bufferView": 0,
            "componentType": UNSIGNED_SHORT,
            "count": used,
            "type": "VEC3",
            "min": [int(v) for v in positions[:, :3].min(axis=0)],
            "max": [int(v) for v in positions[:, :3].max(axis=0)],
        },
        {"bufferView": 1, "componentType": UNSIGNED_SHORT, "normalized": True, "count": used, "type": "VEC2"},
        {"bufferView": 2, "componentType": UNSIGNED_INT, "count": len(indices), "type": "SCALAR"},
    ]
    base = scene(metres_per_unit)
    document = base | {
        "extensionsUsed": [*base["extensionsUsed"], *_REQUIRED],
        "extensionsRequired": _REQUIRED,
        "nodes": [
            {
                "name": "room",
                "mesh": 0,
                "scale": [step * metres_per_unit] * 3,
                "translation": [float(v) * metres_per_unit for v in low],
            },
        ],
        "meshes": [
            {
                "name": "room",
                "primitives": [{"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "indices": 2, "material": 0}],
            },
        ],
        "textures": [{"sampler": 0, "extensions": {"EXT_texture_webp": {"source": 0}}}],
        "images": [{"bufferView": picture, "mimeType": "image/webp"}],
        "accessors": accessors,
        "bufferViews": data.views,
        "buffers": [
            {"byteLength": len(data.binary.content)},
            {"byteLength": data.unpacked, "extensions": {"EXT_meshopt_compression": {"fallback": True}}},
        ],
    }
    write_chunks(path, document, bytes(data.binary.content))


class _Compressed:
    """Views into buffer 1, which exists only unpacked, each with where its packed bytes lie in buffer 0."""

    def __init__(self) -> None:
        self.binary = Binary()
        self.views = self.binary.views
        self.unpacked = 0

    def attributes(self, rows: np.ndarray[Any, Any]) -> None:
        self._add(meshopt.encode_gltf_buffer(rows, "ATTRIBUTES"), rows, "ATTRIBUTES", ARRAY_BUFFER)

    def triangles(self, indices: np.ndarray[Any, Any]) -> None:
        self._add(meshopt.encode_gltf_buffer(indices, "TRIANGLES"), indices, "TRIANGLES", ELEMENT_ARRAY_BUFFER)

    def plain(self, data: bytes) -> int:
        return self.binary.add(data, None)

    def _add(self, packed: bytes, rows: np.ndarray[Any, Any], mode: str, target: int) -> None:
        stride = rows.nbytes // len(rows)
        view: dict[str, Any] = {
            "buffer": 1,
            "byteOffset": self.unpacked,
            "byteLength": rows.nbytes,
            "target": target,
            "extensions": {
                "EXT_meshopt_compression": {
                    "buffer": 0,
                    "byteOffset": self.binary.append(packed),
                    "byteLength": len(packed),
                    "byteStride": stride,
                    "count": len(rows),
                    "mode": mode,
                },
            },
        }
        if mode == "ATTRIBUTES":
            view["byteStride"] = stride
        self.views.append(view)
        self.unpacked += rows.nbytes + (-rows.nbytes % 4)
