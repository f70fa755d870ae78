"""Sending a blob that is no file here: as a file is sent (ranges, HEAD, conditions), from a stream of its bytes."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any

from starlette.types import Receive, Scope, Send

from garaza.kit.files import HashedFileResponse

Stream = Callable[[int, int], AsyncGenerator[bytes, None]]
"""The bytes from one place to another one, in parts of any size."""


class RemoteFileResponse(HashedFileResponse):
    """A file response that opens a stream for each range, no sooner than it is read and no longer than it is wanted."""

    def __init__(
        self, name: str, stream: Stream, size: int, modified: float, media_type: str, headers: Mapping[str, str]
    ) -> None:
        when = int(modified)
        known = os.stat_result((stat.S_IFREG, 0, 0, 1, 0, 0, size, when, when, when))
        super().__init__(name, media_type=media_type, headers=headers, stat_result=known)
        self._stream = stream
        self._ends = {0: size}
        """Of each range that will be read, by its beginning."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # There is no path that a server could send by itself.
        extensions = {**scope.get("extensions", {})}
        extensions.pop("http.response.pathsend", None)
        await super().__call__({**scope, "extensions": extensions}, receive, send)

    # What Starlette's file response does with its file -----------------------------------------------------------

    @asynccontextmanager
    async def _open_file(self) -> AsyncIterator[Any]:
        reader = _Reader(self._stream, self._ends)
        async with aclosing(reader):
            yield reader

    async def _handle_single_range(
        self, send: Send, start: int, end: int, file_size: int, send_header_only: bool
    ) -> None:
        self._ends = {start: end}
        await super()._handle_single_range(send, start, end, file_size, send_header_only)

    async def _handle_multiple_ranges(
        self, send: Send, ranges: list[tuple[int, int]], file_size: int, send_header_only: bool
    ) -> None:
        self._ends = dict(ranges)
        await super()._handle_multiple_ranges(send, ranges, file_size, send_header_only)


class _Reader:
    """Reads a stream as if it were a file. No more is held than one part of it and what is asked for."""

    def __init__(self, stream: Stream, ends: Mapping[int, int]) -> None:
        self._open = stream
        self._ends = ends
        self._begin = 0
        self._parts: AsyncGenerator[bytes, None] | None = None
        self._rest = memoryview(b"")

    async def seek(self, place: int) -> None:
        await self.aclose()
        self._begin = place

    async def read(self, size: int) -> bytes:
        """So many bytes; less only at the end of what is wanted."""
        if self._parts is None:
            self._parts = self._open(self._begin, self._ends[self._begin])
        found: list[memoryview] = []
        missing = size
        while missing:
            if not self._rest:
                self._rest = memoryview(await anext(self._parts, b""))
                if not self._rest:
                    break
            found.append(self._rest[:missing])
            self._rest = self._rest[missing:]
            missing -= len(found[-1])
        return b"".join(found)

    async def aclose(self) -> None:
        """Let go of the connection."""
        parts, self._parts, self._rest = self._parts, None, memoryview(b"")
        if parts is not None:
            await parts.aclose()
