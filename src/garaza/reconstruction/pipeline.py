"""The main job: a video in, a folder with a model out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from garaza.reconstruction.cameras.scale import KnownLength
from garaza.reconstruction.progress import Monitor
from garaza.reconstruction.quality import Quality
from garaza.reconstruction.result import Result

MIN_FRAMES, MAX_FRAMES = 8, 512


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller may choose."""

    quality: Quality = Quality.STANDARD
    engine: str = "geometric"
    max_frames: int | None = None
    """Keyframes at most, MIN_FRAMES to MAX_FRAMES; None: what the quality says."""
    known_length: KnownLength | None = None


def reconstruct(source: Path, out: Path, options: Options, monitor: Monitor) -> Result:
    """Reconstruct `source` into the folder `out`, which appears only when everything in it is complete.

    Args:
        source: a video file or a folder of photos.
        out: folder to make; an earlier result there is replaced in one step, anything else there is left alone.

    Raises:
        ReconstructionFailure: the source does not allow a model; `out` is as it was.
        Cancelled: the monitor said so; `out` is as it was.
        FileExistsError: `out` holds something that is not a result of ours.
    """
    raise NotImplementedError
