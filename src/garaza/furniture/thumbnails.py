"""Makes a small WebP of whatever a picture is, if it is one: bytes of strangers go in, our own come out."""

from __future__ import annotations

import io
import warnings

from PIL import Image, ImageOps

MEDIA_TYPE = "image/webp"
MAX_EDGE = 800
MAX_PIXELS = 24_000_000
"""Of what is decoded: 96 MB for a moment. A camera's picture has as many; a bomb of a few kilobytes has a thousand
times more."""
MAX_SIDE = 16_000
_QUALITY = 80


class NoPictureError(Exception):
    """It is none that is shown here. The message says why."""


def thumbnail(content: bytes) -> bytes:
    """A WebP of at most MAX_EDGE on each side; of what moves, its first moment. Blocks, up to a second.

    What else was in the file (positions, cameras, comments, scripts) is left behind.

    Raises:
        NoPictureError: it isn't a JPEG, PNG, WebP, AVIF or GIF, is broken, or too big.
    """
    form = _form_of(content)
    if form is None:
        raise NoPictureError("no JPEG, PNG, WebP, AVIF or GIF")
    try:
        with warnings.catch_warnings():
            # Pillow warns from a size on that is refused below.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened = Image.open(io.BytesIO(content), formats=[form])
        with opened:
            return _small(opened)
    except NoPictureError:
        raise
    except Exception as error:
        # What decoders raise of broken files is no one kind of error: struct.error, SyntaxError, RuntimeError, …
        raise NoPictureError(f"broken, or too big: {type(error).__name__}") from error


def _small(picture: Image.Image) -> bytes:
    width, height = picture.size
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise NoPictureError(f"{width} × {height} pixels, which are too many")
    # JPEGs can be decoded at a fraction of their size.
    picture.draft("RGB", (MAX_EDGE, MAX_EDGE))
    picture.load()
    small: Image.Image = picture
    small.thumbnail((MAX_EDGE, MAX_EDGE))
    small = ImageOps.exif_transpose(small)
    seen_through = "A" in small.getbands() or "transparency" in small.info
    written = io.BytesIO()
    small.convert("RGBA" if seen_through else "RGB").save(written, "WEBP", quality=_QUALITY, method=3)
    return written.getvalue()


def _form_of(content: bytes) -> str | None:
    """By its first bytes, whatever anybody calls it."""
    head = content[:16]
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp" and head[8:12] in {b"avif", b"avis"}:
        return "AVIF"
    return None
