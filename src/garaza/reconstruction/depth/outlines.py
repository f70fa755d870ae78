"""Outlines of depth, put where the picture's colours change."""

from __future__ import annotations

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from garaza.reconstruction.prediction import Bool, Float32, UInt8

_JUMP = 0.03
"""Of the depth: neighbours that differ by more are an outline, to be looked at together with the picture."""
_RADIUS = 6
"""Pixels about an outline that have a say in where it runs."""
_COLOUR = 20.0
"""Of 8 bit CIELAB's three differences added up: at this one the say is 1/e."""
_MAX_COLOUR = 120


def sharpen_outlines(depth: Float32, image: UInt8) -> Float32:
    """(h, w) depth with each pixel near a jump replaced by the weighted median of what is about it.

    Nearness in place and in colour are the weights (Ma et al., "Constant time weighted median filtering for stereo
    matching and beyond", 2013). Unknown depth has no say, and becomes known near an outline.

    Args:
        depth: (h, w), 0 where unknown; image: (H, W, 3) RGB of the same field of view.
    """
    small = cv2.resize(image, depth.shape[::-1], interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.int32)
    sharp: Float32 = _weighted_medians(depth, outlines(depth), lab, _COLOUR_SAY, _NEAR_SAY)
    return sharp


def outlines(depth: Float32) -> Bool:
    """(h, w) whether depth jumps within two pixels; unknown depth next to known is a jump too."""
    window = np.ones((5, 5), np.uint8)
    near, far = cv2.erode(depth, window), cv2.dilate(depth, window)
    jumps: Bool = np.maximum(far - depth, depth - near) > _JUMP * depth
    return jumps


def _say(colour: float, radius: int) -> tuple[Float32, Float32]:
    """The weight of a colour's difference, (_MAX_COLOUR + 1,), and of a place in the window, (2 r + 1, 2 r + 1)."""
    away = np.arange(-radius, radius + 1)
    squares = away[:, None] ** 2 + away**2
    colours = np.exp(-np.arange(_MAX_COLOUR + 1) / colour)
    return colours.astype(np.float32), np.exp(-squares / (2 * (0.6 * radius) ** 2)).astype(np.float32)


_COLOUR_SAY, _NEAR_SAY = _say(_COLOUR, _RADIUS)


@njit(nogil=True, cache=True)
def _apart(lab: NDArray[np.int32], y: int, x: int, yy: int, xx: int) -> int:
    apart: int = (
        abs(lab[yy, xx, 0] - lab[y, x, 0]) + abs(lab[yy, xx, 1] - lab[y, x, 1]) + abs(lab[yy, xx, 2] - lab[y, x, 2])
    )
    return apart


@njit(nogil=True, cache=True)
def _median(values: NDArray[np.float32], says: NDArray[np.float32], unknown: np.float32) -> np.float32:
    """Of sorted values."""
    half = says.sum() / 2
    passed = np.float32(0.0)
    for place in range(len(values)):
        passed += says[place]
        if passed >= half:
            median: np.float32 = values[place]
            return median
    return unknown


@njit(nogil=True, cache=True)
def _weighted_medians(
    depth: NDArray[np.float32],
    where: NDArray[np.bool_],
    lab: NDArray[np.int32],
    colour_say: NDArray[np.float32],
    near_say: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Values are sorted as they come: a window has a few surfaces, so most of them belong near the end."""
    height, width = depth.shape
    radius = near_say.shape[0] // 2
    result = depth.copy()
    values = np.empty(near_say.size, np.float32)
    says = np.empty(near_say.size, np.float32)
    for y, x in np.argwhere(where):
        count = 0
        for yy in range(max(y - radius, 0), min(y + radius + 1, height)):
            for xx in range(max(x - radius, 0), min(x + radius + 1, width)):
                value, apart = depth[yy, xx], _apart(lab, y, x, yy, xx)
                if value <= 0 or apart >= colour_say.size:
                    continue
                place = count
                while place > 0 and values[place - 1] > value:
                    values[place], says[place] = values[place - 1], says[place - 1]
                    place -= 1
                values[place] = value
                says[place] = colour_say[apart] * near_say[yy - y + radius, xx - x + radius]
                count += 1
        result[y, x] = _median(values[:count], says[:count], depth[y, x])
    return result
