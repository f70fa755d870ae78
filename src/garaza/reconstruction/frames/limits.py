"""Bounds on what is read, whatever a file claims."""

from __future__ import annotations

from garaza.reconstruction.failures import TooLarge, TooSmall

MAX_SIDE = 8192
"""Pixels; of a video's longer side."""
MIN_LONG_SIDE, MIN_SHORT_SIDE = 320, 200
"""Pixels; SIFT finds too little in less."""
MAX_PIXELS = 8192 * 4608
"""Of a video's picture: 8K with some room. The decoder is told too, for streams that grow on the way."""
MAX_PHOTO_PIXELS = 64_000_000
MAX_PHOTOS = 5_000
MAX_SECONDS = 20 * 60.0
"""Of a video; the rest is not looked at."""
MAX_DECODED_FRAMES = 100_000
MIN_SECONDS, MIN_FRAMES = 1.0, 8
"""Of a video."""
MIN_PHOTOS = 3


def check_picture_size(width: int, height: int, max_pixels: int = MAX_PIXELS, max_side: int = MAX_SIDE) -> None:
    """Raise `TooLarge` or `TooSmall` for a picture of this size."""
    if max(width, height) > max_side or width * height > max_pixels:
        raise TooLarge(width=width, height=height)
    if max(width, height) < MIN_LONG_SIDE or min(width, height) < MIN_SHORT_SIDE:
        raise TooSmall(width=width, height=height)
