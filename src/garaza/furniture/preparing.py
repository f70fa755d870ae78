"""Makes a version of the catalogue ready to be searched: its snapshot in a folder, and its vectors in the index."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path

from garaza.furniture.embedding.port import Vectors
from garaza.furniture.index.port import Point, VectorIndex
from garaza.furniture.repository import CatalogueRepository
from garaza.furniture.search.child import build_apart
from garaza.furniture.search.snapshot import Snapshot, SnapshotError
from garaza.kit.database import Database

logger = logging.getLogger(__name__)

_AT_ONCE = 250


class Preparing:
    """Of a data directory.

    Args:
        folder: has a folder for each version that is needed.
    """

    def __init__(self, database: Database, folder: Path, index: VectorIndex | None) -> None:
        self._database = database
        self._folder = folder
        self._index = index

    async def snapshot(self, version: int) -> Snapshot:
        """The one that there is, else a new one.

        Raises:
            SnapshotNotMadeError: why is in the log.
            SnapshotError: what was made can't be read.
        """
        folder = self._folder / str(version)
        try:
            return await asyncio.to_thread(Snapshot.load, folder)
        except SnapshotError as error:
            if folder.exists():
                logger.warning("version %d of the catalogue is made ready again: %s", version, error)
        url = self._database.url.render_as_string(hide_password=False)
        await build_apart(url, folder, version)
        return await asyncio.to_thread(Snapshot.load, folder)

    async def index(self, snapshot: Snapshot, model_id: str, dimensions: int) -> None:
        """Have the index keep its vectors, if it doesn't already.

        Raises:
            IndexUnavailableError: it can't be reached.
        """
        if self._index is None:
            return
        ids = snapshot.ids.tolist()
        if not await self._index.has(snapshot.version, model_id, ids):
            points = self._points(snapshot, model_id)
            await self._index.prepare(snapshot.version, model_id, dimensions, ids, points)

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


def _points_of(snapshot: Snapshot, rows: Iterable[int], vectors: Iterable[Vectors | None]) -> list[Point]:
    return [
        Point(int(snapshot.ids[row]), vector, snapshot.payload(row))
        for row, vector in zip(rows, vectors, strict=True)
        if vector is not None
    ]
