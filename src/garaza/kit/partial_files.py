"""Files that arrive in parts, with their size as the only record of how much of them is here.

A number kept elsewhere could say more than the disk has, after a crash; the size can't. What has been written but not
yet been found to be what was sent doesn't count: where that begins is noted beside the file before it is written.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from garaza.kit.storage import sync_directory

_DOUBTFUL = ".doubtful"
"""Beside a file: holds the offset from which on it has not been verified."""


class PartialFileBusyError(Exception):
    """Another process is at it."""


class PartialFile:
    """One that is open, and that nobody else has open. Its methods block."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._note = path.with_name(path.name + _DOUBTFUL)
        self.file = file
        """Unbuffered, at its end."""

    def recover(self) -> int:
        """Take away what an end that came too early left unverified; the bytes that are here."""
        with contextlib.suppress(FileNotFoundError):
            noted = self._note.read_text(encoding="ascii")
            # Nothing is written to the file before the note is whole, and on the disk.
            if noted.isdecimal():
                self.cut(int(noted))
            self._note.unlink()
        return self.file.seek(0, os.SEEK_END)

    def doubt(self) -> None:
        """What is written from now on doesn't count, until `trust`."""
        with self._note.open("x", encoding="ascii") as note:
            note.write(str(self.file.seek(0, os.SEEK_END)))
            note.flush()
            os.fsync(note.fileno())

    def trust(self) -> None:
        """What was written counts."""
        self.sync()
        self._note.unlink(missing_ok=True)

    def cut(self, size: int) -> None:
        """Take back what was written beyond `size`."""
        if self.file.seek(0, os.SEEK_END) > size:
            self.file.truncate(size)
            self.file.seek(size)

    def sync(self) -> None:
        """What is here stays here when the power fails."""
        os.fsync(self.file.fileno())


class PartialFiles:
    """Those in one folder, by their ids. Its methods block."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, file_id: str) -> Path:
        return self._folder / file_id

    def create(self, file_id: str) -> None:
        """An empty one."""
        self.path(file_id).touch(exist_ok=False)
        sync_directory(self._folder)

    @contextmanager
    def open(self, file_id: str) -> Iterator[PartialFile]:
        """One that is there, for oneself alone.

        Raises:
            FileNotFoundError, PartialFileBusyError
        """
        path = self.path(file_id)
        with path.open("r+b", buffering=0) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise PartialFileBusyError from None
            yield PartialFile(path, file)

    def remove(self, file_id: str) -> None:
        """What isn't there is no error."""
        path = self.path(file_id)
        path.unlink(missing_ok=True)
        path.with_name(path.name + _DOUBTFUL).unlink(missing_ok=True)

    def ids(self, changed_before: float) -> list[str]:
        """Of those that nothing was written to since."""
        found = set()
        for entry in os.scandir(self._folder):
            # One of them may be removed meanwhile.
            with contextlib.suppress(FileNotFoundError):
                if entry.stat(follow_symlinks=False).st_mtime <= changed_before:
                    found.add(entry.name.removesuffix(_DOUBTFUL))
        return sorted(found)
