"""How well each pixel fits its sources at each of a row of inverse depths."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from garaza.reconstruction.depth.census import count_ones

NO_IDEA = 93
"""Cost where no source sees the pixel: that of a random match, so that it neither helps nor hinders a depth."""


@njit(nogil=True, cache=True, fastmath=True)
def sweep(  # noqa: C901 - one loop nest: calls with arrays cost time in the innermost loop
    reference: NDArray[np.uint64],
    similar: NDArray[np.uint64],
    sources: NDArray[np.uint64],
    homographies: NDArray[np.float32],
    epipoles: NDArray[np.float32],
    first: float,
    step: float,
    cost: NDArray[np.uint8],
) -> None:
    """Fill `cost` (h, w, D) with three times the mean Hamming distance of the best sources (plane sweep, Collins 1996).

    Only the best half of the sources count (at least two where two see the pixel): what is hidden from some of them
    still matches in the others. Inverse depths are ``first + d * step``.

    Args:
        reference: (h, w) census of the view; similar: (h, w) which of its bits count.
        sources: (S, 2h', 2w') census of the sources at every half pixel: whole ones
            would round small disparities away.
        homographies, epipoles: see `sources.relative_projections`.
    """
    height, width = reference.shape
    count, source_height, source_width = sources.shape
    depths = cost.shape[2]
    index = np.empty(depths, dtype=np.int32)
    best = np.empty((3, depths), dtype=np.int32)
    limit_x, limit_y = np.float32(source_width // 2 - 1), np.float32(source_height // 2 - 1)
    two, half, zero = np.float32(2.0), np.float32(0.5), np.float32(0.0)
    w0, dw = np.float32(first), np.float32(step)
    third = count >= 5
    for y in range(height):
        for x in range(width):
            mine, counts = reference[y, x], similar[y, x]
            for d in range(depths):
                best[0, d] = 255
                best[1, d] = 255
                best[2, d] = 255
            for s in range(count):
                h, e = homographies[s], epipoles[s]
                u, v = np.float32(x), np.float32(y)
                a0 = h[0, 0] * u + h[0, 1] * v + h[0, 2] + e[0] * w0
                a1 = h[1, 0] * u + h[1, 1] * v + h[1, 2] + e[1] * w0
                a2 = h[2, 0] * u + h[2, 1] * v + h[2, 2] + e[2] * w0
                b0, b1, b2 = e[0] * dw, e[1] * dw, e[2] * dw
                for d in range(depths):
                    t = np.float32(d)
                    z = a2 + b2 * t
                    inverse = np.float32(1.0) / z
                    px = (a0 + b0 * t) * inverse
                    py = (a1 + b1 * t) * inverse
                    inside = (z > zero) & (px >= zero) & (px <= limit_x) & (py >= zero) & (py <= limit_y)
                    px = min(max(px, zero), limit_x)
                    py = min(max(py, zero), limit_y)
                    at = np.int32(two * py + half) * np.int32(source_width) + np.int32(two * px + half)
                    index[d] = at if inside else np.int32(-1)
                census = sources[s].ravel()
                for d in range(depths):
                    at = index[d]
                    if at >= 0:
                        c = np.int32(count_ones((mine ^ census[at]) & counts))
                        m0, m1, m2 = best[0, d], best[1, d], best[2, d]
                        best[0, d] = min(m0, c)
                        best[1, d] = min(m1, max(m0, c))
                        best[2, d] = min(m2, max(m1, c))
            for d in range(depths):
                m0, m1, m2 = best[0, d], best[1, d], best[2, d]
                if m0 == 255:
                    cost[y, x, d] = NO_IDEA
                elif m1 == 255:
                    cost[y, x, d] = 3 * m0
                elif m2 == 255 or not third:
                    cost[y, x, d] = (3 * (m0 + m1)) >> 1
                else:
                    cost[y, x, d] = m0 + m1 + m2
