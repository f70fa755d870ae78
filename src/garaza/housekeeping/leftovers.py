"""Files that no row knows of: what a killed process had begun, or had not finished removing."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from bisect import bisect_right
from pathlib import Path

from garaza.jobs.service import JobService
from garaza.kit.clock import Clock
from garaza.kit.database import Database
from garaza.kit.ids import is_id
from garaza.kit.storage import DataDirectory, Known, changed_at, job_of
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
        jobs: JobService,
        rooms: RoomService,
        clock: Clock,
    ) -> None:
        self._database = database
        self._data = data
        self._jobs = jobs
        self._rooms = rooms
        self._clock = clock
        self._after = ""
        """The job that the last round ended with."""

    async def remove_all(self) -> int:
        """Before the first request, while nothing but workers can be writing; how many there were."""
        return await self._remove(await asyncio.to_thread(self._data.inventory))

    async def remove_some(self) -> int:
        """While the service runs: what attempts have left, and a part of the rest; how many there were."""
        return await self._remove(await asyncio.to_thread(self._next))

    def _next(self) -> list[Path]:
        job_ids = self._data.job_ids()
        begin = bisect_right(job_ids, self._after)
        part = job_ids[begin : begin + PART]
        self._after = part[-1] if begin + PART < len(job_ids) else ""
        before = self._clock() - GRACE_SECONDS
        return [*self._data.in_work(), *(path for path in self._data.of_jobs(part) if changed_at(path) < before)]

    async def _remove(self, seen: list[Path]) -> int:
        """Remove what nobody knows of. The database is asked after `seen` was: what has come since isn't in it."""
        left: list[Path] = []
        known_names: set[str] = set()
        for begin in range(0, len(seen), _ASKED_AT_ONCE):
            paths = seen[begin : begin + _ASKED_AT_ONCE]
            known = await self._known({job_of(path) for path in paths})
            left += [path for path in paths if not known.has(path)]
            known_names |= known.uploads | {job_id for job_id, _ in known.results}
        here, unknown = self._names(seen), self._names(left) - known_names
        if is_most(len(unknown), len(here)):
            logger.error(
                "%d of %d scans in %s are unknown to the database, which looks like that of another directory, or like "
                "an old copy: nothing is removed",
                len(unknown),
                len(here),
                self._data.root,
            )
            return 0
        await asyncio.to_thread(self._data.remove_left, left)
        return len(left)

    async def _known(self, job_ids: set[str]) -> Known:
        ids = [job_id for job_id in job_ids if is_id(job_id)]
        async with self._database.read() as session:
            known = await self._jobs.known(session, ids)
            kept = await self._rooms.versions(session, ids)
        return dataclasses.replace(known, results=known.results | kept)

    def _names(self, paths: list[Path]) -> set[str]:
        """The jobs whose videos or results these are. What is on its way to become one comes and goes."""
        passing = {self._data.incoming, self._data.work}
        return {job_of(path) for path in paths if path.parent not in passing}


def is_most(some: int, all_of_them: int) -> bool:
    """Whether so many are more than accidents explain."""
    return some > 3 and 2 * some > all_of_them
