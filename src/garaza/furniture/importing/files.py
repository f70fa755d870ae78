"""Files of imports that go on, on this machine."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from garaza.kit.ids import is_id
from garaza.kit.receiving import WRITE_BYTES
from garaza.kit.storage import DataDirectory, sync_directory


class ImportFiles:
    """By the ids of their imports. Its methods block."""

    def __init__(self, data: DataDirectory) -> None:
        self._data = data
        self.folder = data.root / "furniture" / "imports"
        self.lock = data.root / "furniture" / "import.lock"
        """Held by whoever works at them: the system takes it back from a process that is killed."""

    def create(self) -> None:
        """The folder."""
        self.folder.mkdir(parents=True, exist_ok=True)

    def place(self) -> str:
        """What the data directory is called among those that share the database."""
        return self._data.name()

    def path(self, import_id: str) -> Path:
        return self.folder / import_id

    def copy(self, source: Path, copied: Callable[[int], None] = lambda _count: None) -> Path:
        """A copy to `keep`: the original may be changed while it is read.

        Args:
            copied: is told of bytes.

        Raises:
            OSError
        """
        path = self._data.new_incoming()
        try:
            with source.open("rb") as original, path.open("xb") as file:
                while part := original.read(WRITE_BYTES):
                    file.write(part)
                    copied(len(part))
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path

    def keep(self, received: Path, import_id: str) -> None:
        """Put a file that has come where it stays."""
        self.create()
        received.rename(self.path(import_id))
        sync_directory(self.folder)

    def remove(self, import_id: str) -> None:
        """What isn't there is no error."""
        self.path(import_id).unlink(missing_ok=True)

    def ids(self, changed_before: float) -> list[str]:
        """Of those that have been here for so long."""
        found = []
        with contextlib.suppress(FileNotFoundError), os.scandir(self.folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    if is_id(entry.name) and entry.stat(follow_symlinks=False).st_mtime <= changed_before:
                        found.append(entry.name)
        return found


def sha256_of(path: Path) -> str:
    """Of a file's content. Blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
