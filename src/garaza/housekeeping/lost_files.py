"""Rows whose files are gone: restored from an older copy of the disk, or removed by somebody's hand.

What can't be served is said to be so: a scan fails with a reason and an advice, a room shows that it is empty.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from typing import TypeVar

from garaza.housekeeping.leftovers import is_most
from garaza.housekeeping.neighbours import Neighbours
from garaza.jobs.states import JobState
from garaza.jobs.upkeep import JobUpkeep, Stored
from garaza.kit.blobs.port import Blobs, result_key, upload_key
from garaza.kit.database import Database
from garaza.reconstruction.result import RESULT_FILE
from garaza.rooms.service import RoomService

logger = logging.getLogger(__name__)

PART = 1000
"""Rows that one round looks at. The next one goes on from there."""

T = TypeVar("T")


class LostFiles:
    """See the module."""

    def __init__(
        self, database: Database, blobs: Blobs, upkeep: JobUpkeep, rooms: RoomService, neighbours: Neighbours
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._upkeep = upkeep
        self._rooms = rooms
        self._neighbours = neighbours
        self._after_job = ""
        self._after_room = 0

    async def note_jobs(self) -> int:
        """Look at some of the jobs; how many are without their files."""
        async with self._database.read() as session:
            jobs = await self._upkeep.after(session, self._after_job, PART)
        self._after_job = jobs[-1].job_id if len(jobs) == PART else ""
        count = 0
        for job in await self._without(jobs, _file_of):
            async with self._database.write() as session:
                if job.state is JobState.COMPLETED:
                    noted = await self._upkeep.result_lost(session, job)
                else:
                    noted = await self._upkeep.video_lost(session, job)
            if noted:
                count += 1
                logger.error("the files of scan %s (%s) are gone", job.job_id, job.state.value)
        return count

    async def note_rooms(self) -> int:
        """Look at some of the rooms; how many are without their files."""
        async with self._database.read() as session:
            rooms = await self._rooms.after(session, self._after_room, PART)
        self._after_room = rooms[-1].id if len(rooms) == PART else 0
        lost = await self._without(rooms, lambda room: _result_file(room.job_id, room.version))
        for room in lost:
            async with self._database.write() as session:
                await self._rooms.files_lost(session, room.id)
            logger.error("the files of room %d are gone", room.id)
        return len(lost)

    async def _without(self, rows: Sequence[T], file_of: Callable[[T], PurePosixPath]) -> list[T]:
        """Those whose file isn't there; none, if it looks as if all were somewhere else."""
        present = await self._blobs.present({file_of(row) for row in rows})
        lost = [row for row in rows if file_of(row) not in present]
        if is_most(len(lost), len(rows)):
            logger.error(
                "the files of %d of %d are not in %s: is it the right place, and mounted? Nothing is changed",
                len(lost),
                len(rows),
                self._blobs.name,
            )
            return []
        if lost and await self._neighbours.keep_files():
            logger.error("the files of %d are not in %s, and may be another service's", len(lost), self._blobs.name)
            return []
        return lost


def _file_of(job: Stored) -> PurePosixPath:
    """What a job can't be without."""
    if job.state is JobState.COMPLETED:
        return _result_file(job.job_id, job.version or "")
    return upload_key(job.job_id)


def _result_file(job_id: str, version: str) -> PurePosixPath:
    return result_key(job_id, version) / RESULT_FILE
