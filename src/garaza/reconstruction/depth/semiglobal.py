"""Smooth depth out of noisy costs: semi-global matching."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(nogil=True, cache=True, fastmath=True)
def aggregate(
    cost: NDArray[np.uint8],
    grey: NDArray[np.float32],
    total: NDArray[np.uint16],
    small: int,
    large: int,
    contrast: float,
    backward: bool,
) -> None:
    """Add four of the eight path costs of semi-global matching (Hirschmüller 2008) to `total`.

    Called once forward (from the left and from above) and once backward. A step by one hypothesis costs `small`, a
    jump `large`, less where the picture has an edge of about `contrast` grey levels: depth jumps mostly lie there.

    Args:
        cost, total: (h, w, D).
        grey: (h, w), 0..255.
    """
    height, width, depths = cost.shape
    # One entry more at both ends, never the cheapest, saves a branch in the innermost loop.
    wall = np.uint16(20000)
    paths = np.full((2, 3, width, depths + 2), wall, dtype=np.uint16)
    lowest = np.zeros((2, 3, width), dtype=np.uint16)
    side = np.full((2, depths + 2), wall, dtype=np.uint16)
    way = -1 if backward else 1
    for row in range(height):
        y = height - 1 - row if backward else row
        now, before = row % 2, 1 - row % 2
        side_lowest = np.uint16(0)
        for column in range(width):
            x = width - 1 - column if backward else column
            for path in range(4):
                # Paths 0..2 come from the row before (straight and both diagonals), path 3 from the same row.
                px = x + (path - 1) * way if path < 3 else x - way
                py = y - way if path < 3 else y
                if path == 3:
                    old, new = side[1 - column % 2], side[column % 2]
                    base = side_lowest
                elif 0 <= px < width and 0 <= py < height:
                    old, new = paths[before, path, px], paths[now, path, x]
                    base = lowest[before, path, px]
                else:
                    old, new = side[0], paths[now, path, x]
                    base = np.uint16(0)
                here, sums = cost[y, x], total[y, x]
                least = wall
                if 0 <= px < width and 0 <= py < height:
                    edge = abs(grey[y, x] - grey[py, px]) / np.float32(contrast)
                    p2 = np.uint16(np.float32(large) / (np.float32(1.0) + edge))
                    p1 = min(np.uint16(small), p2)
                    jump = np.uint16(base + p2)
                    for d in range(depths):
                        step = np.uint16(min(old[d], old[d + 2]) + p1)
                        value = np.uint16(np.uint16(min(old[d + 1], step, jump) - base) + np.uint16(here[d]))
                        new[d + 1] = value
                        least = min(least, value)
                        sums[d] += value
                else:
                    for d in range(depths):
                        value = np.uint16(here[d])
                        new[d + 1] = value
                        least = min(least, value)
                        sums[d] += value
                if path == 3:
                    side_lowest = least
                else:
                    lowest[now, path, x] = least


@njit(nogil=True, cache=True, fastmath=True)
def cheapest(total: NDArray[np.uint16], rivals: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Each pixel's best hypothesis, finer than whole ones, and how clear a choice it was.

    Args:
        total: (h, w, D).
        rivals: hypotheses on each side of the best that are no competitors of it.

    Returns:
        position (h, w): index along the last axis, refined by a parabola through the best and its two neighbours;
        clearness (h, w): 0 (another hypothesis is as good) to 1.
    """
    height, width, depths = total.shape
    position = np.empty((height, width), dtype=np.float32)
    clearness = np.empty((height, width), dtype=np.float32)
    for y in range(height):
        for x in range(width):
            sums = total[y, x]
            at = 0
            for d in range(1, depths):
                if sums[d] < sums[at]:
                    at = d
            best = np.float32(sums[at])
            second = np.float32(65535.0)
            for d in range(depths):
                if abs(d - at) > rivals:
                    second = min(second, np.float32(sums[d]))
            shift = np.float32(0.0)
            if 0 < at < depths - 1:
                left, right = np.float32(sums[at - 1]) - best, np.float32(sums[at + 1]) - best
                if left + right > 0:
                    shift = np.float32(0.5) * (left - right) / (left + right)
            position[y, x] = np.float32(at) + shift
            clearness[y, x] = (second - best) / max(second, np.float32(1.0))
    return position, clearness
