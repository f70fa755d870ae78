"""The planes of a room: walls, floor, ceiling, the sides of furniture."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from garaza.reconstruction.prediction import Float32, Float64

_TRIALS = 150
_STRIDE = 3
"""Every third pixel of every third line speaks; every fourth of those is counted while planes are drawn."""
_REACH = 24
"""Pixels between the three that a plane is drawn through: neighbours mostly lie on one surface."""


@njit(nogil=True, cache=True, fastmath=True)
def _least_squares(
    samples: NDArray[np.float64], free: NDArray[np.bool_], tolerance: float, plane: NDArray[np.float64]
) -> int:
    """Refit `plane` to its inliers among the free samples (x, y, w), in place; returns how many there were."""
    a = b = c = d = e = f = p = q = r = 0.0
    for k in range(len(samples)):
        x, y, w = samples[k, 0], samples[k, 1], samples[k, 2]
        if not free[k] or abs(plane[0] + plane[1] * x + plane[2] * y - w) > tolerance * w:
            continue
        a += 1.0
        b += x
        c += y
        d += x * x
        e += x * y
        f += y * y
        p += w
        q += w * x
        r += w * y
    # By Cramer's rule: numba's linear algebra would take seconds to compile for a 3 × 3 matrix.
    m0, m1, m2 = d * f - e * e, c * e - b * f, b * e - c * d
    determinant = a * m0 + b * m1 + c * m2
    if a < 3 or determinant < 1e-6 * a * d * f:
        return 0
    plane[0] = (m0 * p + m1 * q + m2 * r) / determinant
    plane[1] = (m1 * p + (a * f - c * c) * q + (b * c - a * e) * r) / determinant
    plane[2] = (m2 * p + (b * c - a * e) * q + (a * d - b * b) * r) / determinant
    return int(a)


@njit(nogil=True, cache=True, fastmath=True)
def _draw(
    samples: NDArray[np.float64],
    where: NDArray[np.int64],
    free: NDArray[np.bool_],
    tolerance: float,
    seed: int,
    best: NDArray[np.float64],
) -> int:
    """Fill `best` with the plane, of those through three neighbouring free samples, that most free ones lie on."""
    span = 2 * (_REACH // _STRIDE) + 1
    state = np.uint64(2463534242 + seed)
    chosen = np.zeros(3, dtype=np.int64)
    highest = 0
    for _ in range(_TRIALS):
        for corner in range(3):
            state ^= state << np.uint64(13)
            state ^= state >> np.uint64(7)
            state ^= state << np.uint64(17)
            lot = np.int64(state >> np.uint64(33))
            if corner == 0:
                chosen[0] = lot % len(samples)
                continue
            row = np.int64(samples[chosen[0], 1]) // _STRIDE + lot % span - span // 2
            column = np.int64(samples[chosen[0], 0]) // _STRIDE + (lot // span) % span - span // 2
            inside = 0 <= row < where.shape[0] and 0 <= column < where.shape[1]
            chosen[corner] = where[row, column] if inside else -1
        i, j, k = chosen
        if j < 0 or k < 0 or not (free[i] and free[j] and free[k]):
            continue
        ux, uy, uw = samples[j] - samples[i]
        vx, vy, vw = samples[k] - samples[i]
        area = ux * vy - vx * uy
        if abs(area) < 60.0:
            continue
        gx, gy = (uw * vy - vw * uy) / area, (ux * vw - vx * uw) / area
        w0 = samples[i, 2] - gx * samples[i, 0] - gy * samples[i, 1]
        inliers = 0
        for s in range(0, len(samples), 4):
            off = w0 + gx * samples[s, 0] + gy * samples[s, 1] - samples[s, 2]
            inliers += free[s] and abs(off) < tolerance * samples[s, 2]
        if inliers > highest:
            highest = inliers
            best[0], best[1], best[2] = w0, gx, gy
    return highest


def find_planes(depth: Float32, most: int, fewest: int, tolerance: float) -> tuple[Float64, NDArray[np.int64]]:
    """The planes of one view, one after the other, each by RANSAC among what the ones before left.

    Args:
        depth: (h, w), 0 unknown.
        most: planes at most; fewest: samples that a plane needs (there is one for nine pixels).
        tolerance: relative difference up to which a pixel lies on a plane.

    Returns:
        (P, 3): inverse depth at pixel (0, 0), its change per pixel in x and in y; (P,) samples on each.
    """
    coarse = depth[::_STRIDE, ::_STRIDE]
    rows, columns = np.nonzero(coarse)
    inverse = 1.0 / coarse[rows, columns].astype(np.float64)
    samples = np.column_stack([columns * float(_STRIDE), rows * float(_STRIDE), inverse])
    where = np.full(coarse.shape, -1, dtype=np.int64)
    where[rows, columns] = np.arange(len(rows))
    free = np.ones(len(samples), dtype=np.bool_)
    planes: list[Float64] = []
    support: list[int] = []
    while len(planes) < most and free.sum() >= fewest:
        plane = np.zeros(3)
        if _draw(samples, where, free, tolerance, len(planes), plane) == 0:
            break
        on_plane = 0
        for _ in range(3):
            on_plane = _least_squares(samples, free, tolerance, plane)
        if on_plane < fewest:
            break
        planes.append(plane)
        support.append(on_plane)
        off = plane[0] + samples[:, :2] @ plane[1:] - inverse
        free &= np.abs(off) >= 2.0 * tolerance * inverse
    return np.array(planes).reshape(-1, 3), np.array(support, dtype=np.int64)


def to_world(planes: Float64, intrinsics: Float64, extrinsics: Float64) -> Float64:
    """Planes of a view as (P, 4) world planes: n · X = d with unit n towards the camera, so that d < n · centre.

    Args:
        planes: (P, 3) as from `find_planes`; intrinsics (3, 3); extrinsics (3, 4).
    """
    # w = (w0, gx, gy) · (1, u, v) and (u, v, 1) = K X / z give m · X = 1 with m below.
    normals = planes[:, [1, 2, 0]] @ intrinsics
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    normals, offsets = -normals / length, -1.0 / length
    rotation, translation = extrinsics[:, :3], extrinsics[:, 3]
    return np.hstack([normals @ rotation, offsets - (normals @ translation)[:, None]])


def to_view(planes: Float64, intrinsics: Float64, extrinsics: Float64) -> Float32:
    """World planes as (P, 3) planes in a view's inverse depth; the inverse of `to_world`."""
    rotation, translation = extrinsics[:, :3], extrinsics[:, 3]
    normals = planes[:, :3] @ rotation.T
    offsets = planes[:, 3] + normals @ translation
    # A camera in the plane itself sees it as a line: any large number will do.
    offsets = np.where(np.abs(offsets) < 1e-9, 1e-9, offsets)
    inverse = (normals / offsets[:, None]) @ np.linalg.inv(intrinsics)
    return inverse[:, [2, 0, 1]].astype(np.float32)


def merge_planes(planes: Float64, support: Float64, size: float, most: int) -> Float64:
    """Planes found in many views, joined where they are the same one.

    Args:
        planes: (P, 4) world; support: (P,) how much speaks for each.
        size: typical distance of what is seen: planes are the same up to 3° and 2 % of it.
        most: planes at most.

    Returns:
        (Q, 4), best supported first.
    """
    taken = np.zeros(len(planes), dtype=bool)
    merged: list[tuple[float, Float64]] = []
    for seed in np.argsort(-support, kind="stable"):
        if taken[seed]:
            continue
        along = planes[:, :3] @ planes[seed, :3] > np.cos(np.radians(3.0))
        same = ~taken & along & (np.abs(planes[:, 3] - planes[seed, 3]) < 0.02 * size)
        taken |= same
        mean = np.average(planes[same], axis=0, weights=support[same])
        mean /= np.linalg.norm(mean[:3])
        merged.append((float(support[same].sum()), mean))
    merged.sort(key=lambda entry: -entry[0])
    return np.array([plane for _, plane in merged[:most]]).reshape(-1, 4)
