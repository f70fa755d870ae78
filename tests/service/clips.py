"""Small media files, made on the spot."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterable

import av
import numpy as np
from numpy.typing import NDArray


def video(
    frames: int = 30, width: int = 320, height: int = 240, codec: str = "libx264", container: str = "mp4"
) -> bytes:
    """A clip of moving stripes, 15 frames a second."""
    columns = np.arange(width)
    rows = (((columns + 4 * number) % 64 * 4).astype(np.uint8) for number in range(frames))
    return _encoded((np.broadcast_to(row[None, :, None], (height, width, 3)) for row in rows), codec, container)


def still(light: float = 1.0) -> bytes:
    """Two seconds of patches that don't move. `light`: 0 is black."""
    patches = np.random.default_rng(3).integers(0, 256, (15, 20, 3)) * light
    picture = np.kron(patches, np.ones((16, 16, 1))).astype(np.uint8)
    return _encoded([picture] * 30)


def _encoded(pictures: Iterable[NDArray[np.uint8]], codec: str = "libx264", container: str = "mp4") -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=15)
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for picture in pictures:
            if not stream.codec_context.is_open:
                stream.height, stream.width = picture.shape[:2]
            output.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        output.mux(stream.encode())
    return file.getvalue()


def huge_picture() -> bytes:
    """A clip that says of itself everywhere that it is 10,000 by 10,000 pixels."""
    small = video(codec="mjpeg", container="avi")
    header = small.index(b"strf") + 8
    # BITMAPINFOHEADER: size, width, height.
    size = (10_000).to_bytes(4, "little")
    clip = small[: header + 4] + size + size + small[header + 12 :]
    # Start of a JPEG's frame: 17 bytes, 8 bits a sample, height, width.
    start = bytes.fromhex("ffc0 0011 08")
    before, after = (a.to_bytes(2, "big") + b.to_bytes(2, "big") for a, b in ((240, 320), (10_000, 10_000)))
    assert clip.count(start + before) == 30
    return clip.replace(start + before, start + after)


def sound() -> bytes:
    """Two seconds of nothing to see."""
    file = io.BytesIO()
    with wave.open(file, "wb") as output:
        output.setnchannels(1)
        output.setsampwidth(2)
        output.setframerate(8000)
        output.writeframes(b"\0\1" * 16_000)
    return file.getvalue()


def sound_in_mp4() -> bytes:
    """As a phone's voice memo."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("aac", rate=8000, layout="mono")
        for start in range(0, 16_384, 1024):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 8000, start
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return file.getvalue()
