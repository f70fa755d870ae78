"""What is known of the input of a reconstruction: for those too that read of it and decode nothing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """Facts about the input, sizes after the rotation flag has been applied."""

    kind: str
    """"video" or "photos"."""
    width: int
    height: int
    duration_s: float
    """0 for photos."""
    frame_rate: float
    """Average frames a second; 0 for photos."""
    frame_count: int
    """Estimated from the container where it doesn't say; exact for photos."""
    codec: str
    """As FFmpeg names it ("h264", "hevc", …); the file type for photos."""
