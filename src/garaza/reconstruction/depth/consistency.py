"""Which depths other views confirm."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(nogil=True, cache=True, fastmath=True)
def confirm(  # noqa: C901 - one loop nest: calls with arrays cost time in the innermost loop
    depth: NDArray[np.float32],
    others: NDArray[np.float32],
    homographies: NDArray[np.float32],
    epipoles: NDArray[np.float32],
    tolerance: float,
    slack: NDArray[np.float32],
    agreeing: NDArray[np.uint8],
    seeing: NDArray[np.uint8],
) -> NDArray[np.float32]:
    """Count, for each pixel, the other views whose depth agrees with its own, and those that should see it.

    A view in which something nearer covers the point does not see it and has no say.

    Args:
        depth: (h, w), 0 unknown; others: (S, h, w).
        homographies, epipoles: from the view to each other view, see `sources.relative_projections`.
        tolerance: relative difference up to which two depths agree.
        slack: (S,) difference in inverse depth up to which they agree in any case, but no more than three tolerances:
            where the camera hardly moved nothing better can be had.
        agreeing, seeing: (h, w), filled.

    Returns:
        (h, w) depth averaged with what the agreeing views measured.
    """
    height, width = depth.shape
    averaged = np.zeros((height, width), dtype=np.float32)
    one, half = np.float32(1.0), np.float32(0.5)
    for y in range(height):
        for x in range(width):
            agreeing[y, x] = 0
            seeing[y, x] = 0
            z = depth[y, x]
            if z <= 0:
                continue
            w = one / z
            u, v = np.float32(x), np.float32(y)
            total, weight = one, one
            for s in range(len(others)):
                h, e = homographies[s], epipoles[s]
                ratio = h[2, 0] * u + h[2, 1] * v + h[2, 2] + e[2] * w
                if ratio <= np.float32(0.05):
                    continue
                px = (h[0, 0] * u + h[0, 1] * v + h[0, 2] + e[0] * w) / ratio
                py = (h[1, 0] * u + h[1, 1] * v + h[1, 2] + e[1] * w) / ratio
                if not (
                    px >= -half and py >= -half and px < np.float32(width) - half and py < np.float32(height) - half
                ):
                    continue
                expected = ratio * z
                nearest = others[s, int(py + half), int(px + half)]
                if nearest <= 0:
                    continue
                # Between pixels where they form one surface; at a jump the nearest pixel speaks alone.
                ix, iy = min(int(px), width - 2), min(int(py), height - 2)
                fx = min(max(px - np.float32(ix), np.float32(0.0)), one)
                fy = min(max(py - np.float32(iy), np.float32(0.0)), one)
                a, b = others[s, iy, ix], others[s, iy, ix + 1]
                c, d = others[s, iy + 1, ix], others[s, iy + 1, ix + 1]
                low, high = min(a, b, c, d), max(a, b, c, d)
                measured = nearest
                if low > 0 and high < np.float32(1.1) * low:
                    measured = (a * (one - fx) + b * fx) * (one - fy) + (c * (one - fx) + d * fx) * fy
                quotient = measured / expected
                allowed = min(max(np.float32(tolerance), slack[s] * z), np.float32(3.0 * tolerance))
                if quotient < one - allowed:
                    continue
                seeing[y, x] += 1
                if quotient <= one + allowed:
                    agreeing[y, x] += 1
                    total += quotient
                    weight += one
            averaged[y, x] = z * total / weight
    return averaged


@njit(nogil=True, cache=True)
def remove_specks(depth: NDArray[np.float32], tolerance: float, smallest: int) -> None:
    """Set to 0 every connected patch of similar depth with fewer than `smallest` pixels."""
    height, width = depth.shape
    seen = np.zeros((height, width), dtype=np.bool_)
    queue = np.empty(height * width, dtype=np.int32)
    for start in range(height * width):
        if seen[start // width, start % width] or depth[start // width, start % width] <= 0:
            continue
        queue[0] = start
        seen[start // width, start % width] = True
        head, tail = 0, 1
        while head < tail:
            y, x = queue[head] // width, queue[head] % width
            head += 1
            z = depth[y, x]
            for way in range(4):
                yy, xx = y + (way == 0) - (way == 1), x + (way == 2) - (way == 3)
                if not (0 <= yy < height and 0 <= xx < width) or seen[yy, xx] or depth[yy, xx] <= 0:
                    continue
                if abs(depth[yy, xx] - z) < tolerance * z:
                    seen[yy, xx] = True
                    queue[tail] = yy * width + xx
                    tail += 1
        if tail < smallest:
            for k in range(tail):
                depth[queue[k] // width, queue[k] % width] = 0
