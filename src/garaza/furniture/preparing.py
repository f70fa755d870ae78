"""Makes a version of the catalogue ready to be searched: its snapshot in a folder, and its vectors in the index.

A folder may outlive its database: a new one, or a backup in its place, has a version of the same number. So a folder
says when its version was published, and one that says otherwise than the database isn't used. The index, which may be
on another machine, is told what the products are.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from garaza.furniture.embedding.port import Vectors
from garaza.furniture.index.port import IndexSpec, Point, VectorIndex
from garaza.furniture.repository import CatalogueRepository
from garaza.furniture.search.child import build_apart
from garaza.furniture.search.snapshot import Snapshot, SnapshotError
from garaza.kit.database import Database

logger = logging.getLogger(__name__)

_AT_ONCE = 250
_PUBLISHED = "published-at"


class Preparing:
    """Of a data directory.

    Args:
        folder: has a folder for each version that is needed.
    """

    def __init__(self, database: Database, folder: Path, index: VectorIndex | None) -> None:
        self._database = database
        self._folder = folder
        self._index = index
        self._made: int | None = None
        """The version that this process has made last."""

    async def snapshot(self, version: int, published_at: float | None) -> Snapshot:
        """The one that there is, else a new one.

        Args:
            published_at: as the database has it; None: it isn't yet.

        Raises:
            SnapshotNotMadeError: why is in the log.
            SnapshotError: what was made can't be read.
        """
        folder = self._folder / str(version)
        said = await asyncio.to_thread(_published_at, folder)
        if said is not None and said != published_at:
            logger.warning("version %d of the catalogue is made ready again: another database's was there", version)
            self._made = None
        elif said is not None or self._made == version:
            try:
                return await asyncio.to_thread(Snapshot.load, folder)
            except SnapshotError as error:
                logger.warning("version %d of the catalogue is made ready again: %s", version, error)
        url = self._database.url.render_as_string(hide_password=False)
        await build_apart(url, folder, version)
        self._made = version
        return await asyncio.to_thread(Snapshot.load, folder)

    async def published(self, version: int, at: float) -> None:
        """Its folder is of the version that was published then. Where that can't be said, the next process makes it
        again.
        """
        await asyncio.to_thread(_say_published, self._folder / str(version), at)

    async def index(self, snapshot: Snapshot, model_id: str, dimensions: int, *, make: bool = True) -> bool:
        """Have the index keep its vectors, if it doesn't already.

        Args:
            make: otherwise it is only looked whether it does.

        Returns:
            Whether it does now.

        Raises:
            IndexUnavailableError: it can't be reached.
        """
        if self._index is None:
            return True
        contents = await asyncio.to_thread(snapshot.contents)
        spec = IndexSpec(snapshot.version, model_id, dimensions, snapshot.ids.tolist(), contents)
        if await self._index.has(spec):
            return True
        if make:
            await self._index.prepare(spec, self._points(snapshot, model_id))
        return make

    async def _points(self, snapshot: Snapshot, model_id: str) -> AsyncIterator[Sequence[Point]]:
        for start in range(0, len(snapshot), _AT_ONCE):
            rows = range(start, min(start + _AT_ONCE, len(snapshot)))
            hashes = [snapshot.text_hashes[row].tobytes() for row in rows]
            async with self._database.read() as session:
                vectors = await CatalogueRepository(session).vectors(model_id, set(hashes))
            # Some milliseconds, again and again, that the loop can do without.
            yield await asyncio.to_thread(_points_of, snapshot, rows, [vectors.get(one) for one in hashes])

    async def forget_others(self, versions: set[int]) -> None:
        """Remove the folders of all versions but these, and what was left half made."""
        await asyncio.to_thread(self._forget_others, {str(version) for version in versions})

    def _forget_others(self, names: set[str]) -> None:
        if not self._folder.is_dir():
            return
        for path in self._folder.iterdir():
            # An index may have its own here.
            version = path.name.removeprefix(".").removesuffix(".partial")
            if version.isdecimal() and path.name not in names:
                shutil.rmtree(path, ignore_errors=True)


def _published_at(folder: Path) -> float | None:
    """None: it doesn't say."""
    try:
        return float((folder / _PUBLISHED).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _say_published(folder: Path, at: float) -> None:
    if _published_at(folder) != at:
        with suppress(OSError):
            (folder / _PUBLISHED).write_text(repr(at), encoding="ascii")


def _points_of(snapshot: Snapshot, rows: Iterable[int], vectors: Iterable[Vectors | None]) -> list[Point]:
    return [
        Point(int(snapshot.ids[row]), vector, snapshot.payload(row))
        for row, vector in zip(rows, vectors, strict=True)
        if vector is not None
    ]
