"""Vectors in files of this service: the index that takes no server."""

from __future__ import annotations

import asyncio
import shutil
import sys
import threading
from collections.abc import AsyncIterable, Callable, Collection, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from garaza.furniture.embedding.port import Vectors
from garaza.furniture.filters import Filters
from garaza.furniture.index.port import IndexSpec, IndexUnavailableError, LocalIndex, Nearest, Point
from garaza.furniture.index.readers import Reader, ReaderApart, ReaderHere
from garaza.furniture.index.shard import Draft, build, ready_of
from garaza.furniture.index.stored_vectors import Ids, ids_of
from garaza.kit.child_process import Child, child_for
from garaza.kit.ids import new_id

SMALL = 2000
"""Where nobody else is kept waiting, an index of so many products is made in this process: starting another one would
take longer.
"""
PART = 256
"""Points that are written at once."""
_DRAFT = "draft-"

T = TypeVar("T")


class EdgeIndex:
    """A VectorIndex with a folder for each version, which belongs to one process at a time.

    Args:
        apart: the engine, which holds the interpreter's lock as long as it works, does so in processes of its own: this
            one has others to answer meanwhile.
    """

    def __init__(self, folder: Path, *, apart: bool = False) -> None:
        self.name = f"files in {folder}"
        self._folder = folder
        self._apart = apart
        self._reading: Callable[[Path], Reader] = ReaderApart if apart else ReaderHere
        # Made by whoever comes first, in another thread.
        self._lock = FileLock(folder / ".lock", timeout=0, thread_local=False)
        self._owning = threading.Lock()
        self._served: Reader | None = None
        self._opened: tuple[int, Reader] | None = None
        """By who asked for it, so that it needn't be opened twice."""
        self._searching = ThreadPoolExecutor(1, "index")
        self._drafting = ThreadPoolExecutor(1, "index-draft")
        self._preparing = asyncio.Lock()
        self._process: Child | None = None
        self._closed = False

    @property
    def processes(self) -> list[int]:
        """That have what is served open."""
        return [] if self._served is None else self._served.processes

    async def has(self, spec: IndexSpec) -> bool:
        """See the port."""
        return await self._in(self._searching, self._has, spec)

    async def prepare(self, spec: IndexSpec, points: AsyncIterable[Sequence[Point]]) -> None:
        """See the port."""
        async with self._preparing:
            draft = await self._in(self._drafting, self._begin, spec)
            try:
                async for part in points:
                    for start in range(0, len(part), PART):
                        await self._in(self._drafting, draft.add, part[start : start + PART])
                await self._in(self._drafting, draft.close)
                if self._apart or draft.count > SMALL:
                    await self._build(draft)
                else:
                    await self._in(self._drafting, build, draft.folder)
                await self._in(self._drafting, self._put, draft, spec.version)
            except BaseException:
                # After what still runs, and whoever was cancelled needn't wait for it.
                if not self._closed:
                    self._drafting.submit(draft.abandon)
                raise

    async def serve(self, version: int) -> None:
        """See the port."""
        self._served = await self._in(self._searching, self._open, version)
        await self._in(self._searching, self._remove_others, version)

    async def search(self, vector: Vectors, limit: int, filters: Filters) -> Nearest:
        """See the port."""
        return await self._in(self._searching, self._reader().search, vector, limit, filters)

    async def scores(self, vector: Vectors, ids: Sequence[int]) -> NDArray[np.float32]:
        """See the port."""
        vectors = await self._in(self._searching, self._reader().vectors, np.array(ids, np.int64))
        return vectors @ vector

    def local(self) -> LocalIndex | None:
        """See the port."""
        return None if self._served is None else _Local(self._served)

    async def close(self) -> None:
        """See the port. A version that is still being prepared is thrown away by the next process."""
        self._closed = True
        opened = [self._served, None if self._opened is None else self._opened[1]]
        self._served = self._opened = None
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
        await asyncio.to_thread(self._let_go, opened)

    def _let_go(self, opened: Sequence[Reader | None]) -> None:
        self._searching.shutdown()
        self._drafting.shutdown()
        for reader in opened:
            if reader is not None:
                reader.close()
        self._lock.release()

    async def _build(self, draft: Draft) -> None:
        command = (sys.executable, "-m", "garaza.furniture.index.build", str(draft.folder))
        async with child_for(command, errors_here=True) as process:
            self._process = process
            if self._closed:
                raise IndexUnavailableError("the index was closed while its process was started")
            code = await process.wait()
        if code:
            last = (process.errors.decode(errors="replace").strip().splitlines() or [""])[-1]
            raise IndexUnavailableError(f"making the index ended with {code}: {last}")

    def _has(self, spec: IndexSpec) -> bool:
        self._own()
        try:
            reader = self._ready_reader(spec)
        except BaseException:  # noqa: BLE001 - panics of the engine are no Exception
            # It can't be opened, whatever its files look like: it isn't there.
            return False
        self._opened = (spec.version, reader) if reader else None
        return reader is not None

    def _ready_reader(self, spec: IndexSpec) -> Reader | None:
        """Of a folder that is whole, has these points, and can be opened."""
        folder, ids = self._of(spec.version), _ascending(spec.ids)
        ready = ready_of(folder)
        if ready is None or (ready.model_id, ready.contents) != (spec.model_id, spec.contents):
            return None
        if not np.array_equal(ids_of(folder), ids):
            return None
        reader = self._reading(folder)
        return reader if reader.count == len(ids) else None

    def _begin(self, spec: IndexSpec) -> Draft:
        self._own()
        # What is newer is of a database that isn't there any more: its points are others'.
        others = [number for number in self._versions() if number < spec.version and ready_of(self._of(number))]
        before = self._of(max(others)) if others else None
        # Not even a process that was left behind writes where another one does.
        folder = self._folder / f"{_DRAFT}{new_id()}"
        return Draft(folder, spec.model_id, spec.dimensions, _ascending(spec.ids), spec.contents, before)

    def _put(self, draft: Draft, version: int) -> None:
        self._opened = None
        shutil.rmtree(self._of(version), ignore_errors=True)
        draft.folder.rename(self._of(version))

    def _open(self, version: int) -> Reader:
        self._own()
        opened, self._opened = self._opened, None
        if opened is not None and opened[0] == version:
            return opened[1]
        try:
            return self._reading(self._of(version))
        except BaseException:
            # Or it would fail again, for ever.
            shutil.rmtree(self._of(version), ignore_errors=True)
            raise

    def _remove_others(self, version: int) -> None:
        for number in self._versions():
            if number != version:
                shutil.rmtree(self._of(number), ignore_errors=True)

    def _own(self) -> None:
        """Keep other processes out, and begin with removing what a crash left."""
        with self._owning:
            if self._lock.is_locked:
                return
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                self._lock.acquire()
            except Timeout:
                raise IndexUnavailableError(
                    f"another process owns the index in {self._folder}: wait until it is done, or end it; "
                    "several processes share a Qdrant server (GARAZA_FURNITURE__QDRANT_URL)"
                ) from None
            for path in self._folder.iterdir():
                if path.is_dir() and not (path.name.isdecimal() and ready_of(path)):
                    shutil.rmtree(path, ignore_errors=True)

    def _of(self, version: int) -> Path:
        return self._folder / str(version)

    def _versions(self) -> list[int]:
        return [int(path.name) for path in self._folder.iterdir() if path.name.isdecimal()]

    def _reader(self) -> Reader:
        if self._served is None:
            raise IndexUnavailableError("no version is served yet")
        return self._served

    async def _in(self, threads: Executor, work: Callable[..., T], *given: object) -> T:
        if self._closed:
            raise IndexUnavailableError("the index was closed")
        return await asyncio.get_running_loop().run_in_executor(threads, _named, work, given)


@dataclass(frozen=True, slots=True)
class _Local:
    reader: Reader

    def search(
        self, vector: Vectors, limit: int, filters: Filters, meanwhile: Callable[[], None] | None = None
    ) -> Nearest:
        """See the port."""
        return _named(self.reader.search, (vector, limit, filters, meanwhile))

    def vectors(self, ids: NDArray[np.int64]) -> Vectors:
        """See the port."""
        return _named(self.reader.vectors, (ids,))


def _named(work: Callable[..., T], given: tuple[object, ...]) -> T:
    """Whatever goes wrong is told in the port's words. The engine's errors have nothing in common, its panics aren't
    even an Exception.
    """
    try:
        return work(*given)
    except IndexUnavailableError:
        raise
    except BaseException as error:
        raise IndexUnavailableError(f"the index failed: {error}") from error


def _ascending(ids: Collection[int]) -> Ids:
    found: Ids = np.unique(np.fromiter(ids, np.int64, len(ids)))
    return found
