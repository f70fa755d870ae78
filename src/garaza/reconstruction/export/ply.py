"""Points with colours, as a binary PLY in metres."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from garaza.reconstruction.prediction import Float32, Float64, Prediction, UInt8

MAX_POINTS = 300_000
_MIN_CONFIDENCE = 0.5
_VERTEX = np.dtype([("xyz", "<f4", 3), ("rgb", "u1", 3)])


def dense_points(prediction: Prediction, spacing: float) -> tuple[Float32, UInt8]:
    """(P, 3) points and (P, 3) colours: what several views agree on, one point in each cube of edge `spacing`."""
    clouds, colours = [], []
    for view, intrinsics in enumerate(prediction.depth_intrinsics):
        depth = prediction.depth[view]
        rows, columns = np.nonzero((depth > 0) & (prediction.confidence[view] >= _MIN_CONFIDENCE))
        z = depth[rows, columns].astype(np.float64)
        x = (columns - intrinsics[0, 2]) / intrinsics[0, 0] * z
        y = (rows - intrinsics[1, 2]) / intrinsics[1, 1] * z
        rotation, translation = prediction.extrinsics[view][:, :3], prediction.extrinsics[view][:, 3]
        world = (np.stack([x, y, z], axis=1) - translation) @ rotation
        small = cv2.resize(prediction.images[view], depth.shape[::-1], interpolation=cv2.INTER_AREA)
        keep = _first_in_each_cube(world, spacing)
        clouds.append(world[keep].astype(np.float32))
        colours.append(small[rows, columns][keep])
    points, colour = np.concatenate(clouds), np.concatenate(colours)
    keep = _first_in_each_cube(points.astype(np.float64), spacing)
    if len(keep) > MAX_POINTS:
        keep = keep[np.linspace(0, len(keep) - 1, MAX_POINTS).astype(np.int64)]
    return points[keep], colour[keep]


def _first_in_each_cube(points: Float64, spacing: float) -> NDArray[np.int64]:
    cells = np.floor(points / spacing).astype(np.int64)
    cells -= cells.min(axis=0) if len(cells) else 0
    keys = (cells[:, 0] << 42) | (cells[:, 1] << 21) | cells[:, 2]
    return np.sort(np.unique(keys, return_index=True)[1])


def write_ply(path: Path, points: Float32, colours: UInt8) -> None:
    """Write points in metres."""
    vertices = np.empty(len(points), _VERTEX)
    vertices["xyz"], vertices["rgb"] = points, colours
    header = (
        "ply\nformat binary_little_endian 1.0\ncomment Garaza; metres, y up\n"
        f"element vertex {len(points)}\n"
        "property float x\nproperty float y\nproperty float z\n"
        "property uchar red\nproperty uchar green\nproperty uchar blue\nend_header\n"
    )
    path.write_bytes(header.encode("ascii") + vertices.tobytes())


def read_ply(path: Path) -> tuple[Float32, UInt8]:
    """What `write_ply` wrote."""
    content = path.read_bytes()
    end = content.index(b"end_header\n") + len(b"end_header\n")
    vertices = np.frombuffer(content, _VERTEX, offset=end)
    return vertices["xyz"].astype(np.float32), vertices["rgb"].copy()


def rescale_ply(source: Path, target: Path, factor: float) -> None:
    """Copy a PLY of ours with its coordinates multiplied by `factor`."""
    points, colours = read_ply(source)
    write_ply(target, points * np.float32(factor), colours)
