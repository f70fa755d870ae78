"""Small media files, made on the spot."""

from __future__ import annotations

import io
import wave

import av
import numpy as np


def video(
    frames: int = 30, width: int = 320, height: int = 240, codec: str = "libx264", container: str = "mp4"
) -> bytes:
    """A clip of moving stripes, 15 frames a second."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=15)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        columns = np.arange(width)
        for number in range(frames):
            row = ((columns + 4 * number) % 64 * 4).astype(np.uint8)
            picture = np.broadcast_to(row[None, :, None], (height, width, 3))
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return file.getvalue()


def huge_picture() -> bytes:
    """A valid clip whose header says 10,000 by 10,000 pixels."""
    small = video(frames=10, codec="mpeg4", container="avi")
    header = small.index(b"strf") + 8
    # BITMAPINFOHEADER: size, width, height.
    size = (10_000).to_bytes(4, "little")
    return small[: header + 4] + size + size + small[header + 12 :]


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
