"""When the disk gets full: what is promised to nobody for long goes before its time."""

from __future__ import annotations

import asyncio
import logging

from garaza.housekeeping.removal import Removal
from garaza.jobs.upkeep import JobUpkeep, Stored
from garaza.kit.blobs.port import Blobs
from garaza.kit.database import Database
from garaza.kit.storage import DataDirectory

logger = logging.getLogger(__name__)

LEFT_ALONE_SECONDS = 900
"""Somebody may be looking at what is younger, or be about to ask for it."""
_AT_ONCE = 50


class Pressure:
    """Guests' finished scans go first, the oldest first, and then videos that nobody has asked to process.

    Finished scans of accounts, and what is being worked at, never go.
    """

    def __init__(
        self,
        database: Database,
        data: DataDirectory,
        blobs: Blobs,
        upkeep: JobUpkeep,
        removal: Removal,
        wanted_free_bytes: int,
    ) -> None:
        self._database = database
        self._data = data
        self._blobs = blobs
        self._upkeep = upkeep
        self._removal = removal
        self._wanted = wanted_free_bytes
        self._helpless = False
        """That nothing more can be done was said, and is still so."""

    async def relieve(self) -> int:
        """Make room until there is enough; how many scans went."""
        if await self._enough():
            self._helpless = False
            return 0
        finished: list[Stored] = []
        asleep: list[Stored] = []
        if self._blobs.on_disk:
            async with self._database.read() as session:
                finished = await self._upkeep.guests_finished(session, LEFT_ALONE_SECONDS, _AT_ONCE)
                asleep = await self._upkeep.unprocessed(session, LEFT_ALONE_SECONDS, _AT_ONCE)
        count = 0
        for job, what in [*((job, "a guest's scan") for job in finished), *((job, "a video") for job in asleep)]:
            if await self._enough():
                return count
            count += await self._remove(job, what)
        if count == 0 and not self._helpless:
            self._helpless = True
            logger.error("there is less free space than wanted, and nothing left that may go for it")
        return count

    async def _enough(self) -> bool:
        return await asyncio.to_thread(self._data.free_bytes) >= self._wanted

    async def _remove(self, job: Stored, what: str) -> int:
        async with self._database.write() as session:
            marked = await self._upkeep.mark_resting(session, job)
        if not marked:
            return 0
        await self._removal.remove_job(job.job_id)
        logger.warning("the disk is nearly full: removed %s of %d bytes, %s", what, job.size_bytes, job.job_id)
        return 1
