"""Blobs as files of a data directory: put by renaming, so that nothing is copied and a crash leaves all or nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os
from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from starlette.responses import Response

from garaza.kit.blobs.port import RESULTS, UPLOADS, Blob, Found, Place, Published, Some
from garaza.kit.files import FileAnswer, open_file
from garaza.kit.storage import DataDirectory, changed_at, remove_if_empty, sync_directory


@dataclass(frozen=True, slots=True)
class LocalBlob:
    """A file."""

    path: Path
    stat: os.stat_result

    @property
    def size(self) -> int:
        return self.stat.st_size

    @property
    def modified(self) -> float:
        return self.stat.st_mtime

    def answer(self, media_type: str, headers: Mapping[str, str], modified: float) -> Response:
        return FileAnswer(
            lambda: open_file(self.path),
            size=self.size,
            modified=modified,
            media_type=media_type,
            headers=headers,
            path=self.path,
        )


class LocalBlobs:
    """See `Blobs`."""

    on_disk = True

    def __init__(self, data: DataDirectory) -> None:
        self._data = data
        self.name = str(data.root)

    async def put(self, file: Path, key: PurePosixPath) -> None:
        await asyncio.to_thread(_move, file, self._path(key))

    async def publish(self, folder: Path, key: PurePosixPath, earlier: Published | None = None) -> None:
        # What it has in common with an earlier one are hard links already, and stay so.
        del earlier
        await asyncio.to_thread(_move, folder, self._path(key))

    async def fetch(self, key: PurePosixPath, to: Path) -> Path:
        del to
        path = self._path(key)
        await asyncio.to_thread(path.stat)
        return path

    async def fetch_folder(self, key: PurePosixPath, to: Path) -> Path:
        return await self.fetch(key, to)

    async def read(self, *keys: PurePosixPath) -> list[bytes]:
        return await asyncio.to_thread(lambda: [self._path(key).read_bytes() for key in keys])

    async def open(self, key: PurePosixPath) -> IO[bytes]:
        return await asyncio.to_thread(self._path(key).open, "rb")

    async def find(self, *keys: PurePosixPath) -> list[Blob | None]:
        return await asyncio.to_thread(lambda: [_found(self._path(key)) for key in keys])

    async def present(self, keys: Collection[PurePosixPath]) -> set[PurePosixPath]:
        return await asyncio.to_thread(lambda: {key for key in keys if self._path(key).exists()})

    async def children(self, key: PurePosixPath) -> list[str]:
        return await asyncio.to_thread(_names_in, self._path(key))

    async def remove(self, *keys: PurePosixPath) -> None:
        await asyncio.to_thread(self._remove, keys)

    async def left_by_a_crash(self) -> list[Found]:
        return await asyncio.to_thread(lambda: self._of(self._names()))

    async def some(self, after: str, count: int) -> Some:
        return await asyncio.to_thread(self._some, after, count)

    async def usage(self) -> dict[str, int] | None:
        return None

    async def check(self) -> None:
        """What there is to be known of a disk, its free space, is asked of the data directory."""

    # In a thread -------------------------------------------------------------------------------------------------

    def _path(self, key: PurePosixPath) -> Path:
        return self._data.root / key

    def _remove(self, keys: Iterable[PurePosixPath]) -> None:
        keys = list(keys)
        self._data.remove_now(*map(self._path, keys))
        # A name's last version takes the folder of them along.
        for folder in {key.parent for key in keys if key.parent.parent.name == RESULTS}:
            remove_if_empty(self._path(folder))

    def _some(self, after: str, count: int) -> Some:
        names = self._names()
        begin = bisect_right(names, after)
        part = names[begin : begin + count]
        return Some(self._of(part), part[-1] if begin + count < len(names) else "")

    def _names(self) -> list[str]:
        """Of all videos and results that are here, in order."""
        folders = (self._data.uploads, self._data.results)
        return sorted({path.name for folder in folders for path in folder.iterdir()})

    def _of(self, names: Iterable[str]) -> list[Found]:
        """The videos and the versions of results that are here under these names."""
        keys = []
        for name in names:
            video, folder = PurePosixPath(UPLOADS, name), PurePosixPath(RESULTS, name)
            if os.path.lexists(self._path(video)):
                keys.append(video)
            if self._path(folder).is_dir():
                # A worker may remove it meanwhile.
                keys += [folder / version for version in _names_in(self._path(folder))]
            elif os.path.lexists(self._path(folder)):
                # A file here is nobody's.
                keys.append(folder)
        return [Found(key, changed_at(self._path(key))) for key in keys]


def place_of(path: Path) -> Place:
    """Of any file, to be read and sent."""
    return Place(LocalBlobs(DataDirectory(path.parent)), PurePosixPath(path.name))


def _move(path: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    path.rename(place)
    sync_directory(place.parent)


def _found(path: Path) -> LocalBlob | None:
    with contextlib.suppress(FileNotFoundError):
        return LocalBlob(path, path.stat())
    return None


def _names_in(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
