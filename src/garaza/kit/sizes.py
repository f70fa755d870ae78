"""Sizes as people read them."""

from __future__ import annotations

_STEP = 1000


def display_bytes(size: int) -> str:
    """In the largest unit that leaves a number above one: 950 B, 12.3 MB, 1.0 GB."""
    if size < _STEP:
        return f"{size} B"
    number = float(size)
    for unit in ("KB", "MB", "GB"):
        number /= _STEP
        # What would be rounded up to a thousand is one of the next.
        if number < _STEP - 0.05:
            return f"{number:.1f} {unit}"
    return f"{number / _STEP:.1f} TB"
