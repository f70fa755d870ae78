"""A truncated signed distance field over the room, averaged from depth maps (Curless and Levoy 1996)."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from garaza.reconstruction.prediction import Float32, Float64, Prediction
from garaza.reconstruction.progress import Monitor

MAX_VOXELS = 40_000_000
"""8 bytes each: 320 MB. A larger room gets larger voxels instead."""
_TRUNCATION_VOXELS = 4.0
_DISCONTINUITY = 0.06
"""Relative difference of depth between neighbouring pixels that counts as an edge of an object."""
_MIN_COSINE = 0.15
"""Of the angle between ray and normal; flatter depth is mostly guessed."""
_CARVING_WEIGHT = 0.35
"""Of what says that space is free, against what says that a surface is here: protects thin things."""
_THREADS = 2


@dataclass(frozen=True, slots=True)
class Volume:
    """Signed distances in metres at the corners of a grid: positive in free space, negative behind surfaces."""

    distance: Float32
    """(X, Y, Z), clipped to ± `truncation`."""
    weight: Float32
    """(X, Y, Z), 0 where nothing was seen."""
    origin: Float64
    """(3,) world position of corner (0, 0, 0)."""
    voxel_size: float
    truncation: float


def bounds(prediction: Prediction) -> tuple[Float64, Float64]:
    """Lowest and highest corner of what was measured, but for stray points (the outer half percent)."""
    points = np.concatenate(
        [view_points(prediction, view, step=8) for view in range(len(prediction.depth))] or [np.zeros((0, 3))],
    )
    if len(points) == 0:
        return np.zeros(3), np.zeros(3)
    low, high = np.percentile(points, [0.5, 99.5], axis=0)
    margin = 0.05 * float(np.max(high - low))
    return low - margin, high + margin


def view_points(prediction: Prediction, view: int, step: int) -> Float64:
    """(P, 3) world points of every `step`-th pixel of a view that has depth with confidence of at least a half."""
    depth = prediction.depth[view][::step, ::step].astype(np.float64)
    good = (depth > 0) & (prediction.confidence[view][::step, ::step] >= 0.5)
    rows, columns = np.nonzero(good)
    z = depth[rows, columns]
    intrinsics = prediction.depth_intrinsics[view]
    x = (columns * step - intrinsics[0, 2]) / intrinsics[0, 0] * z
    y = (rows * step - intrinsics[1, 2]) / intrinsics[1, 1] * z
    rotation, translation = prediction.extrinsics[view][:, :3], prediction.extrinsics[view][:, 3]
    world: Float64 = (np.stack([x, y, z], axis=1) - translation) @ rotation
    return world


def integrate(prediction: Prediction, voxel_size: float, monitor: Monitor) -> Volume:
    """Average all views into one volume.

    Args:
        prediction: in the room's frame, metres.
        voxel_size: metres; enlarged where the grid would have more than `MAX_VOXELS`.
    """
    low, high = bounds(prediction)
    extent = np.maximum(high - low, voxel_size)
    voxel_size = max(voxel_size, float(np.cbrt(np.prod(extent) / MAX_VOXELS)))
    shape = tuple(int(n) for n in np.ceil(extent / voxel_size).astype(int) + 2)
    distance = np.zeros(shape, np.float32)
    weight = np.zeros(shape, np.float32)
    truncation = _TRUNCATION_VOXELS * voxel_size
    # Slabs are disjoint, and each takes the views in the same order: the sum doesn't depend on the threads' timing.
    slabs = np.array_split(np.arange(shape[0]), _THREADS * 4)
    with ThreadPoolExecutor(_THREADS) as pool:
        for view in range(len(prediction.depth)):
            monitor.report(view / len(prediction.depth), "Joining the depth maps", view, len(prediction.depth))
            depth = np.ascontiguousarray(prediction.depth[view])
            intrinsics = prediction.depth_intrinsics[view]
            trust = pixel_weights(depth, prediction.confidence[view], intrinsics)
            pose = np.ascontiguousarray(prediction.extrinsics[view])
            list(
                pool.map(
                    lambda slab: _integrate_slab(
                        distance,
                        weight,
                        int(slab[0]),
                        int(slab[-1]) + 1,
                        low,
                        voxel_size,
                        truncation,
                        depth,  # noqa: B023 - mapped to the end before the loop goes on
                        trust,  # noqa: B023
                        intrinsics,  # noqa: B023
                        pose,  # noqa: B023
                    ),
                    [slab for slab in slabs if len(slab)],
                ),
            )
    return Volume(distance, weight, low, voxel_size, truncation)


def pixel_weights(depth: Float32, confidence: Float32, intrinsics: Float64) -> Float32:
    """(h, w) how much each pixel's depth is worth: its confidence squared, falling with distance and grazing angle.

    Zero at the edges of objects, where matching windows see both sides and depth is a mixture.
    """
    height, width = depth.shape
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    rays = np.stack(
        [
            (columns - intrinsics[0, 2]) / intrinsics[0, 0],
            (rows - intrinsics[1, 2]) / intrinsics[1, 1],
            np.ones_like(depth),
        ],
        axis=2,
    ).astype(np.float32)
    points = rays * depth[..., None]
    along_x, along_y = np.zeros_like(points), np.zeros_like(points)
    along_x[:, 1:-1] = points[:, 2:] - points[:, :-2]
    along_y[1:-1] = points[2:] - points[:-2]
    normals = np.cross(along_x, along_y)
    lengths = np.linalg.norm(normals, axis=2) * np.linalg.norm(rays, axis=2)
    cosine = np.abs(np.sum(normals * rays, axis=2)) / np.maximum(lengths, 1e-12)
    weights = confidence**2 * np.clip(cosine, 0, 1) / np.maximum(depth, 0.3) ** 2
    weights[(cosine < _MIN_COSINE) | _at_discontinuity(depth) | (depth <= 0)] = 0
    result: Float32 = weights.astype(np.float32)
    return result


def _at_discontinuity(depth: Float32) -> NDArray[np.bool_]:
    """Pixels beside one that is much nearer or farther. Unknown neighbours don't count."""
    edge = np.zeros(depth.shape, np.bool_)
    for axis in (0, 1):
        near = [slice(None), slice(None)]
        far = [slice(None), slice(None)]
        near[axis], far[axis] = slice(None, -1), slice(1, None)
        first, second = depth[tuple(near)], depth[tuple(far)]
        jump = (np.abs(first - second) > _DISCONTINUITY * np.minimum(first, second)) & (first > 0) & (second > 0)
        edge[tuple(near)] |= jump
        edge[tuple(far)] |= jump
    return edge


@njit(nogil=True, cache=True, fastmath=True)
def _integrate_slab(
    distance: Float32,
    weight: Float32,
    first: int,
    last: int,
    origin: Float64,
    voxel_size: float,
    truncation: float,
    depth: Float32,
    trust: Float32,
    intrinsics: Float64,
    pose: Float64,
) -> None:
    height, width = depth.shape
    fx, fy, cx, cy = intrinsics[0, 0], intrinsics[1, 1], intrinsics[0, 2], intrinsics[1, 2]
    step_x, step_y, step_z = pose[0, 2] * voxel_size, pose[1, 2] * voxel_size, pose[2, 2] * voxel_size
    for i in range(first, last):
        for j in range(distance.shape[1]):
            wx, wy, wz = origin[0] + i * voxel_size, origin[1] + j * voxel_size, origin[2]
            x = pose[0, 0] * wx + pose[0, 1] * wy + pose[0, 2] * wz + pose[0, 3]
            y = pose[1, 0] * wx + pose[1, 1] * wy + pose[1, 2] * wz + pose[1, 3]
            z = pose[2, 0] * wx + pose[2, 1] * wy + pose[2, 2] * wz + pose[2, 3]
            for k in range(distance.shape[2]):
                px, py, pz = x + k * step_x, y + k * step_y, z + k * step_z
                if pz < 0.05:
                    continue
                u = math.floor(fx * px / pz + cx + 0.5)
                v = math.floor(fy * py / pz + cy + 0.5)
                if u < 0 or v < 0 or u >= width or v >= height:
                    continue
                w = trust[v, u]
                if w <= 0.0:
                    continue
                d = depth[v, u] - pz
                if d < -truncation:
                    continue
                if d > truncation:
                    d = truncation
                    w *= _CARVING_WEIGHT
                old = weight[i, j, k]
                distance[i, j, k] = (distance[i, j, k] * old + d * w) / (old + w)
                weight[i, j, k] = old + w
