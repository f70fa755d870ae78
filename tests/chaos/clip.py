"""A clip that is reconstructed in seconds: the beginning of the committed sample, smaller."""

from __future__ import annotations

import io
from pathlib import Path

import av

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "living-room.mp4"

_PICTURES, _STEP = 16, 4
_WIDTH, _HEIGHT = 216, 384


def tiny_clip() -> bytes:
    """Sixteen pictures, of which a scan with `max_frames` 12 takes as many."""
    file = io.BytesIO()
    with av.open(str(SAMPLE)) as sample, av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=6, options={"crf": "18"})
        stream.width, stream.height, stream.pix_fmt = _WIDTH, _HEIGHT, "yuv420p"
        for number, frame in enumerate(sample.decode(video=0)):
            if number == _PICTURES * _STEP:
                break
            if number % _STEP == 0:
                picture = frame.reformat(_WIDTH, _HEIGHT, "rgb24").to_ndarray()
                output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode())
    return file.getvalue()
