"""What a pixel's surroundings look like, as 62 bits that exposure and gamma do not change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray


def _count_ones(_context: Any, _value: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


count_ones = cast("Callable[[np.uint64], np.uint64]", intrinsic(_count_ones))
"""Number of set bits: one instruction, where a loop or a table would cost ten. For compiled code only."""


@njit(nogil=True, cache=True)
def census_transform(grey: NDArray[np.float32], spacing: int) -> NDArray[np.uint64]:
    """Compare each pixel with the 62 others of the 9 × 7 window around it (Zabih & Woodfill 1994).

    Args:
        grey: (h, w). Beyond the border its edge is repeated.
        spacing: of the window's samples in pixels; 2 for a picture enlarged twice, whose every second column and line
            then gives what the picture itself would have given.
    """
    height, width = grey.shape
    out = np.zeros((height, width), dtype=np.uint64)
    for y in range(height):
        for x in range(width):
            centre = grey[y, x]
            bits = np.uint64(0)
            for dy in range(-3, 4):
                yy = min(max(y + spacing * dy, 0), height - 1)
                for dx in range(-4, 5):
                    if dy == 0 and dx == 0:
                        continue
                    xx = min(max(x + spacing * dx, 0), width - 1)
                    bits = (bits << np.uint64(1)) | np.uint64(grey[yy, xx] < centre)
            out[y, x] = bits
    return out


@njit(nogil=True, cache=True)
def similar_neighbours(grey: NDArray[np.float32], contrast: float) -> NDArray[np.uint64]:
    """Which of the 62 bits of `census_transform` compare a pixel with one that may be on the same surface.

    A bare pixel beside a contrasting edge would otherwise be matched by that edge, and objects would grow by half a
    window. Left out is what differs by more than `contrast` grey levels and more than the window's average does.
    """
    height, width = grey.shape
    out = np.zeros((height, width), dtype=np.uint64)
    differences = np.empty(62, dtype=np.float32)
    for y in range(height):
        for x in range(width):
            centre = grey[y, x]
            total = np.float32(0.0)
            k = 0
            for dy in range(-3, 4):
                yy = min(max(y + dy, 0), height - 1)
                for dx in range(-4, 5):
                    if dy == 0 and dx == 0:
                        continue
                    xx = min(max(x + dx, 0), width - 1)
                    differences[k] = abs(grey[yy, xx] - centre)
                    total += differences[k]
                    k += 1
            limit = max(np.float32(contrast), total / np.float32(62.0))
            bits = np.uint64(0)
            for k in range(62):
                bits = (bits << np.uint64(1)) | np.uint64(differences[k] <= limit)
            out[y, x] = bits
    return out
