"""A small painted room: a box seen from inside, with exact cameras and depth, and a GLB reader of the tests' own."""

from __future__ import annotations

import io
import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import meshopt
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from garaza.reconstruction.prediction import Prediction
from garaza.reconstruction.surface.mesh import TexturedMesh

SIZE = np.array([4.0, 2.4, 3.0])
"""The room's corner is at (-2, 0, -1.5)."""
WALLS = {
    (0, 0): (190, 60, 50),
    (0, 1): (60, 150, 70),
    (1, 0): (150, 110, 70),
    (1, 1): (235, 235, 230),
    (2, 0): (60, 90, 180),
    (2, 1): (220, 190, 80),
}
"""Colours by axis and side: the floor is (1, 0)."""
_GRID = 8
_CHART = 64


@pytest.fixture(scope="session")
def room() -> TexturedMesh:
    """Six walls of 8×8 squares with a chart each; faces turned inwards."""
    vertices, faces, normals, uvs = [], [], [], []
    texture = np.zeros((4 * _CHART, 4 * _CHART, 3), np.uint8)
    for number, ((axis, side), colour) in enumerate(WALLS.items()):
        first, second = [other for other in range(3) if other != axis]
        j, i = np.mgrid[0 : _GRID + 1, 0 : _GRID + 1].reshape(2, -1)
        points = np.zeros((len(i), 3))
        points[:, axis], points[:, first], points[:, second] = side, i / _GRID, j / _GRID
        start = len(vertices) * (_GRID + 1) ** 2
        corner = (np.arange(_GRID)[:, None] * (_GRID + 1) + np.arange(_GRID)).reshape(-1) + start
        a, b, c, d = corner, corner + 1, corner + _GRID + 2, corner + _GRID + 1
        inward = np.zeros(3)
        inward[axis] = 1 - 2 * side
        # (first, second) turn left around `axis` except for y.
        if (inward[axis] > 0) == (axis != 1):
            faces += [np.stack([a, b, c], 1), np.stack([a, c, d], 1)]
        else:
            faces += [np.stack([a, c, b], 1), np.stack([a, d, c], 1)]
        row, column = divmod(number, 4)
        texture[row * _CHART : (row + 1) * _CHART, column * _CHART : (column + 1) * _CHART] = colour
        inset = 0.1 + 0.8 * np.stack([i, j], 1) / _GRID
        uvs.append((inset + np.array([column, row])) / 4)
        vertices.append((points - [0.5, 0, 0.5]) * SIZE)
        normals.append(np.tile(inward, (len(i), 1)))
    return TexturedMesh(
        vertices=np.concatenate(vertices).astype(np.float32),
        faces=np.concatenate(faces).astype(np.int32),
        normals=np.concatenate(normals).astype(np.float32),
        uvs=np.concatenate(uvs).astype(np.float32),
        texture=texture,
    )


@pytest.fixture(scope="session")
def prediction() -> Prediction:
    """Five cameras in the middle of that room, turning; depth exact, but for a corner that is unknown or unsure."""
    count, width, height = 5, 96, 72
    intrinsics = np.tile(np.array([[80.0, 0, 47.5], [0, 80, 35.5], [0, 0, 1]]), (count, 1, 1))
    extrinsics, depths, images = [], [], []
    for view in range(count):
        angle, centre = view * 0.5, np.array([-0.4 + 0.2 * view, 1.3, 0.1 * view])
        forward = np.array([np.sin(angle), -0.4, np.cos(angle)])
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, [0, 1, 0])
        right /= np.linalg.norm(right)
        rotation = np.stack([right, np.cross(forward, right), forward])
        extrinsics.append(np.column_stack([rotation, -rotation @ centre]))
        depths.append(_box_depth(rotation, centre, intrinsics[view], width, height, 2)[0])
        walls = _box_depth(rotation, centre, intrinsics[view], width, height, 1)[1]
        images.append(np.array([WALLS[axis, side] for axis in range(3) for side in range(2)], np.uint8)[walls])
    depth = np.stack(depths).astype(np.float32)
    confidence = np.full_like(depth, 0.9)
    confidence[:, :4, :] = 0.3
    depth[:, -5:, :10] = confidence[:, -5:, :10] = 0
    return Prediction(
        engine="test",
        frame_indices=np.arange(count),
        images=np.stack(images),
        intrinsics=intrinsics,
        extrinsics=np.stack(extrinsics),
        depth=depth,
        confidence=confidence,
        points=np.zeros((0, 3), np.float32),
        point_colours=np.zeros((0, 3), np.uint8),
    )


def _box_depth(
    rotation: NDArray[Any], centre: NDArray[Any], pinhole: NDArray[Any], width: int, height: int, shrink: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """z-depth, and which wall (axis * 2 + side), of an image made `shrink` times smaller."""
    u, v = np.meshgrid(np.arange(width // shrink), np.arange(height // shrink))
    x = ((u + 0.5) * shrink - 0.5 - pinhole[0, 2]) / pinhole[0, 0]
    y = ((v + 0.5) * shrink - 0.5 - pinhole[1, 2]) / pinhole[1, 1]
    rays = np.stack([x, y, np.ones_like(x)], -1) @ rotation
    low, high = np.array([-SIZE[0] / 2, 0, -SIZE[2] / 2]), np.array([SIZE[0] / 2, SIZE[1], SIZE[2] / 2])
    with np.errstate(divide="ignore"):
        reach = np.where(rays > 0, (high - centre) / rays, (low - centre) / rays)
    axis = reach.argmin(-1)
    side = np.take_along_axis(rays, axis[..., None], -1)[..., 0] > 0
    return reach.min(-1), axis * 2 + side


@dataclass(frozen=True)
class Model:
    """A GLB as a viewer would have it: everything decoded, in metres."""

    document: dict[str, Any]
    vertices: NDArray[np.float64]
    normals: NDArray[np.float64] | None
    uvs: NDArray[np.float64]
    faces: NDArray[np.int64]
    texture: NDArray[np.uint8]

    def corners(self) -> NDArray[np.float64]:
        """(F, 3, 5) position and uv of each face's corners, faces sorted: the same for any order of vertices."""
        rows = np.concatenate([self.vertices, self.uvs], axis=1)[self.faces]
        # A triangle may begin at any of its corners as long as it turns the same way.
        first = np.array([np.lexsort(np.round(row, 3).T)[0] for row in rows])
        rows = np.take_along_axis(rows, ((first[:, None] + np.arange(3)) % 3)[..., None], axis=1)
        return rows[np.lexsort(np.round(rows.reshape(len(rows), -1), 3).T)]


_TYPES = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}


class _Reader:
    def __init__(self, path: Path) -> None:
        content = path.read_bytes()
        magic, version, length = struct.unpack_from("<4sII", content)
        assert (magic, version, length) == (b"glTF", 2, len(content))
        chunks, offset = [], 12
        while offset < length:
            size, kind = struct.unpack_from("<I4s", content, offset)
            assert size % 4 == 0
            assert offset + 8 + size <= length
            chunks.append((kind, content[offset + 8 : offset + 8 + size]))
            offset += 8 + size
        assert [kind for kind, _ in chunks] == [b"JSON", b"BIN\0"]
        self.document: dict[str, Any] = json.loads(chunks[0][1])
        self.binary = chunks[1][1]
        assert len(self.binary) - 3 <= self.document["buffers"][0]["byteLength"] <= len(self.binary)

    def view(self, number: int) -> bytes:
        view = self.document["bufferViews"][number]
        packed = view.get("extensions", {}).get("EXT_meshopt_compression")
        if packed is None:
            assert view["buffer"] == 0
            return self._bytes(view)
        rows = meshopt.decode_gltf_buffer(
            self._bytes(packed), packed["count"], packed["byteStride"], packed["mode"], packed.get("filter", "NONE")
        )
        plain = np.ascontiguousarray(rows).tobytes()
        assert len(plain) == view["byteLength"]
        return plain

    def _bytes(self, view: dict[str, Any]) -> bytes:
        start, length = view.get("byteOffset", 0), view["byteLength"]
        assert start + length <= len(self.binary)
        return self.binary[start : start + length]

    def accessor(self, number: int) -> NDArray[Any]:
        accessor = self.document["accessors"][number]
        kind, width = np.dtype(_TYPES[accessor["componentType"]]), _WIDTHS[accessor["type"]]
        view = self.document["bufferViews"][accessor["bufferView"]]
        stride = view.get("byteStride", kind.itemsize * width)
        content = np.frombuffer(self.view(accessor["bufferView"]), np.uint8)
        assert len(content) >= stride * (accessor["count"] - 1) + kind.itemsize * width
        rows = content[: stride * accessor["count"]].reshape(accessor["count"], stride)
        values = np.ascontiguousarray(rows[:, : kind.itemsize * width]).view(kind)
        if "min" in accessor:
            assert values.min(axis=0).tolist() == accessor["min"]
            assert values.max(axis=0).tolist() == accessor["max"]
        if accessor.get("normalized"):
            return values / np.iinfo(kind).max
        return values


def read_model(path: Path) -> Model:
    """Read a GLB, asserting on the way that lengths, bounds and indices are what the file says."""
    reader = _Reader(path)
    document = reader.document
    (primitive,) = document["meshes"][0]["primitives"]
    assert primitive.get("mode", 4) == 4
    attributes = {name: reader.accessor(number) for name, number in primitive["attributes"].items()}
    assert len({len(values) for values in attributes.values()}) == 1
    faces = reader.accessor(primitive["indices"]).astype(np.int64).reshape(-1, 3)
    assert faces.max() < len(attributes["POSITION"])
    node = document["nodes"][document["scenes"][document["scene"]]["nodes"][0]]
    scale, translation = node.get("scale", [1, 1, 1]), node.get("translation", [0, 0, 0])
    material = document["materials"][primitive["material"]]
    texture = document["textures"][material["pbrMetallicRoughness"]["baseColorTexture"]["index"]]
    source = texture["source"] if "source" in texture else texture["extensions"]["EXT_texture_webp"]["source"]
    image = document["images"][source]
    picture = Image.open(io.BytesIO(reader.view(image["bufferView"])))
    assert picture.get_format_mimetype() == image["mimeType"]
    return Model(
        document=document,
        vertices=attributes["POSITION"] * np.array(scale) + np.array(translation),
        normals=attributes.get("NORMAL"),
        uvs=attributes["TEXCOORD_0"].astype(np.float64),
        faces=faces,
        texture=np.asarray(picture.convert("RGB")),
    )


@pytest.fixture(name="read_model")
def _read_model() -> Any:
    return read_model
