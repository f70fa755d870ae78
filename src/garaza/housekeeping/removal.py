"""The second half of deleting. What is marked as deleted, and committed, loses its files, and then its row.

Each step can be repeated, and two may be at the same thing: whoever asked for the deletion does it at once, and a round
of housekeeping finishes what a crash interrupted.

A result's folder is referred to by the job that has it as its result, and by rooms. Whoever takes a reference away
commits that first and looks for others then. So of two who do it at the same time at least the later one finds none,
and since new references are made only to what a living job has, none can come after that.
"""

from __future__ import annotations

import logging
from pathlib import PurePosixPath

from sqlalchemy.exc import IntegrityError

from garaza.accounts.service import AccountService
from garaza.jobs.keeping import needs_result
from garaza.jobs.service import JobService
from garaza.jobs.upkeep import JobUpkeep
from garaza.kit.blobs.port import RESULTS, Blobs, result_key, upload_key
from garaza.kit.database import Database, ReadSession
from garaza.kit.storage import DataDirectory
from garaza.rooms.service import RoomService

logger = logging.getLogger(__name__)

AT_ONCE = 100
"""Jobs or rooms in one query."""


class Removal:
    """See the module. Every method owns its transactions; none is open while files are removed."""

    def __init__(
        self,
        database: Database,
        data: DataDirectory,
        blobs: Blobs,
        jobs: JobService,
        upkeep: JobUpkeep,
        rooms: RoomService,
        accounts: AccountService,
    ) -> None:
        self._database = database
        self._data = data
        self._blobs = blobs
        self._jobs = jobs
        self._upkeep = upkeep
        self._rooms = rooms
        self._accounts = accounts

    async def remove_job(self, job_id: str) -> None:
        """Finish a marked job: its video, what attempts left, versions of its result that no room keeps, its row."""
        async with self._database.read() as session:
            if await self._upkeep.is_there(session, job_id):
                logger.error("scan %s is not marked as deleted: its files stay", job_id)
                return
            kept = await self._rooms.versions(session, [job_id])
        await self._data.remove(self._data.checkpoints(job_id))
        here = await self._blobs.children(PurePosixPath(RESULTS, job_id))
        gone = [result_key(job_id, version) for version in here if (job_id, version) not in kept]
        await self._blobs.remove(upload_key(job_id), *gone)
        async with self._database.write() as session:
            await self._jobs.finish_deleted(session, job_id)

    async def remove_room(self, room_id: int) -> None:
        """Finish a marked room: its folder, unless its job or another room has it, and its row."""
        async with self._database.read() as session:
            room = await self._rooms.get_marked(session, room_id)
            if room is None:
                return
            kept = await self._is_kept(session, room.job_id, room.version)
        if not kept:
            await self._blobs.remove(result_key(room.job_id, room.version))
        async with self._database.write() as session:
            await self._rooms.finish_deleted(session, room_id)

    async def remove_version(self, job_id: str, version: str) -> None:
        """The folder of a result that is not its job's any more, unless a room keeps it."""
        async with self._database.read() as session:
            kept = await self._is_kept(session, job_id, version)
        if not kept:
            await self._blobs.remove(result_key(job_id, version))

    async def _is_kept(self, session: ReadSession, job_id: str, version: str) -> bool:
        return await needs_result(session, job_id, version) or await self._rooms.refers(session, job_id, version)

    async def remove_account(self, user_id: int) -> bool:
        """Finish a marked account: everything it has, then its row. False if something is left for the next round."""
        while True:
            # Again, for what came in while it was being marked.
            async with self._database.write() as session:
                await self._jobs.mark_deleted_of(session, user_id, AT_ONCE)
                await self._rooms.mark_of(session, user_id)
            async with self._database.read() as session:
                jobs = await self._upkeep.marked_of(session, user_id, AT_ONCE)
                rooms = await self._rooms.marked_of(session, user_id, AT_ONCE)
            if not jobs and not rooms:
                break
            for room_id in rooms:
                await self.remove_room(room_id)
            for job_id in jobs:
                await self.remove_job(job_id)
        try:
            async with self._database.write() as session:
                return await self._accounts.finish_deleted(session, user_id)
        except IntegrityError:
            logger.info("account %d got something new while it was being closed", user_id)
            return False
