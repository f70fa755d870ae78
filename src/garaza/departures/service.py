"""Closing an account: at once for everybody who looks, and then its files, and then its rows."""

from __future__ import annotations

import logging
from collections.abc import Callable

from garaza.accounts.oversight import Oversight
from garaza.accounts.service import AccountService
from garaza.jobs.service import JobService
from garaza.jobs.upkeep import JobUpkeep
from garaza.kit.database import Database, WriteSession
from garaza.rooms.service import RoomService

logger = logging.getLogger(__name__)


class Departures:
    """See the module. Owns its transactions.

    Args:
        soon: tells housekeeping that there is something to finish, which it does without being told after a crash.
    """

    def __init__(
        self,
        database: Database,
        accounts: AccountService,
        oversight: Oversight,
        jobs: JobService,
        upkeep: JobUpkeep,
        rooms: RoomService,
        soon: Callable[[], None],
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._oversight = oversight
        self._jobs = jobs
        self._upkeep = upkeep
        self._rooms = rooms
        self._soon = soon

    async def leave(self, user_id: int, password: str) -> None:
        """What somebody asks for, who shows by the password that it is nobody else.

        Raises:
            GarazaError: 403, the password is wrong; 409, no admin would be left; 503, busy.
        """
        await self._accounts.confirm_password(user_id, password)
        async with self._database.write() as session:
            await self.close(session, user_id)
        self.closed(user_id)

    async def close(self, session: WriteSession, user_id: int) -> None:
        """Take an account and all it has from everybody's eyes; `closed` is to be called once this is committed.

        Raises:
            GarazaError: 404; 409, no admin would be left.
        """
        # In the order in which everybody locks rows: scans, rooms, accounts.
        for job_id in await self._upkeep.active_of(session, user_id):
            await self._jobs.mark_deleted(session, job_id)
        await self._upkeep.mark_all_of(session, user_id)
        await self._rooms.mark_of(session, user_id)
        await self._oversight.keep_an_admin(session, user_id)
        await self._accounts.mark_deleted(session, user_id)

    def closed(self, user_id: int) -> None:
        """Have files and rows removed."""
        # What it did goes with it; that it went is for the log.
        logger.info("account %d was closed", user_id)
        self._soon()
