"""A data directory: where each kind of file lies, and removing them without blocking."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path, PurePath

from garaza.kit.ids import is_id, new_id

_CHECKPOINTS = "checkpoints"


@dataclass(frozen=True, slots=True)
class Known:
    """What jobs know of, and whoever keeps their results."""

    uploads: set[str]
    results: set[tuple[str, str]]
    """Job and version."""
    working: set[tuple[str, int]]
    """Job and fence of attempts that are going on."""
    active: set[str]
    """Jobs that wait for an attempt, or that one is going on at."""

    def has(self, path: PurePath) -> bool:
        match path.parent.name:
            case "incoming":
                return False
            case "uploads":
                return path.name in self.uploads
            case "work":
                job, _, rest = path.name.removeprefix(".").partition(".")
                return job in self.active if rest == _CHECKPOINTS else (job, _fence_of(path, job)) in self.working
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
        self.partial = self.root / "partial"
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
        for folder in (self.incoming, self.partial, self.uploads, self.work, self.results, self.trash):
            folder.mkdir(exist_ok=True)

    def name(self) -> str:
        """What it is called among those that share a database: made up once, and kept in it. Blocks."""
        kept = self.root / "name"
        if not kept.exists():
            # Whole before it has its name: another process may read it at once.
            aside = self.root / f".name-{new_id()}"
            aside.write_text(new_id(), encoding="ascii")
            with contextlib.suppress(FileExistsError):
                os.link(aside, kept)
            aside.unlink()
        found = kept.read_text(encoding="ascii").strip()
        if not is_id(found):
            # The power went while it was written. Leases under the name that never was are nobody's.
            kept.unlink(missing_ok=True)
            return self.name()
        return found

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

    def fetched(self, job_id: str, fence: int) -> Path:
        """Where one attempt puts the video, if it isn't here anyway."""
        return self.work / f"{job_id}.{fence}.video" / job_id

    def checkpoints(self, job_id: str) -> Path:
        """Where the attempts at a job leave what the next one can go on from."""
        return self.work / f"{job_id}.{_CHECKPOINTS}"

    def remove_earlier(self, job_id: str, fence: int) -> None:
        """Remove what the attempts before this one have left here: they are void, be they killed or only slow.

        Only theirs, and not all but one's own: this may itself be the one that is slow. Blocks.
        """
        self.remove_now(*(path for path in self.work.iterdir() if 0 <= _fence_of(path, job_id) < fence))

    def holds_scans(self) -> bool:
        """Whether there are videos or results. Blocks."""
        return any(any(folder.iterdir()) for folder in (self.uploads, self.results))

    def free_bytes(self) -> int:
        """Free space for an unprivileged writer."""
        _, free = self.space()
        return free

    def space(self) -> tuple[int, int]:
        """Bytes that the file system has, and those of them that are free."""
        usage = shutil.disk_usage(self.root)
        return usage.total, usage.free

    def is_writable(self) -> bool:
        """Whether a file can be made. A disk that has failed is mounted for reading only, with all its free space."""
        try:
            with tempfile.TemporaryFile(dir=self.work, buffering=0) as file:
                file.write(b"x")
        except OSError:
            return False
        return True

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

    def in_work(self) -> list[Path]:
        """Folders that attempts gather in, of living workers and of dead ones. Blocks."""
        return list(self.work.iterdir())

    def scratch(self) -> list[Path]:
        """Everything that may have been left by a crash here, but for blobs and trash. Blocks."""
        return [*self.incoming.iterdir(), *self.in_work()]

    def usage(self) -> dict[str, int]:
        """Bytes on disk of each kind of thing here. A file that has several names counts once. Blocks."""
        kinds = {
            "uploads": self.uploads,
            "results": self.results,
            "work": self.work,
            "incoming": self.incoming,
            "partial": self.partial,
            "trash": self.trash,
        }
        seen: set[tuple[int, int]] = set()
        sizes = {kind: _size(folder, seen) for kind, folder in kinds.items()}
        database = [self.database, *(self.database.with_name(self.database.name + end) for end in ("-wal", "-shm"))]
        sizes["database"] = sum(_size(path, seen) for path in database)
        return sizes

    def empty_trash(self) -> None:
        """Finish removals that a crash interrupted. Blocks."""
        for path in self.trash.iterdir():
            _remove(path)


def job_of(path: PurePath) -> str:
    """The id in the name of a part of an inventory; nothing, where it names no job."""
    match path.parent.name:
        case "incoming":
            return ""
        case "uploads" | "results":
            return path.name
        case "work":
            return path.name.removeprefix(".").partition(".")[0]
        case job:
            return job


def changed_at(path: Path) -> float:
    """When something was last written there, or put there by renaming; now, for what is gone. Blocks."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return time.time()
    return max(found.st_mtime, found.st_ctime)


def _size(path: Path, seen: set[tuple[int, int]]) -> int:
    """Of a file, or of everything in a folder, but for what has been `seen`."""
    try:
        if not path.is_dir() or path.is_symlink():
            found = path.lstat()
            new = (found.st_dev, found.st_ino) not in seen
            seen.add((found.st_dev, found.st_ino))
            return found.st_size if new else 0
        return sum(_size(part, seen) for part in path.iterdir())
    except FileNotFoundError:
        # Removed meanwhile.
        return 0


def _fence_of(path: PurePath, job_id: str) -> int:
    """Which attempt at the job this is of in `work`, whole or not yet whole (hidden, and named alike); -1: of none."""
    job, _, rest = path.name.removeprefix(".").partition(".")
    fence = rest.partition(".")[0]
    return int(fence) if job == job_id and fence.isdecimal() and fence.isascii() else -1


def remove_if_empty(folder: Path) -> None:
    """Remove a folder, unless there is something in it, or it isn't there. Blocks."""
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
