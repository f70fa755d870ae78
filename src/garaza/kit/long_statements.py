"""Statements on PostgreSQL that may take as long as they need, but not for ever if nobody works at them.

A bound of time would end a migration of a big table, and without one a server that has fallen silent, or a network that
has lost a connection, would be waited for without end. So it is looked from a second connection: whether there is an
answer at all, and whether the server still works at the statement.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from sqlalchemy import URL, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from garaza.kit.database import Database, DatabaseUnavailableError, PoolOptions

ANSWER_SECONDS = 10.0
"""For connecting, and for looking."""
LOOK_SECONDS = 20.0
"""Between two looks; and what a lost answer costs is twice as much."""

T = TypeVar("T")


class DatabaseUnreachableError(Exception):
    """A database server doesn't let this process in, or doesn't answer. The text says why, and names no password."""


def run_on_postgresql(url: URL, use: Callable[[Connection], T], *first: str) -> T:
    """What `use` comes to, in a transaction that is given up unless `use` commits it. Blocks.

    Args:
        first: statements that the transaction begins with.

    Raises:
        DatabaseUnreachableError
    """
    return asyncio.run(_Watched(url).run(use, first))


class _Watched:
    def __init__(self, url: URL) -> None:
        self._url = url
        self._pid: int | None = None
        """Of the server's process that works for us; None: we aren't connected yet."""

    async def run(self, use: Callable[[Connection], T], first: tuple[str, ...]) -> T:
        return await self._watched(self._run(use, first))

    async def _run(self, use: Callable[[Connection], T], first: tuple[str, ...]) -> T:
        # Whatever bound the role has, or the server: it is for what many do at once.
        unbounded = {"server_settings": {"statement_timeout": "0"}, "timeout": ANSWER_SECONDS}
        engine = create_async_engine(
            self._url.set(drivername="postgresql+asyncpg"), poolclass=NullPool, connect_args=unbounded
        )
        try:
            connection = await engine.connect()
        except TimeoutError as error:
            raise _silent() from error
        except OSError as error:
            raise DatabaseUnreachableError(str(error) or type(error).__name__) from error
        except DBAPIError as error:
            raise DatabaseUnreachableError(str(error.orig).partition(": ")[2] or str(error.orig)) from error
        async with contextlib.aclosing(connection):
            # The server's own: a proxy between, which hands connections on, says another number when one connects.
            self._pid = await connection.scalar(text("SELECT pg_backend_pid()"))
            for statement in first:
                await connection.execute(text(statement))
            return await connection.run_sync(use)

    async def _watched(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.create_task(work)
        before = None
        while not (await asyncio.wait([task], timeout=LOOK_SECONDS))[0]:
            now = await self._idle_since()
            # Between two statements it does, for a moment.
            if now is not None and now == before:
                task.cancel()
                await asyncio.wait([task], timeout=ANSWER_SECONDS)
                raise _silent()
            before = now
        return task.result()

    async def _idle_since(self) -> object | None:
        """Since when the server waits for us to say or to take something; None: it works.

        Raises:
            DatabaseUnreachableError: it doesn't answer.
        """
        question = "SELECT wait_event_type = 'Client', state_change FROM pg_stat_activity WHERE pid = :pid"
        database = Database(self._url, _looking())
        try:
            async with database.read() as session:
                row = (await session.execute(text(question), {"pid": self._pid or 0})).first()
        except DatabaseUnavailableError as error:
            if isinstance(error.__cause__, DBAPIError):
                # It says that it has no room, or is about to stop: then we hear of it, too.
                return None
            raise _silent() from error
        finally:
            await database.close()
        return "nobody" if row is None else row[1] if row[0] else None


def _silent() -> DatabaseUnreachableError:
    return DatabaseUnreachableError("it doesn't answer")


def _looking() -> PoolOptions:
    return PoolOptions(
        size=1,
        overflow=0,
        timeout=ANSWER_SECONDS,
        recycle=-1,
        pre_ping=False,
        connect_timeout=ANSWER_SECONDS,
        statement_timeout=ANSWER_SECONDS,
        busy_timeout=ANSWER_SECONDS,
    )
