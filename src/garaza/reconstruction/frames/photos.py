"""Reading a folder of photos."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from garaza.reconstruction.failures import NotAVideo, TooLarge, TooShort
from garaza.reconstruction.frames.limits import MAX_PHOTO_PIXELS, MAX_PHOTOS, MIN_PHOTOS, check_picture_size
from garaza.reconstruction.prediction import UInt8

_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
_FORMATS = ("JPEG", "PNG", "WEBP")
_ORIENTATION_TAG = 0x0112
_SAME_ASPECT = 0.02


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo, known by its header alone."""

    path: Path
    number: int
    """In name order, among all photos of the folder."""
    width: int
    height: int
    """After the orientation flag has been applied."""
    kind: str


@dataclass(frozen=True, slots=True)
class Album:
    """The photos of a folder that one camera could have taken."""

    photos: list[Photo]
    width: int
    height: int
    """Of most of them; the others are brought to it."""


def list_photos(folder: Path) -> Album:
    """Photos in natural name order ("2.jpg" before "10.jpg"), read as far as their headers.

    Most photos decide on the size. Those of the same shape are scaled to it, those of the same shape lying on the side
    are turned by a quarter (to the reconstruction, the camera was just held so), all others are left out: cropping
    them would give them another lens. Files that aren't photos are passed over.

    Raises:
        NotAVideo: no photo in the folder; TooShort: too few; TooLarge, TooSmall.
    """
    try:
        files = sorted(
            (f for f in folder.iterdir() if f.suffix.lower() in _SUFFIXES), key=lambda f: natural_key(f.name)
        )
    except OSError as error:
        raise NotAVideo(why=type(error).__name__) from error
    if len(files) > MAX_PHOTOS:
        raise TooLarge(photos=len(files))
    found = [_read_header(file, number) for number, file in enumerate(files)]
    photos = [photo for photo in found if photo is not None]
    if not photos:
        raise NotAVideo(why="no photo in the folder", files=len(files))
    (width, height), _ = Counter((photo.width, photo.height) for photo in photos).most_common(1)[0]
    check_picture_size(width, height, MAX_PHOTO_PIXELS, MAX_PHOTO_PIXELS)
    fitting = [photo for photo in photos if fits(photo.width, photo.height, width, height)]
    if len(fitting) < MIN_PHOTOS:
        raise TooShort(photos=len(fitting), of_another_shape=len(photos) - len(fitting))
    return Album(fitting, width, height)


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sorts numbers inside names by value."""
    # Digits beyond int()'s limit would raise: so long a run is text.
    return [
        (0, int(part), "") if part.isascii() and part.isdigit() and len(part) < 20 else (1, 0, part.casefold())
        for part in re.split(r"(\d+)", name)
    ]


def fits(width: int, height: int, of_width: int, of_height: int) -> bool:
    """The first shape is the second one, or the second one lying on its side."""
    aspect = of_width / of_height
    return any(abs(a / aspect - 1) < _SAME_ASPECT for a in (width / height, height / width))


def _read_header(path: Path, number: int) -> Photo | None:
    try:
        if not path.is_file():
            return None
        with warnings.catch_warnings():
            # The size is checked below, against a limit of our own.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=_FORMATS) as image:
                width, height = image.size
                if image.getexif().get(_ORIENTATION_TAG, 1) in {5, 6, 7, 8}:
                    width, height = height, width
                kind = (image.format or "").lower()
    except Image.DecompressionBombError as error:
        raise TooLarge(photo=number) from error
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError):
        return None
    if width * height > MAX_PHOTO_PIXELS:
        raise TooLarge(width=width, height=height)
    return Photo(path, number, width, height, "jpeg" if kind == "mpo" else kind)


def read_photo(photo: Photo, width: int, height: int) -> UInt8 | None:
    """The photo as (height, width, 3) sRGB, upright; None if it can't be decoded to its end."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(photo.path, formats=_FORMATS) as image:
                if image.size[0] * image.size[1] > MAX_PHOTO_PIXELS:
                    return None
                # JPEG decodes to an eighth, a quarter or half the size at a fraction of the cost.
                image.draft("RGB", (2 * max(width, height), 2 * max(width, height)))
                upright = ImageOps.exif_transpose(image).convert("RGB")
                if (upright.width > upright.height) != (width > height):
                    upright = upright.transpose(Image.Transpose.ROTATE_90)
                if upright.size != (width, height):
                    upright = upright.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
                return np.asarray(upright, dtype=np.uint8)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
