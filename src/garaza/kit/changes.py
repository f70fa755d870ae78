"""Hearing of what others have committed to the database, within milliseconds and without asking it again and again.

On SQLite a thread looks at `PRAGMA data_version`, which says whether another connection, of whichever process, has
committed: some ten microseconds each time, from memory that all connections share. On PostgreSQL the server tells
(LISTEN); there, whoever changes something has to say so in the same transaction (`pg_notify`). While a connection is
broken nothing is heard. So all that is ever said is that there may be something new, and nobody should wait for it
longer than a second or so without looking.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import threading
import time
from typing import Any, Self
from urllib.parse import quote

from garaza.kit.backoff import backoff
from garaza.kit.database import Database
from garaza.kit.waiting import ended

logger = logging.getLogger(__name__)

_CONNECT_SECONDS = 5.0
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0
_SHORT_SECONDS = 0.1


class Changes:
    """To be entered, used and left in one event loop."""

    def __init__(self) -> None:
        self._count = 0
        self._next = asyncio.Event()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *failure: object) -> None:
        pass

    def mark(self) -> int:
        """Now. To be taken before looking: what is committed after the look is then not slept through."""
        return self._count

    async def wait(self, mark: int, timeout: float) -> None:  # noqa: ASYNC109 - it is no error
        """Until something may have been committed since `mark`, or for `timeout` seconds."""
        if self._count == mark:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._next.wait()

    def _tell(self) -> None:
        self._count += 1
        self._next.set()
        self._next = asyncio.Event()


class FileChanges(Changes):
    """Of a SQLite database. Only looked for while somebody waits."""

    def __init__(self, path: str, poll_seconds: float) -> None:
        super().__init__()
        self._path = path
        self._poll_seconds = poll_seconds
        self._waiting = 0
        self._wanted = threading.Event()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._look, args=(loop,), name="changes", daemon=True)
        self._thread.start()
        return self

    async def __aexit__(self, *failure: object) -> None:
        self._ended.set()
        self._wanted.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    async def wait(self, mark: int, timeout: float) -> None:  # noqa: ASYNC109
        self._waiting += 1
        self._wanted.set()
        try:
            await super().wait(mark, timeout)
        finally:
            self._waiting -= 1
            # Whoever leaves last may have been overtaken by the end, which the thread still has to hear of.
            if not self._waiting and not self._ended.is_set():
                self._wanted.clear()

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        while not self._ended.is_set():
            try:
                # Nothing is ever written by this connection, so that each change of the number is somebody else's.
                with contextlib.closing(self._connect()) as connection:
                    self._follow(connection, loop)
            except sqlite3.Error as error:
                logger.warning("can't see whether the database changes: %s", error)
                self._ended.wait(_LONGEST_PAUSE_SECONDS)

    def _connect(self) -> sqlite3.Connection:
        # In autocommit: a transaction would see the same number for ever. A file that isn't there is not made.
        return sqlite3.connect(f"file:{quote(self._path)}?mode=rw", uri=True, timeout=1, isolation_level=None)

    def _follow(self, connection: sqlite3.Connection, loop: asyncio.AbstractEventLoop) -> None:
        last: int | None = None
        cursor = connection.cursor()
        # Sleeping costs a third less than waiting for an event, which would be told sooner of the end.
        pause = time.sleep if self._poll_seconds <= _SHORT_SECONDS else self._ended.wait
        while not self._ended.is_set():
            self._wanted.wait()
            version: int = cursor.execute("PRAGMA data_version").fetchone()[0]
            if version != last:
                last = version
                # The loop may have ended without leaving this first.
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(self._tell)
            pause(self._poll_seconds)


class ServerChanges(Changes):
    """Of a PostgreSQL database: what is told on one channel."""

    def __init__(self, connect: dict[str, Any], channel: str) -> None:
        super().__init__()
        self._connect = connect
        self._channel = channel
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._keep_listening())
        return self

    async def __aexit__(self, *failure: object) -> None:
        await ended(self._task)

    async def _keep_listening(self) -> None:
        import asyncpg  # noqa: PLC0415 - an extra, and its database is in use only where it is installed

        failures = 0
        while True:
            connecting = asyncio.create_task(asyncpg.connect(**self._connect, timeout=_CONNECT_SECONDS))
            try:
                connection = await asyncio.shield(connecting)
            except asyncio.CancelledError:
                # Interrupted in the middle of it, asyncpg leaves an error that nobody fetches. It doesn't last long.
                with contextlib.suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    (await connecting).terminate()
                raise
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                failures += 1
                if failures == 1:
                    logger.warning("can't hear of changes for now, and look instead: %s", type(error).__name__)
                await asyncio.sleep(backoff(failures, _FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS))
                continue
            failures = 0
            try:
                await self._listen(connection)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await asyncio.sleep(_FIRST_PAUSE_SECONDS)
            finally:
                connection.terminate()

    async def _listen(self, connection: Any) -> None:
        gone = asyncio.Event()
        connection.add_termination_listener(lambda *_: gone.set())
        await connection.add_listener(self._channel, lambda *_: self._tell())
        # Of what came before, nobody has told.
        self._tell()
        await gone.wait()


def changes_of(database: Database, channel: str, poll_seconds: float) -> Changes:
    """What is committed to a database.

    Args:
        channel: PostgreSQL's, on which it is told. On SQLite every commit counts.
        poll_seconds: how often a SQLite database is looked at.
    """
    if database.dialect == "sqlite":
        return FileChanges(str(database.url.database), poll_seconds)
    _, connect = database.engine.dialect.create_connect_args(database.url)
    return ServerChanges(dict(connect), channel)
