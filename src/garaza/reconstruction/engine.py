"""The one interface that every engine has."""

from __future__ import annotations

from typing import Protocol

from garaza.reconstruction.checkpoints import Checkpoints
from garaza.reconstruction.frames import Keyframes
from garaza.reconstruction.prediction import Prediction
from garaza.reconstruction.progress import Monitor
from garaza.reconstruction.quality import QualitySettings


class Engine(Protocol):
    """Turns keyframes into cameras and depth."""

    name: str

    def predict(
        self, keyframes: Keyframes, settings: QualitySettings, monitor: Monitor, checkpoints: Checkpoints
    ) -> Prediction:
        """Find cameras and depth. Runs in the caller's thread and may use more threads or processes of its own.

        Opens `Stage.CAMERAS` and `Stage.DEPTH` on the monitor and reports in them. The prediction is kept by the
        caller; an engine may keep what it knows after `Stage.CAMERAS`.

        Raises:
            ReconstructionFailure: the keyframes do not allow it; says why, for a person.
            Cancelled: the monitor said so; threads and processes started here have ended by then.
        """
        ...
