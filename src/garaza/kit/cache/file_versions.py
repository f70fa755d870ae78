"""Whether a SQLite file has changed, asked of the file itself: exact, whoever changed it, at a few microseconds.

Two numbers: one that changes with every commit, and one that changes with those commits alone that outdate what is
kept in memory. The latter is in the file's header (`PRAGMA user_version`), is written by the transaction itself, and so
is told with it or not at all. A process knows its own steps of it, as it makes them while it holds the write lock, and
so drops everything only for those of others.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote

from garaza.kit.database import WriteSession

_MOST_STEPS = 1 << 31
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class FileVersions:
    """Of one file. Opened when it is first asked for; to be asked in one thread."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._told: int | None = None
        self._others = 0
        self._own: set[int] = set()
        self._opened = 0

    def commits(self) -> tuple[int, int] | None:
        """Another one after each commit, of this process or any other; None: it can't be told now."""
        version = self._ask("PRAGMA data_version")
        return None if version is None else (self._opened, version)

    def told(self) -> int | None:
        """Another one after each commit of another process that has told of it; None: it can't be said now."""
        version = self._ask("PRAGMA user_version")
        if version is None:
            return None
        if version != self._told:
            self._step(version)
        return self._others

    def _step(self, version: int) -> None:
        last, self._told = self._told, version
        known = last is not None and 0 < version - last <= len(self._own)
        steps = set(range(last + 1, version + 1)) if last is not None and known else set()
        if not known or not steps <= self._own:
            self._others += 1
            self._own.clear()
        else:
            self._own -= steps

    @asynccontextmanager
    async def telling(self, session: WriteSession) -> AsyncIterator[None]:
        """Around a commit that others have to know of."""
        connection = await session.connection()
        row = (await connection.exec_driver_sql("PRAGMA user_version")).one()
        version = (int(row[0]) + 1) % _MOST_STEPS
        await connection.exec_driver_sql(f"PRAGMA user_version = {version}")
        # Nobody else can make this step while the lock is held.
        self._own.add(version)
        try:
            yield
        except BaseException:
            # Whether it is in the file or not, the number says nothing any more.
            self._own.discard(version)
            self._others += 1
            raise

    def _ask(self, pragma: str) -> int | None:
        try:
            if self._connection is None:
                self._connection = self._connect()
                self._opened += 1
            number: int = self._connection.execute(pragma).fetchone()[0]
        except sqlite3.Error as error:
            if error.sqlite_errorcode & 0xFF not in _BUSY:
                self.close()
            return None
        return number

    def _connect(self) -> sqlite3.Connection:
        # In autocommit: a transaction would see the same numbers for ever. A file that isn't there is not made.
        url = f"file:{quote(self._path)}?mode=rw"
        return sqlite3.connect(url, uri=True, timeout=0, isolation_level=None, check_same_thread=False)

    def close(self) -> None:
        """It can be asked again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._told = None
            with contextlib.suppress(sqlite3.Error):
                connection.close()
