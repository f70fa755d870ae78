"""Rows whose files are gone: restored from an older copy of the disk, or removed by somebody's hand.

What can't be served is said to be so: a scan fails with a reason and an advice, a room shows that it is empty.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from garaza.housekeeping.leftovers import is_most
from garaza.jobs.states import JobState
from garaza.jobs.upkeep import JobUpkeep, Stored
from garaza.kit.database import Database
from garaza.kit.storage import DataDirectory
from garaza.reconstruction.result import RESULT_FILE
from garaza.rooms.service import RoomService

logger = logging.getLogger(__name__)

PART = 1000
"""Rows that one round looks at. The next one goes on from there."""

T = TypeVar("T")


class LostFiles:
    """See the module."""

    def __init__(self, database: Database, data: DataDirectory, upkeep: JobUpkeep, rooms: RoomService) -> None:
        self._database = database
        self._data = data
        self._upkeep = upkeep
        self._rooms = rooms
        self._after_job = ""
        self._after_room = 0

    async def note_jobs(self) -> int:
        """Look at some of the jobs; how many are without their files."""
        async with self._database.read() as session:
            jobs = await self._upkeep.after(session, self._after_job, PART)
        self._after_job = jobs[-1].job_id if len(jobs) == PART else ""
        count = 0
        for job in await self._without(jobs, self._has_files):
            async with self._database.write() as session:
                if job.state is JobState.COMPLETED:
                    noted = await self._upkeep.result_lost(session, job)
                else:
                    noted = await self._upkeep.video_lost(session, job)
            if noted:
                count += 1
                logger.error("the files of scan %s (%s) are gone from the disk", job.job_id, job.state.value)
        return count

    async def note_rooms(self) -> int:
        """Look at some of the rooms; how many are without their files."""
        async with self._database.read() as session:
            rooms = await self._rooms.after(session, self._after_room, PART)
        self._after_room = rooms[-1].id if len(rooms) == PART else 0
        lost = await self._without(rooms, lambda room: self._has_result(room.job_id, room.version))
        for room in lost:
            async with self._database.write() as session:
                await self._rooms.files_lost(session, room.id)
            logger.error("the files of room %d are gone from the disk", room.id)
        return len(lost)

    async def _without(self, rows: Sequence[T], has_files: Callable[[T], bool]) -> list[T]:
        """Those that have no files; none, if it looks as if all were somewhere else."""
        lost = await asyncio.to_thread(lambda: [row for row in rows if not has_files(row)])
        if is_most(len(lost), len(rows)):
            logger.error(
                "the files of %d of %d are not in %s: is its disk mounted? Nothing is changed",
                len(lost),
                len(rows),
                self._data.root,
            )
            return []
        return lost

    def _has_files(self, job: Stored) -> bool:
        if job.state is JobState.COMPLETED:
            return self._has_result(job.job_id, job.version or "")
        return self._data.upload(job.job_id).exists()

    def _has_result(self, job_id: str, version: str) -> bool:
        return (self._data.result(job_id, version) / RESULT_FILE).exists()
