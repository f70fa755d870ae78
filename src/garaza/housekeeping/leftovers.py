"""Files that no row knows of: what a killed process had begun, or had not finished removing."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path, PurePath, PurePosixPath

from garaza.jobs.service import JobService
from garaza.kit.blobs.port import Blobs
from garaza.kit.clock import Clock
from garaza.kit.database import Database
from garaza.kit.ids import is_id
from garaza.kit.storage import DataDirectory, Known, job_of
from garaza.rooms.service import RoomService

logger = logging.getLogger(__name__)

GRACE_SECONDS = 3600
"""While the service runs, a video or result may be here for a moment before its row is; this is a long moment."""
PART = 1000
"""Jobs whose files one round looks at. The next one goes on from there."""
_ASKED_AT_ONCE = 500


class Leftovers:
    """See the module."""

    def __init__(
        self,
        database: Database,
        data: DataDirectory,
        blobs: Blobs,
        jobs: JobService,
        rooms: RoomService,
        clock: Clock,
    ) -> None:
        self._database = database
        self._data = data
        self._blobs = blobs
        self._jobs = jobs
        self._rooms = rooms
        self._clock = clock
        self._after = ""
        """The job that the last round ended with."""

    async def remove_all(self) -> int:
        """Before the first request, while nothing but workers can be writing; how many there were."""
        scratch = await asyncio.to_thread(self._data.scratch)
        return await self._remove(scratch, [found.key for found in await self._blobs.left_by_a_crash()])

    async def remove_some(self) -> int:
        """While the service runs: what attempts have left, and a part of the rest; how many there were."""
        work = await asyncio.to_thread(self._data.in_work)
        return await self._remove(work, await self._next())

    async def _next(self) -> list[PurePosixPath]:
        part = await self._blobs.some(self._after, PART)
        self._after = part.after
        before = self._clock() - GRACE_SECONDS
        return [found.key for found in part.found if found.changed_at < before]

    async def _remove(self, scratch: Sequence[Path], blobs: Sequence[PurePosixPath]) -> int:
        """Remove what nobody knows of. The database is asked after all was seen: what has come since isn't in it."""
        seen: list[PurePath] = [*scratch, *blobs]
        left: set[PurePath] = set()
        known_names: set[str] = set()
        for begin in range(0, len(seen), _ASKED_AT_ONCE):
            paths = seen[begin : begin + _ASKED_AT_ONCE]
            known = await self._known({job_of(path) for path in paths})
            left |= {path for path in paths if not known.has(path)}
            known_names |= known.uploads | {job_id for job_id, _ in known.results}
        # Of scratch nothing is said: what is on its way to become a video or a result comes and goes.
        here = {job_of(key) for key in blobs}
        unknown = {job_of(key) for key in blobs if key in left} - known_names
        if is_most(len(unknown), len(here)):
            logger.error(
                "%d of %d scans in %s are unknown to the database, which looks like that of another directory, or like "
                "an old copy: nothing is removed",
                len(unknown),
                len(here),
                self._blobs.name,
            )
            return 0
        await self._data.remove(*(path for path in scratch if path in left))
        await self._blobs.remove(*(key for key in blobs if key in left))
        return len(left)

    async def _known(self, job_ids: set[str]) -> Known:
        ids = [job_id for job_id in job_ids if is_id(job_id)]
        async with self._database.read() as session:
            known = await self._jobs.known(session, ids)
            kept = await self._rooms.versions(session, ids)
        return dataclasses.replace(known, results=known.results | kept)


def is_most(some: int, all_of_them: int) -> bool:
    """Whether so many are more than accidents explain."""
    return some > 3 and 2 * some > all_of_them
