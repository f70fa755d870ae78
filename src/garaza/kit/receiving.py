"""Writing a request's body to disk as it comes, in constant memory and without blocking."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from garaza.kit.waiting import in_thread

WRITE_BYTES = 1 << 20
"""Gathered before a thread is asked to write: fewer hops between threads, at a megabyte each upload."""


class TooLargeError(Exception):
    """More than was allowed."""


class DiskFullError(Exception):
    """There is no room for it."""


class Digest(Protocol):
    """Of `hashlib`."""

    def update(self, data: bytes | bytearray, /) -> None: ...


def sync(file: BinaryIO) -> None:
    """A row will say that the file is here: it must be so after a power cut too. Blocks."""
    file.flush()
    os.fsync(file.fileno())


def is_disk_full(error: BaseException) -> bool:
    """Whether it says that there is no room."""
    return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}


@asynccontextmanager
async def new_file(path: Path) -> AsyncIterator[BinaryIO]:
    """A file that isn't left behind when anything is raised inside, a client that goes away included.

    Raises:
        DiskFullError
    """
    stack = ExitStack()
    try:
        file = await in_thread(lambda: stack.enter_context(path.open("xb", 0)))
        yield file
        await in_thread(sync, file)
        await in_thread(stack.close)
    except BaseException as error:
        # Of gigabytes that takes half a second, which nobody else is to wait for.
        await in_thread(_drop, stack, path)
        if is_disk_full(error):
            raise DiskFullError from error
        raise


def _drop(opened: ExitStack, path: Path) -> None:
    try:
        opened.close()
    finally:
        path.unlink(missing_ok=True)


async def append_body(
    body: AsyncIterator[bytes],
    file: BinaryIO,
    max_bytes: int,
    has_room: Callable[[], bool] = lambda: True,
    digest: Digest | None = None,
) -> int:
    """Write what comes to the end of an unbuffered file; how many bytes that were.

    What has come before `body` raises is written all the same: a client that went away may come back for the rest.

    Args:
        max_bytes: more are refused.
        has_room: asked after each megabyte, in a thread. A length need not be declared, and others write meanwhile.
        digest: of what is written.

    Raises:
        TooLargeError, DiskFullError, OSError: what was written of it is for the caller to take back.
    """
    appending = _Appending(file, max_bytes, has_room, digest)
    try:
        async for chunk in body:
            await appending.add(chunk)
    except (TooLargeError, DiskFullError, OSError):
        raise
    except Exception:
        await appending.flush()
        raise
    await appending.flush()
    return appending.total


class _Appending:
    """What has come, and is on its way to the disk."""

    def __init__(self, file: BinaryIO, max_bytes: int, has_room: Callable[[], bool], digest: Digest | None) -> None:
        self._file = file
        self._max_bytes = max_bytes
        self._has_room = has_room
        self._digest = digest
        self._pending = bytearray()
        self.total = 0

    async def add(self, chunk: bytes) -> None:
        self.total += len(chunk)
        if self.total > self._max_bytes:
            raise TooLargeError
        self._pending += chunk
        if len(self._pending) >= WRITE_BYTES and not await in_thread(self._write_and_look):
            raise DiskFullError

    async def flush(self) -> None:
        await in_thread(self._write)

    def _write(self) -> None:
        if self._digest is not None:
            self._digest.update(self._pending)
        write_all(self._file, self._pending)
        self._pending.clear()

    def _write_and_look(self) -> bool:
        self._write()
        return self._has_room()


def write_all(file: BinaryIO, data: bytearray) -> None:
    """All of it: an unbuffered file may take a part of what it is given. Blocks."""
    with memoryview(data) as whole:
        written = 0
        while written < len(whole):
            written += file.write(whole[written:])
