"""Depth as existing clients read it: base64 inside JSON. Heavy: the sprites are 30 to 60 times smaller."""

from __future__ import annotations

import asyncio
import base64
import json
import zipfile
from collections.abc import AsyncIterator, Iterator
from typing import IO, Any

import numpy as np
from starlette.concurrency import iterate_in_threadpool

from garaza.errors import GarazaError, changed_meanwhile
from garaza.kit.blobs.port import Place
from garaza.scans.schemas import ResultAnswer

_AT_ONCE = 4
"""Each keeps a thread busy encoding."""


class FrameStreams:
    """Results with depth inside, a few clients at a time."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def stream(self, result: ResultAnswer, place: Place) -> AsyncIterator[str]:
        """The result's JSON with depth and confidence in each frame.

        Raises:
            GarazaError: 503 while too many others are at it; 409 if the result has gone since it was looked up.
        """
        if self._turns.locked():
            raise GarazaError(
                503, "busy", "Others are fetching depth now. Try again in a moment.", {"Retry-After": "5"}
            )
        # Whatever is deleted from here on, it can be read to the end.
        try:
            file = await place.blobs.open((place / "depth" / "depth.npz").key)
        except FileNotFoundError:
            raise changed_meanwhile() from None
        parts = stream_with_frames(result, file)
        first = await asyncio.to_thread(next, parts)
        return self._in_turn(first, parts)

    async def _in_turn(self, first: str, parts: Iterator[str]) -> AsyncIterator[str]:
        async with self._turns:
            yield first
            async for part in iterate_in_threadpool(parts):
                yield part


def stream_with_frames(result: ResultAnswer, file: IO[bytes]) -> Iterator[str]:
    """The result's JSON with depth and confidence in each frame, in the memory of one frame. Blocks."""
    body: dict[str, Any] = result.model_dump(mode="json")
    frames = body.pop("frames")
    # numpy reads an array of an archive only as a whole; hundreds of megabytes, for each client at once.
    with (
        file,
        zipfile.ZipFile(file) as archive,
        archive.open("depth.npy") as depth,
        archive.open("confidence.npy") as confidence,
    ):
        frame_bytes = {_frame_bytes(depth), _frame_bytes(confidence)}
        assert len(frame_bytes) == 1, "depth and confidence have the same shape"
        size = frame_bytes.pop()
        yield json.dumps(body)[:-1] + ', "frames": ['
        for number, frame in enumerate(frames):
            frame["depth_map_b64"] = base64.b64encode(depth.read(size)).decode("ascii")
            frame["confidence_b64"] = base64.b64encode(confidence.read(size)).decode("ascii")
            yield (", " if number else "") + json.dumps(frame)
    yield "]}"


def _frame_bytes(array: IO[bytes]) -> int:
    """Of one frame of a (N, H, W) array file; leaves `array` at its first one."""
    version = np.lib.format.read_magic(array)
    assert version == (1, 0), "arrays this small have the first version's header"
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(array)
    assert dtype == np.dtype("<f4"), "clients are told little-endian float32"
    assert not fortran_order
    return int(np.prod(shape[1:])) * dtype.itemsize
