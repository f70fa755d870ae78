"""Stretches of a video between which the camera moved about equally far, each with its best frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Candidate:
    """A frame that may be kept."""

    picture: NDArray[Any]
    """(H, W, 3) uint8, or uint16 with the source's own transfer characteristic."""
    index: int
    time: float
    sharpness: float
    brightness: float
    """90th percentile of its grey values, 0 to 255."""


@dataclass(slots=True)
class Window:
    """A stretch of frames."""

    best: Candidate
    motion: float = 0.0
    """From its first frame to the next window's first, a share of the image's diagonal."""


class Windows:
    """Windows of a video that is being read, never more than a few more of them than will be kept.

    What a window should be is known only at the end, when the whole motion is. So windows start small and the two
    neighbours with the least motion between them are joined when there are too many: motion ends up spread evenly,
    stretches without motion cost nothing, and memory is bounded however long the video is.
    """

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._windows: list[Window] = []
        self.offered = 0
        """Frames looked at so far."""

    def __len__(self) -> int:
        return len(self._windows)

    @property
    def motion(self) -> float:
        return sum(window.motion for window in self._windows)

    def start(self, candidate: Candidate, motion_before: float) -> None:
        """Begin a window with this frame, `motion_before` away from where the last window began."""
        self.offered += 1
        if self._windows:
            self._windows[-1].motion = motion_before
        self._windows.append(Window(candidate))
        # A quarter more than wanted is kept back, so that late joins still have a choice.
        if len(self._windows) > self._wanted * 5 // 4 + 4:
            self._join()

    def offer(self, candidate: Candidate) -> None:
        """Take this frame as the current window's best if it is."""
        self.offered += 1
        if candidate.sharpness > self._windows[-1].best.sharpness:
            self._windows[-1].best = candidate

    def close(self, motion: float) -> None:
        """The video is over, `motion` away from where the last window began."""
        if self._windows:
            self._windows[-1].motion = motion

    def chosen(self) -> list[Candidate]:
        """The best frame of each window, joined down to the number wanted."""
        while len(self._windows) > self._wanted:
            self._join()
        return [window.best for window in self._windows]

    def _join(self) -> None:
        # The last window is still open, so its motion isn't known.
        motions = np.array([window.motion for window in self._windows])
        at = int(np.argmin(motions[:-1] + motions[1:])) if len(motions) < 3 else self._cheapest(motions)
        first, second = self._windows[at], self._windows[at + 1]
        best = first.best if first.best.sharpness >= second.best.sharpness else second.best
        self._windows[at : at + 2] = [Window(best, first.motion + second.motion)]

    @staticmethod
    def _cheapest(motions: NDArray[np.float64]) -> int:
        return int(np.argmin(motions[:-2] + motions[1:-1]))
