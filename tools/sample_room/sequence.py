"""A clip with its truth, in one call."""

from __future__ import annotations

from pathlib import Path

from tools.sample_room.bake import FINE, TEST, BakeQuality
from tools.sample_room.render import ClipSettings, Studio, bit_rate_for, render_frames, write_clip
from tools.sample_room.truth import write_truth

QUALITIES: dict[str, BakeQuality] = {"fine": FINE, "test": TEST}


def render_sequence(
    clip: ClipSettings,
    path: Path,
    *,
    quality: str = "test",
    depth_every: int = 15,
    max_bytes: int = 3_900_000,
    processes: int = 1,
) -> tuple[Path, Path]:
    """Write `path` (an MP4) and its truth beside it; returns both paths. The same settings give the same frames."""
    studio = Studio(clip, QUALITIES[quality])
    write_clip(path, render_frames(studio, processes), clip, bit_rate_for(clip, max_bytes))
    truth = path.with_suffix(".truth.npz")
    write_truth(truth, studio, depth_every)
    return path, truth
