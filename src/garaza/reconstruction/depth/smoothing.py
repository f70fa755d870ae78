"""Depth without the noise of single pixels."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(nogil=True, cache=True, fastmath=True)
def fit_planes(inverse: NDArray[np.float32], step: float) -> NDArray[np.float32]:
    """Each pixel's plane in inverse depth, by least squares over the neighbours within two steps of its own.

    Args:
        inverse: (h, w) inverse depth.

    Returns:
        (h, w, 3) inverse depth and its change per pixel in x and in y. A plane in space is a plane in these, too.
    """
    height, width = inverse.shape
    planes = np.zeros((height, width, 3), dtype=np.float32)
    near = np.float32(2.0 * step)
    for y in range(height):
        for x in range(width):
            w = inverse[y, x]
            n = sx = sy = sxx = sxy = syy = sw = sxw = syw = np.float32(0.0)
            for dy in range(-3, 4):
                for dx in range(-3, 4):
                    yy, xx = y + dy, x + dx
                    if not (0 <= yy < height and 0 <= xx < width):
                        continue
                    off = inverse[yy, xx] - w
                    # The band widens with distance, or a slanted surface would lose its outer pixels.
                    if abs(off) > near * (np.float32(0.4) + np.float32(0.2) * np.float32(max(abs(dx), abs(dy)))):
                        continue
                    fx, fy = np.float32(dx), np.float32(dy)
                    n += np.float32(1.0)
                    sx += fx
                    sy += fy
                    sxx += fx * fx
                    sxy += fx * fy
                    syy += fy * fy
                    sw += off
                    sxw += fx * off
                    syw += fy * off
            planes[y, x, 0] = w
            if n < np.float32(12.0):
                continue
            sxx -= sx * sx / n
            sxy -= sx * sy / n
            syy -= sy * sy / n
            sxw -= sx * sw / n
            syw -= sy * sw / n
            determinant = sxx * syy - sxy * sxy
            if determinant > np.float32(0.05) * sxx * syy:
                gx = (sxw * syy - syw * sxy) / determinant
                gy = (syw * sxx - sxw * sxy) / determinant
                planes[y, x, 0] = w + (sw - gx * sx - gy * sy) / n
                planes[y, x, 1] = gx
                planes[y, x, 2] = gy
    return planes
