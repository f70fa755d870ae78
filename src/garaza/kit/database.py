"""SQLite through SQLAlchemy, set up so that readers never wait and writers wait instead of failing.

Reading and writing sessions have distinct types: a function that takes a `WriteSession` runs in a transaction that
began as a writer (BEGIN IMMEDIATE). SQLite refuses to upgrade a reading transaction once somebody else has written, and
no busy timeout helps against that.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

_WRITE = "write_transaction"


class ReadSession(AsyncSession):
    """A session whose transaction only reads."""


class WriteSession(ReadSession):
    """A session whose transaction may write, and holds the write lock from its begin."""


class Database:
    """One engine, and the two ways to use it."""

    def __init__(self, path: Path, *, pool_size: int, pool_timeout: float, busy_timeout: float) -> None:
        self.engine = create_async_engine(
            f"sqlite+aiosqlite:///{path}",
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=pool_timeout,
            connect_args={"timeout": busy_timeout, "isolation_level": None},
        )
        _listen(self.engine)
        self._writing = self.engine.execution_options(**{_WRITE: True})

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadSession]:
        """A snapshot of the data, for the length of the block."""
        async with ReadSession(self.engine, expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[WriteSession]:
        """A transaction, committed at the end of the block, or rolled back when the block raises."""
        async with WriteSession(self._writing, expire_on_commit=False) as session:
            yield session
            await session.commit()

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


def _listen(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def set_pragmas(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        # NORMAL loses at most the last commits when the power fails, and never the database: the price of not
        # waiting for the disk at each of the progress reports that make up most writes.
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "temp_store=MEMORY"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        options: dict[str, Any] = dict(connection.get_execution_options())
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get(_WRITE) else "BEGIN")
