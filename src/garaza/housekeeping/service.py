"""What has to be done again and again, whether or not anybody asks for anything."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from garaza.accounts.service import AccountService
from garaza.housekeeping.leftovers import Leftovers
from garaza.housekeeping.lost_files import LostFiles
from garaza.housekeeping.neighbours import Neighbours
from garaza.housekeeping.pressure import Pressure
from garaza.housekeeping.removal import Removal
from garaza.jobs.service import JobService
from garaza.kit.blobs.port import StorageUnavailableError
from garaza.kit.database import Database, DatabaseUnavailableError, ReadSession, WriteSession
from garaza.kit.storage import DataDirectory
from garaza.kit.waiting import ended
from garaza.rooms.service import RoomService
from garaza.uploads.upkeep import UploadUpkeep

logger = logging.getLogger(__name__)

ROUND_SECONDS = 600.0
PRESSURE_SECONDS = 30.0
"""Between looks at the free space: one system call, and a disk can fill in a round."""
_AT_ONCE = 100
"""Rows that one transaction changes: others want to write meanwhile."""
_IN_ROUND = 1000
"""Things of a kind that one round removes; the next one goes on."""

Purge = Callable[[WriteSession], Awaitable[int]]
"""Removes some rows that have had their time; says how many, and is asked again until it says none."""
T = TypeVar("T", int, str)


class Housekeeping:
    """Rounds of small steps. One that fails is logged, and holds up neither the others nor the next round."""

    def __init__(
        self,
        database: Database,
        data: DataDirectory,
        jobs: JobService,
        rooms: RoomService,
        accounts: AccountService,
        removal: Removal,
        leftovers: Leftovers,
        lost_files: LostFiles,
        pressure: Pressure,
        purges: Mapping[str, Purge],
        unfinished: UploadUpkeep,
        neighbours: Neighbours,
    ) -> None:
        self._database = database
        self._data = data
        self._jobs = jobs
        self._rooms = rooms
        self._accounts = accounts
        self._removal = removal
        self._leftovers = leftovers
        self._pressure = pressure
        self._purges = purges
        self._unfinished = unfinished
        self._neighbours = neighbours
        self._steps: Sequence[tuple[str, Callable[[], Awaitable[int]]]] = (
            ("expired scans", self._expire),
            ("deleted scans", self._finish_jobs),
            ("deleted rooms", self._finish_rooms),
            ("closed accounts", self._finish_accounts),
            ("scans for want of space", pressure.relieve),
            ("leftover files", leftovers.remove_some),
            ("unfinished uploads", unfinished.tidy),
            ("scans without files", lost_files.note_jobs),
            ("rooms without files", lost_files.note_rooms),
            ("rows that have had their time", self._purge),
        )
        self._soon = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def prepare(self) -> None:
        """Before the first request: whatever a crash left goes, while nobody can be adding anything."""
        await self._neighbours.look()
        await asyncio.to_thread(self._data.empty_trash)
        if count := await self._leftovers.remove_all() + await self._unfinished.prepare():
            logger.info("removed %d leftover(s)", count)

    def start(self) -> None:
        """Begin with a round, and go on with one every `ROUND_SECONDS`."""
        self._task = asyncio.create_task(self._go_on())

    async def stop(self) -> None:
        """End; what was begun is finished after the next start."""
        await ended(self._task)

    def soon(self) -> None:
        """There is something to do that need not wait for the next round."""
        self._soon.set()

    async def round(self) -> dict[str, int]:
        """Do each step once; how much there was of each kind."""
        done = {}
        for what, step in self._steps:
            try:
                done[what] = await step()
            except DatabaseUnavailableError:
                logger.warning("housekeeping has to wait for the database")
                break
            except StorageUnavailableError as error:
                logger.warning("housekeeping: %s have to wait for the storage: %s", what, error)
            except Exception:
                logger.exception("housekeeping could not finish with %s", what)
            else:
                if done[what]:
                    logger.info("housekeeping: %d %s", done[what], what)
        return done

    async def _go_on(self) -> None:
        while True:
            self._soon.clear()
            await self.round()
            next_round = time.monotonic() + ROUND_SECONDS
            while time.monotonic() < next_round and not self._soon.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._soon.wait(), PRESSURE_SECONDS)
                try:
                    await self._pressure.relieve()
                except Exception:
                    logger.exception("could not make room on the disk")

    # Steps -------------------------------------------------------------------------------------------------------

    async def _expire(self) -> int:
        """Mark scans whose time has come; the next step removes them."""
        count = 0
        while count < _IN_ROUND:
            async with self._database.write() as session:
                marked = await self._jobs.mark_expired(session, _AT_ONCE)
            count += len(marked)
            if len(marked) < _AT_ONCE:
                break
        return count

    async def _finish_jobs(self) -> int:
        return await self._finish(self._jobs.marked, self._removal.remove_job)

    async def _finish_rooms(self) -> int:
        return await self._finish(self._rooms.marked, self._removal.remove_room)

    async def _finish_accounts(self) -> int:
        return await self._finish(self._accounts.marked, self._removal.remove_account)

    async def _finish(
        self,
        marked: Callable[[ReadSession, int], Awaitable[Sequence[T]]],
        remove: Callable[[T], Awaitable[object]],
    ) -> int:
        async with self._database.read() as session:
            found = await marked(session, _IN_ROUND)
        count = 0
        for one in found:
            try:
                await remove(one)
            except (DatabaseUnavailableError, StorageUnavailableError):
                raise
            except Exception:
                # A file that can't be removed, say. The others need not wait for it.
                logger.exception("could not finish deleting %s", one)
            else:
                count += 1
        return count

    async def _purge(self) -> int:
        total = 0
        for what, purge in self._purges.items():
            count = 0
            while count < 10 * _IN_ROUND:
                async with self._database.write() as session:
                    removed = await purge(session)
                if removed == 0:
                    break
                count += removed
            if count:
                logger.info("housekeeping: %d %s", count, what)
            total += count
        return total
