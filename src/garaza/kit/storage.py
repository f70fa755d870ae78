"""A data directory: where each kind of file lies, and removing them without blocking."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

from garaza.kit.ids import new_id


class DataDirectory:
    """The layout of a data directory. Everything below it is ours; names below are ids and versions of ours only.

    Deleting first renames into `trash`, which is instant and on the same disk, and then removes at leisure; what a
    crash leaves in `trash` or `incoming` goes at the next start.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.incoming = self.root / "incoming"
        self.uploads = self.root / "uploads"
        self.work = self.root / "work"
        self.results = self.root / "results"
        self.trash = self.root / "trash"

    @property
    def database(self) -> Path:
        return self.root / "garaza.db"

    def create(self) -> None:
        """Make what isn't there yet, readable by this user alone: rooms are private.

        Raises:
            OSError: the place can't be written to.
        """
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in (self.incoming, self.uploads, self.work, self.results, self.trash):
            folder.mkdir(exist_ok=True)

    def new_incoming(self) -> Path:
        """A name for a file that is being received."""
        return self.incoming / new_id()

    def upload(self, job_id: str) -> Path:
        """The video of a job. It keeps no extension: decoders look at the content, and so do we."""
        return self.uploads / job_id

    def result(self, job_id: str, version: str) -> Path:
        """The folder of a job's result."""
        return self.results / job_id / version

    def working(self, job_id: str, fence: int) -> Path:
        """Where one attempt gathers its result."""
        return self.work / f"{job_id}.{fence}"

    def free_bytes(self) -> int:
        """Free space for an unprivileged writer."""
        return shutil.disk_usage(self.root).free

    async def remove(self, *paths: Path) -> None:
        """Take files and folders away at once; their blocks are freed in a thread. What isn't there is no error."""
        await asyncio.to_thread(self.remove_now, *paths)

    def remove_now(self, *paths: Path) -> None:
        """`remove` for callers that may block."""
        for path in paths:
            aside = self.trash / new_id()
            try:
                path.rename(aside)
            except FileNotFoundError:
                continue
            _remove(aside)

    def sweep_leftovers(self, keep_results: dict[str, str | None]) -> list[Path]:
        """Remove what no job knows of: trash, half-received files, videos and results of deleted jobs, old versions.

        Only to be called while nothing else writes here.

        Args:
            keep_results: every job there is, with the version of its result.

        Returns:
            What was removed, but for trash.
        """
        for path in self.trash.iterdir():
            _remove(path)
        left = [*self.incoming.iterdir(), *self.work.iterdir()]
        left += [path for path in self.uploads.iterdir() if path.name not in keep_results]
        for folder in self.results.iterdir():
            if folder.name not in keep_results:
                left.append(folder)
            else:
                left += [path for path in folder.iterdir() if path.name != keep_results[folder.name]]
        self.remove_now(*left)
        return left


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def sync_directory(path: Path) -> None:
    """Make renames into `path` survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
