"""Bare walls: planes through what is known at their rims."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

_TRIALS = 120
_SAMPLE = 400
"""RANSAC draws that many planes and counts inliers among at most that many pixels of a segment."""


@njit(nogil=True, cache=True, fastmath=True)
def _least_squares(
    pixels: NDArray[np.int32],
    inverse: NDArray[np.float32],
    width: int,
    plane: NDArray[np.float64],
    tolerance: float,
    normal: NDArray[np.float64],
) -> tuple[int, float]:
    """Refit `plane` to its inliers, in place; fills the inverse of the normal matrix, returns count and variance."""
    moments = np.zeros((3, 3))
    right = np.zeros(3)
    squares, count = 0.0, 0
    for pixel in pixels:
        w = np.float64(inverse[pixel // width, pixel % width])
        x, y = np.float64(pixel % width), np.float64(pixel // width)
        off = plane[0] + plane[1] * x + plane[2] * y - w
        if abs(off) > tolerance * w:
            continue
        count += 1
        squares += off * off
        moments[0, 0] += 1.0
        moments[0, 1] += x
        moments[0, 2] += y
        moments[1, 1] += x * x
        moments[1, 2] += x * y
        moments[2, 2] += y * y
        right[0] += w
        right[1] += w * x
        right[2] += w * y
    a, b, c = moments[0, 0], moments[0, 1], moments[0, 2]
    d, e, f = moments[1, 1], moments[1, 2], moments[2, 2]
    # The adjugate: numba's linear algebra would take seconds to compile for a 3 × 3 matrix.
    normal[0, 0] = d * f - e * e
    normal[0, 1] = normal[1, 0] = c * e - b * f
    normal[0, 2] = normal[2, 0] = b * e - c * d
    normal[1, 1] = a * f - c * c
    normal[1, 2] = normal[2, 1] = b * c - a * e
    normal[2, 2] = a * d - b * b
    determinant = a * normal[0, 0] + b * normal[0, 1] + c * normal[0, 2]
    if count < 3 or determinant < 1e-6 * a * d * f:
        return 0, 0.0
    for i in range(3):
        for j in range(3):
            normal[i, j] /= determinant
    for i in range(3):
        plane[i] = normal[i, 0] * right[0] + normal[i, 1] * right[1] + normal[i, 2] * right[2]
    return count, squares / count


@njit(nogil=True, cache=True, fastmath=True)
def _ransac(
    pixels: NDArray[np.int32],
    inverse: NDArray[np.float32],
    width: int,
    tolerance: float,
    seed: int,
    best: NDArray[np.float64],
) -> int:
    """Fill `best` with the plane through three of `pixels` that most others lie on; returns how many, 0 for none."""
    count = len(pixels)
    stride = max(count // _SAMPLE, 1)
    state = np.uint64(2463534242 + seed)
    xs, ys, ws = np.zeros(3), np.zeros(3), np.zeros(3)
    most = 0
    for _ in range(_TRIALS):
        for corner in range(3):
            state ^= state << np.uint64(13)
            state ^= state >> np.uint64(7)
            state ^= state << np.uint64(17)
            pixel = pixels[np.int64(state >> np.uint64(33)) % count]
            xs[corner], ys[corner] = pixel % width, pixel // width
            ws[corner] = inverse[pixel // width, pixel % width]
        area = (xs[1] - xs[0]) * (ys[2] - ys[0]) - (xs[2] - xs[0]) * (ys[1] - ys[0])
        if abs(area) < 20.0:
            continue
        gx = ((ws[1] - ws[0]) * (ys[2] - ys[0]) - (ws[2] - ws[0]) * (ys[1] - ys[0])) / area
        gy = ((xs[1] - xs[0]) * (ws[2] - ws[0]) - (xs[2] - xs[0]) * (ws[1] - ws[0])) / area
        w0 = ws[0] - gx * xs[0] - gy * ys[0]
        inliers = 0
        for k in range(0, count, stride):
            w = np.float64(inverse[pixels[k] // width, pixels[k] % width])
            inliers += abs(w0 + gx * (pixels[k] % width) + gy * (pixels[k] // width) - w) < tolerance * w
        if inliers > most:
            most = inliers
            best[0], best[1], best[2] = w0, gx, gy
    return most


@njit(nogil=True, cache=True, fastmath=True)
def fill_segments(  # noqa: C901 - one loop nest, told step by step
    depth: NDArray[np.float32],
    order: NDArray[np.int32],
    starts: NDArray[np.int64],
    fewest: int,
    share: float,
    tolerance: float,
    uncertainty: float,
    filled: NDArray[np.float32],
) -> None:
    """Lay a plane through the known depths of every segment and write it where it is certain enough.

    How certain follows from least squares: a plane held by a few pixels at one rim says nothing about the other rim.

    Args:
        depth: (h, w) trusted, 0 unknown.
        order, starts: pixels sorted by label; label k's are ``order[starts[k]:starts[k + 1]]``.
        fewest: known pixels a plane needs; share: of them that must lie on it.
        tolerance: relative distance within which a pixel lies on a plane.
        uncertainty: relative standard deviation of the plane at a pixel above which it is not written.
        filled: (h, w) depth of planes, written for unknown pixels only.
    """
    height, width = depth.shape
    inverse = np.zeros((height, width), dtype=np.float32)
    for y in range(height):
        for x in range(width):
            if depth[y, x] > 0:
                inverse[y, x] = np.float32(1.0) / depth[y, x]
    known = np.empty(height * width, dtype=np.int32)
    plane, normal = np.zeros(3), np.zeros((3, 3))
    for label in range(len(starts) - 1):
        count = 0
        for k in range(starts[label], starts[label + 1]):
            if inverse[order[k] // width, order[k] % width] > 0:
                known[count] = order[k]
                count += 1
        if count < fewest or _ransac(known[:count], inverse, width, tolerance, label, plane) == 0:
            continue
        on_plane, variance = _least_squares(known[:count], inverse, width, plane, tolerance, normal)
        if on_plane > 0:
            on_plane, variance = _least_squares(known[:count], inverse, width, plane, tolerance, normal)
        if on_plane < max(fewest, share * count):
            continue
        # Neighbouring pixels err together: some fifty of them count as one measurement.
        variance = max(50.0 * variance, 1e-12)
        for k in range(starts[label], starts[label + 1]):
            if inverse[order[k] // width, order[k] % width] > 0:
                continue
            column, line = float(order[k] % width), float(order[k] // width)
            w = plane[0] + plane[1] * column + plane[2] * line
            spread = normal[0, 0] + column * column * normal[1, 1] + line * line * normal[2, 2]
            spread += 2.0 * (column * normal[0, 1] + line * normal[0, 2] + column * line * normal[1, 2])
            if w > 0 and variance * spread < (uncertainty * w) ** 2:
                filled[order[k] // width, order[k] % width] = np.float32(1.0 / w)


def pixels_by_label(labels: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Pixels sorted by label, and where each label's begin, as `fill_segments` wants them."""
    flat = labels.ravel()
    order = np.argsort(flat, kind="stable").astype(np.int32)
    starts = np.concatenate([[0], np.cumsum(np.bincount(flat))])
    return order, starts
