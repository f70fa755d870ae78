"""How far the picture has moved since a reference frame, and how sharp it is."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from garaza.reconstruction.prediction import UInt8

FLOW_SIZE = 320
"""Longer side, pixels, of the pictures that motion is measured on."""
LOST = 0.25
"""Motion, as a share of the diagonal, taken where nothing of the reference could be followed."""
_MAX_POINTS = 160
_MIN_POINTS = 15


class MotionTracker:
    """Follows corners from a reference frame on, frame by frame (Lucas and Kanade, pyramidal).

    Motion is counted from the reference and not summed up from frame to frame: the trembling of a hand that stands
    still goes nowhere, and counts as nothing.
    """

    def __init__(self) -> None:
        self._last: UInt8 | None = None
        self._start: NDArray[np.float32] = np.zeros((0, 1, 2), dtype=np.float32)
        self._now = self._start

    def restart(self, grey: UInt8) -> None:
        """Make this frame the reference."""
        points = cv2.goodFeaturesToTrack(grey, _MAX_POINTS, 0.005, 9, blockSize=5)
        self._start = np.zeros((0, 1, 2), dtype=np.float32) if points is None else points.astype(np.float32)
        self._now = self._start
        self._last = grey

    def follow(self, grey: UInt8) -> float:
        """Motion from the reference to this frame, the next one: a share of the image's diagonal.

        The median length of the way that points have gone, plus what a turn, shift and zoom of the whole picture
        can't explain: that is parallax, which is worth more frames than turning.
        """
        assert self._last is not None
        if len(self._now) < _MIN_POINTS:
            # A bare wall: nothing to measure by until something comes into view.
            self.restart(grey)
            return 0.0
        moved, found, _ = cv2.calcOpticalFlowPyrLK(
            self._last, grey, self._now, np.zeros_like(self._now), winSize=(15, 15), maxLevel=3
        )
        self._last = grey
        inside = (
            (moved[:, 0, 0] >= 0)
            & (moved[:, 0, 1] >= 0)
            & (moved[:, 0, 0] < grey.shape[1])
            & (moved[:, 0, 1] < grey.shape[0])
        )
        kept = (found[:, 0] == 1) & inside
        self._start, self._now = self._start[kept], moved[kept]
        if len(self._now) < _MIN_POINTS:
            return LOST
        return self._motion() / float(np.hypot(*grey.shape))

    def _motion(self) -> float:
        way = float(np.median(np.linalg.norm(self._now - self._start, axis=2)))
        fitted: Any = cv2.estimateAffinePartial2D(self._start, self._now, method=cv2.LMEDS, maxIters=200)
        similarity = fitted[0]
        if similarity is None:
            return way
        explained = self._start[:, 0] @ similarity[:, :2].T + similarity[:, 2]
        rest = np.linalg.norm(self._now[:, 0] - explained, axis=1)
        return way + 2.0 * float(np.median(rest))


def sharpness(grey: UInt8) -> float:
    """How sharp the edges are: 0.6 to 0.8 for a good picture, 0.37 with a blur of 2 pixels (sigma), 0.31 with 3.

    Steepness of the strongest edges over their steepness at a quarter of the size, where a blur of few pixels is no
    longer seen. The strongest edges rise above the noise, which sums over all pixels take for detail; and the ratio
    doesn't change with the light, and hardly with what is in the picture.
    """
    coarse = cv2.resize(grey, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    return _steepness(grey) / (_steepness(np.asarray(coarse, dtype=np.uint8)) + 8.0)


def _steepness(grey: UInt8) -> float:
    across: Any = cv2.Sobel(grey, cv2.CV_16S, 1, 0)
    down: Any = cv2.Sobel(grey, cv2.CV_16S, 0, 1)
    return float(np.percentile((np.abs(across) + np.abs(down))[::2, ::2], 98))
