"""Other services on the same database, each with a data directory of its own."""

from __future__ import annotations

import asyncio
import logging

from sqlalchemy import text

from garaza.kit.database import Database
from garaza.kit.storage import DataDirectory

logger = logging.getLogger(__name__)

_CALLED = "garaza serve "
_OTHERS = text(
    "SELECT count(DISTINCT application_name) FROM pg_stat_activity WHERE datname = current_database() "
    "AND starts_with(application_name, :called) AND application_name <> :own"
)


class Neighbours:
    """Services are known by what they call their connections: nothing is left of one that dies, and nobody has to be
    told. A file of a database has one service, as the file's directory has.
    """

    def __init__(self, database: Database, data: DataDirectory, *, share_files: bool, share_memory: bool) -> None:
        self._database = database
        self._data = data
        self._share_files = share_files
        self._share_memory = share_memory

    async def look(self) -> None:
        """Before anything else is asked of the database: let others know of this one, and say what can't work."""
        if self._database.dialect != "postgresql":
            return
        self._database.call_connections(_CALLED + await asyncio.to_thread(self._data.name))
        count = await self._count()
        if count and not self._share_files:
            logger.error(
                "%d other service(s) use this database, with data directories of their own: none sees the files of "
                "another. End all but one, or keep files in a bucket (GARAZA_STORAGE__URL)",
                count,
            )
        elif count and not self._share_memory:
            logger.warning(
                "%d other service(s) use this database: without GARAZA_REDIS__URL each counts limits and used tickets "
                "for itself, and answers from copies that another one has made outdated",
                count,
            )

    async def keep_files(self) -> bool:
        """Whether what isn't here may be where only another service sees it."""
        return self._database.dialect == "postgresql" and not self._share_files and await self._count() > 0

    async def _count(self) -> int:
        own = _CALLED + await asyncio.to_thread(self._data.name)
        async with self._database.read() as session:
            return await session.scalar(_OTHERS, {"called": _CALLED, "own": own}) or 0
