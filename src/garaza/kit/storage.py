"""A data directory: where each kind of file lies, and removing them without blocking."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from garaza.kit.ids import new_id


@dataclass(frozen=True, slots=True)
class Known:
    """What jobs know of."""

    uploads: set[str]
    results: set[tuple[str, str]]
    """Job and version."""
    working: set[tuple[str, int]]
    """Job and fence of attempts that are going on."""

    def has(self, path: Path) -> bool:
        match path.parent.name:
            case "incoming":
                return False
            case "uploads":
                return path.name in self.uploads
            case "work":
                # Beside the folder that will be renamed into place there may be one that is not complete yet.
                job, _, rest = path.name.removeprefix(".").partition(".")
                fence = rest.partition(".")[0]
                return fence.isdigit() and (job, int(fence)) in self.working
            case job:
                return (job, path.name) in self.results


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

    def holds_scans(self) -> bool:
        """Whether there are videos or results. Blocks."""
        return any(any(folder.iterdir()) for folder in (self.uploads, self.results))

    def free_bytes(self) -> int:
        """Free space for an unprivileged writer."""
        return shutil.disk_usage(self.root).free

    async def remove(self, *paths: Path) -> None:
        """Take files and folders away at once; their blocks are freed in a thread. What isn't there is no error."""
        await asyncio.to_thread(self.remove_now, *paths)

    async def remove_result(self, job_id: str, version: str) -> None:
        """Take one version of a result away, and the job's folder of results with the last one."""
        place = self.result(job_id, version)
        await self.remove(place)
        await asyncio.to_thread(_remove_if_empty, place.parent)

    def remove_now(self, *paths: Path) -> None:
        """`remove` for callers that may block."""
        for path in paths:
            aside = self.trash / new_id()
            try:
                path.rename(aside)
            except FileNotFoundError:
                continue
            _remove(aside)

    def in_work(self) -> list[Path]:
        """Folders that attempts gather in, of living workers and of dead ones. Blocks."""
        return list(self.work.iterdir())

    def inventory(self) -> list[Path]:
        """Everything that may have been left by a crash, but for trash. Blocks."""
        found = [*self.incoming.iterdir(), *self.in_work(), *self.uploads.iterdir()]
        for folder in self.results.iterdir():
            # A worker may remove a folder meanwhile; a file here is nobody's.
            with contextlib.suppress(FileNotFoundError):
                found += folder.iterdir() if folder.is_dir() else [folder]
        return found

    def remove_unknown(self, seen: list[Path], known: Known) -> list[Path]:
        """Remove what nobody knows of: what killed workers leave, and files of deleted jobs. Blocks.

        Args:
            seen: an inventory that was taken *before* `known` was asked for. The other way round, what has come since
                would be taken for a leftover.
            known: what jobs know of.

        Returns:
            What was removed.
        """
        left = [path for path in seen if not known.has(path)]
        self.remove_now(*left)
        for folder in {path.parent for path in left if path.parent.parent == self.results}:
            _remove_if_empty(folder)
        return left

    def empty_trash(self) -> None:
        """Finish removals that a crash interrupted. Blocks."""
        for path in self.trash.iterdir():
            _remove(path)


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


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
