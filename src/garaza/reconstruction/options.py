"""What the caller of a reconstruction may choose."""

from __future__ import annotations

from dataclasses import dataclass

from garaza.reconstruction.cameras.scale import KnownLength
from garaza.reconstruction.quality import Quality

MIN_FRAMES, MAX_FRAMES = 8, 512


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller may choose."""

    quality: Quality = Quality.STANDARD
    engine: str = "geometric"
    max_frames: int | None = None
    """Keyframes at most, MIN_FRAMES to MAX_FRAMES; None: what the quality says."""
    known_length: KnownLength | None = None
    """Of kind "ceiling" or "camera": before there is a model nobody can name points of it."""
