"""SQLAlchemy's driver for aiosqlite, with one visit to the connection's thread for each statement.

A visit costs more than what most statements do there: two wake-ups, and the interpreter's lock taken twice. As it
comes, the driver makes one to open a cursor, to execute, to fetch and to close it, to begin, and two to roll back. Here
a statement is one visit, a transaction that only reads begins with its first statement, and nobody waits for its
rollback: docs/decisions/0032.

Results are fetched whole, which is what that driver does, too. For what is too large for the memory, ask in pages.
"""

# ruff: noqa: SLF001 - two private parts of aiosqlite, which SQLAlchemy's own driver uses, too: it has no public way
# to run a function in its thread.

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from typing import Any, TypeVar

import aiosqlite
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.aiosqlite import (
    AsyncAdapt_aiosqlite_connection,
    AsyncAdapt_aiosqlite_cursor,
    AsyncAdapt_aiosqlite_dbapi,
    SQLiteDialect_aiosqlite,
)

DRIVER = "sqlite+one_visit"
"""Its name in URLs."""
_BEGIN = "BEGIN"

T = TypeVar("T")
_Found = tuple[Any, int, int | None, list[Any]]


class _Transaction(Enum):
    NONE = auto()
    WANTED = auto()
    """To begin with the next statement: BEGIN takes no lock and no snapshot, the first statement after it does."""
    READING = auto()
    OTHER = auto()
    """Begun in another way, or not by us: the connection itself knows."""


class Cursor(AsyncAdapt_aiosqlite_cursor):
    """Has nothing open between two calls, so that there is nothing to close."""

    __slots__ = ("_found", "arraysize")

    def __init__(self, connection: Connection) -> None:
        # The base opens a cursor in the other thread here.
        self._adapt_connection: Connection = connection
        self._connection = connection._connection
        self._rows = deque()
        self._found: _Found = (None, -1, None, [])
        self.arraysize = 1

    @property
    def description(self) -> Any:
        """See DB-API."""
        return self._found[0]

    @property
    def rowcount(self) -> int:
        """See DB-API."""
        return self._found[1]

    @property
    def lastrowid(self) -> Any:
        """See DB-API."""
        return self._found[2]

    async def _async_soft_close(self) -> None:
        pass

    def close(self) -> None:
        """Forget what was found."""
        self._rows.clear()

    async def _execute_async(self, operation: Any, parameters: Any) -> None:
        if operation == _BEGIN:
            self._adapt_connection.transaction = _Transaction.WANTED
            return
        await self._visit(lambda cursor: cursor.execute(operation, parameters or ()))

    async def _executemany_async(self, operation: Any, seq_of_parameters: Any) -> None:
        await self._visit(lambda cursor: cursor.executemany(operation, seq_of_parameters))

    async def _visit(self, execute: Callable[[sqlite3.Cursor], object]) -> None:
        connection = self._adapt_connection
        begins = connection.transaction is _Transaction.WANTED
        if begins:
            connection.transaction = _Transaction.READING
        elif connection.transaction is _Transaction.NONE:
            connection.transaction = _Transaction.OTHER

        def work(real: sqlite3.Connection) -> _Found:
            if begins:
                real.execute(_BEGIN)
            cursor = real.cursor()
            try:
                execute(cursor)
                rows = cursor.fetchall() if cursor.description else []
                return cursor.description, cursor.rowcount, cursor.lastrowid, rows
            finally:
                cursor.close()

        self._found = await connection.visit(work)
        self._rows = deque(self._found[3])


class Connection(AsyncAdapt_aiosqlite_connection):
    """See the module."""

    __slots__ = ("transaction",)

    _cursor_cls = Cursor  # type: ignore[assignment]

    def __init__(self, dbapi: Any, connection: aiosqlite.Connection) -> None:
        super().__init__(dbapi, connection)  # type: ignore[arg-type]
        self.transaction = _Transaction.NONE

    async def visit(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` returns, done in the connection's thread."""
        real = self._connection
        async with self._execute_mutex:
            found: T = await real._execute(work, real._conn)
            return found

    def rollback(self) -> None:
        """See DB-API. What only read is rolled back before whatever comes next here, and can't fail."""
        was, self.transaction = self.transaction, _Transaction.NONE
        real = self._connection._connection
        if was is _Transaction.READING and real is not None:
            self._connection._tx.put_nowait((None, real.rollback))
        elif was is _Transaction.OTHER:
            super().rollback()

    def commit(self) -> None:
        """See DB-API."""
        was, self.transaction = self.transaction, _Transaction.NONE
        if was in {_Transaction.READING, _Transaction.OTHER}:
            super().commit()


class _Module(AsyncAdapt_aiosqlite_dbapi):
    def connect(self, *given: Any, **named: Any) -> Connection:
        return Connection(self, super().connect(*given, **named)._connection)  # type: ignore[arg-type]


class Dialect(SQLiteDialect_aiosqlite):
    """SQLite's, with this driver."""

    supports_statement_cache = True
    supports_server_side_cursors = False

    @classmethod
    def import_dbapi(cls) -> AsyncAdapt_aiosqlite_dbapi:
        """See SQLAlchemy."""
        return _Module(aiosqlite, sqlite3)


registry.register(DRIVER.replace("+", "."), __name__, Dialect.__name__)
