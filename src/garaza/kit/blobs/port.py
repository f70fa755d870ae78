"""The port through which all blobs go: a key names one, and a folder of them is the keys that begin alike.

Keys are `uploads/NAME` and `results/NAME/VERSION/…`. What is put is put whole, or not at all, and never changed; a
folder that is published is complete once `publish` has returned, and before that it is nobody's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from starlette.responses import Response

UPLOADS, RESULTS = "uploads", "results"


class StorageUnavailableError(Exception):
    """What keeps blobs can't be reached, or refuses. Its text is for operators: it names no secret."""


@dataclass(frozen=True, slots=True)
class Place:
    """Of a blob or a folder."""

    blobs: Blobs
    key: PurePosixPath

    def __truediv__(self, name: str) -> Place:
        return Place(self.blobs, self.key / name)


@dataclass(frozen=True, slots=True)
class Found:
    """A video, or a version of a result, as housekeeping comes across it."""

    key: PurePosixPath
    changed_at: float


@dataclass(frozen=True, slots=True)
class Some:
    """A part of what is kept."""

    found: list[Found]
    after: str
    """The name that the next part comes after; empty if this was the last one."""


@dataclass(frozen=True, slots=True)
class Published:
    """A folder that has been published, and where its files are on this machine."""

    key: PurePosixPath
    folder: Path


class Blob(Protocol):
    """One that was there when it was looked for."""

    @property
    def size(self) -> int: ...

    @property
    def modified(self) -> float:
        """Seconds since 1970."""

    def answer(self, media_type: str, headers: Mapping[str, str], modified: float) -> Response:
        """That sends it, or the ranges of it that are asked for: see `files.FileAnswer`.

        If it has gone meanwhile, or can't be reached, the answer raises before its first byte.
        """


class Blobs(Protocol):
    """A place for blobs. No method blocks; all raise StorageUnavailableError, and for what isn't there
    FileNotFoundError where nothing else is said.
    """

    on_disk: bool
    """Whether they take room on the disk of the data directory."""
    name: str
    """For operators: where it is, without secrets."""

    async def put(self, file: Path, key: PurePosixPath) -> None:
        """Keep a file, which is gone from where it was then."""

    async def publish(self, folder: Path, key: PurePosixPath, earlier: Published | None = None) -> None:
        """Keep a folder, which is gone from where it was then.

        Args:
            earlier: one with which it has files in common: those that are the same on the disk, by hard links.
        """

    async def fetch(self, key: PurePosixPath, to: Path) -> Path:
        """A blob as a file of this machine, to be read only: `to`, or where it is anyway."""

    async def fetch_folder(self, key: PurePosixPath, to: Path) -> Path:
        """A folder on this machine, to be read only: `to`, or where it is anyway."""

    async def read(self, *keys: PurePosixPath) -> list[bytes]:
        """Small ones, whole."""

    async def open(self, key: PurePosixPath) -> IO[bytes]:
        """One that is read here and there, in a thread. It can be read to its end, whoever removes it."""

    async def find(self, *keys: PurePosixPath) -> list[Blob | None]:
        """Look for blobs of the same folder, to send one of them; None for each that isn't there."""

    async def present(self, keys: Collection[PurePosixPath]) -> set[PurePosixPath]:
        """Those of these blobs that are there."""

    async def children(self, key: PurePosixPath) -> list[str]:
        """What there is right below a folder; nothing, where there is no such folder."""

    async def remove(self, *keys: PurePosixPath) -> None:
        """Take blobs and folders away. What isn't there is no error."""

    async def left_by_a_crash(self) -> list[Found]:
        """What may be nobody's, at the start of a service that is alone: see `Leftovers`."""

    async def some(self, after: str, count: int) -> Some:
        """The videos and versions under the next so many names, in order."""

    async def usage(self) -> dict[str, int] | None:
        """Bytes of uploads and results; None where the data directory's own figures have them."""

    async def check(self) -> None:
        """Whether it could be used now. Cheap, as everybody may have it asked."""


def upload_key(job_id: str) -> PurePosixPath:
    """The video of a job."""
    return PurePosixPath(UPLOADS, job_id)


def result_key(job_id: str, version: str) -> PurePosixPath:
    """The folder of a version of a job's result."""
    return PurePosixPath(RESULTS, job_id, version)
