"""Depth that a view lacks, taken from the views that measured the same place."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(nogil=True, cache=True, fastmath=True)
def carry_over(
    depth: NDArray[np.float32],
    grey: NDArray[np.float32],
    target_grey: NDArray[np.float32],
    homography: NDArray[np.float32],
    epipole: NDArray[np.float32],
    contrast: float,
    out: NDArray[np.float32],
) -> None:
    """Draw one view's depth as another view sees it; the nearer surface covers the farther one.

    Args:
        depth, grey: (h, w) of the giving view; depth 0 unknown.
        target_grey: (h, w) of the receiving view. Where the two differ by more than `contrast` grey levels, something
            unmeasured covers the point in the receiving view, or the light differs: nothing is given.
        homography, epipole: from the giving view to the receiving one, see `sources.relative_projections`.
        out: (h, w) depth in the receiving view, 0 unknown; filled.
    """
    height, width = depth.shape
    out[:] = np.float32(0.0)
    half = np.float32(0.5)
    limit = np.float32(contrast)
    h, e = homography, epipole
    for y in range(height):
        for x in range(width):
            z = depth[y, x]
            if z <= 0:
                continue
            u, v, w = np.float32(x), np.float32(y), np.float32(1.0) / z
            ratio = h[2, 0] * u + h[2, 1] * v + h[2, 2] + e[2] * w
            if ratio <= np.float32(0.05):
                continue
            px = (h[0, 0] * u + h[0, 1] * v + h[0, 2] + e[0] * w) / ratio + half
            py = (h[1, 0] * u + h[1, 1] * v + h[1, 2] + e[1] * w) / ratio + half
            if not (px >= 0 and py >= 0 and px < np.float32(width) and py < np.float32(height)):
                continue
            ix, iy = int(px), int(py)
            if abs(target_grey[iy, ix] - grey[y, x]) > limit:
                continue
            here = z * ratio
            if out[iy, ix] <= 0 or here < out[iy, ix]:
                out[iy, ix] = here


@njit(nogil=True, cache=True, fastmath=True)
def agree_on(  # noqa: C901 - one loop nest
    offers: NDArray[np.float32], tolerance: float, fewest: int, share: float
) -> NDArray[np.float32]:
    """The depth that most of several offers agree on, averaged; 0 where they don't.

    Args:
        offers: (S, h, w), 0 none.
        tolerance: relative difference up to which two agree.
        fewest: offers that must agree, and `share` of all there are.
    """
    count, height, width = offers.shape
    out = np.zeros((height, width), dtype=np.float32)
    for y in range(height):
        for x in range(width):
            offered = 0
            for s in range(count):
                offered += offers[s, y, x] > 0
            if offered < fewest:
                continue
            most, mean = 0, np.float32(0.0)
            for s in range(count):
                z = offers[s, y, x]
                if z <= 0:
                    continue
                agreeing, total = 0, np.float32(0.0)
                for t in range(count):
                    if offers[t, y, x] > 0 and abs(offers[t, y, x] - z) <= np.float32(tolerance) * z:
                        agreeing += 1
                        total += offers[t, y, x]
                if agreeing > most or (agreeing == most and total / np.float32(agreeing) < mean):
                    most, mean = agreeing, total / np.float32(agreeing)
            if most >= fewest and most >= share * offered:
                out[y, x] = mean
    return out
