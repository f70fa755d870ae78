"""Clips in every dress that phones and pranksters give them, made here of one picture that slides by."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

TICKS = 90_000
FAST = {
    "libx264": {"preset": "ultrafast"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none:pools=1"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
    "libsvtav1": {"preset": "12", "svtav1-params": "lp=1"},
    "mpeg4": {"qscale": "3"},
}


def wallpaper(width: int = 1400, height: int = 600, seed: int = 0) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    picture = np.zeros((height, width, 3), np.float32)
    for cells, weight in ((16, 50), (60, 40), (200, 30)):
        noise = rng.normal(0, 1, (cells, 2 * cells, 3)).astype(np.float32)
        picture += weight * 0.6 * cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(150):
        x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
        cv2.rectangle(picture, (x, y), (x + 30, y + 25), rng.uniform(-90, 90, 3).tolist(), -1)
    return np.clip(picture + 128, 0, 255).astype(np.uint8)


def sliding(count: int, width: int = 480, height: int = 270, step: int = 8) -> list[NDArray[np.uint8]]:
    paper = wallpaper()
    return [np.ascontiguousarray(paper[60 : 60 + height, step * i : step * i + width]) for i in range(count)]


def write_clip(
    path: Path,
    frames: Iterable[NDArray[np.uint8]],
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    times: Iterable[float] | None = None,
    options: dict[str, str] | None = None,
    tags: dict[str, int] | None = None,
) -> Path:
    """Frames 1/30 s apart unless `times` says otherwise. `tags`: colour properties of the codec's context."""
    pictures = list(frames)
    seconds = list(times) if times is not None else [i / 30 for i in range(len(pictures))]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30, options={**FAST.get(codec, {}), **(options or {})})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pixel_format
        if codec != "mpeg4":
            stream.codec_context.time_base = Fraction(1, TICKS)
        unit = stream.codec_context.time_base or Fraction(1, 30)
        stream.codec_context.thread_count = 1
        for picture, time in zip(pictures, seconds, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pixel_format)
            for name, value in (tags or {}).items():
                setattr(frame, name, value)
            frame.pts, frame.time_base = round(time / unit), unit
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def set_display_matrix(path: Path, a: int, b: int, c: int, d: int) -> Path:
    """Write a rotation into the track header of an MP4, as a phone that was held upright does."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd")
    matrix = at + 8 + (20 if data[at + 4] == 0 else 32) + 16
    struct.pack_into(">9i", data, matrix, a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path
