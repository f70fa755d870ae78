"""SQLite or PostgreSQL through SQLAlchemy, each set up so that readers never wait for writers.

Reading and writing sessions have distinct types: a function that takes a `WriteSession` runs in a transaction that
began as a writer. On SQLite that is BEGIN IMMEDIATE: it refuses to upgrade a reading transaction once somebody else has
written, and no busy timeout helps against that. On PostgreSQL a reading transaction is READ ONLY and sees one snapshot
from its begin to its end, as on SQLite; a writing one is READ COMMITTED, so that an UPDATE which waited for another one
goes on with the row as it is by then instead of failing.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from sqlalchemy import URL, event
from sqlalchemy.engine import Connection
from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from garaza.kit import sqlite_driver
from garaza.kit.current_request import spend_on_database

Dialect = Literal["sqlite", "postgresql"]

_WRITE = "write_transaction"
_OUTDATED = "outdated"
_SILENCE_SECONDS = 1.0
_DRIVERS = {"sqlite": sqlite_driver.DRIVER, "postgresql": "postgresql+asyncpg"}


class DatabaseUnavailableError(Exception):
    """The database can't be reached now, or went away in the middle of a transaction: which never was, unless it went
    away while it was told to commit.
    """


class ReadSession(AsyncSession):
    """A session whose transaction only reads."""


class WriteSession(ReadSession):
    """A session whose transaction may write; on SQLite it holds the write lock from its begin."""

    def outdates(self, *names: str) -> None:
        """Say that copies of what goes by these names are outdated by this transaction."""
        self.info.setdefault(_OUTDATED, set()).update(names)


AroundCommit = Callable[[WriteSession, frozenset[str]], AbstractAsyncContextManager[None]]
"""Entered before a transaction is committed that outdates something, with the names, and left when that was tried."""


S = TypeVar("S", bound=AsyncSession)


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """How many connections there are, and how long anything about them may take. Times in seconds."""

    size: int
    """Kept open."""
    overflow: int
    """More of them in a burst; closed afterwards."""
    timeout: float
    """How long a request waits for a free one."""
    recycle: float
    """Age at which one is replaced; -1: never."""
    pre_ping: bool
    """Ask each one whether it still lives before it is used: a round trip, against one failed request."""
    connect_timeout: float
    statement_timeout: float
    """PostgreSQL: what one statement may take."""
    busy_timeout: float
    """How long a write waits for another one's lock."""


@dataclass(frozen=True, slots=True)
class PoolState:
    """Connections at this moment."""

    size: int
    in_use: int
    idle: int
    overflow: int


class Database:
    """One engine, and the two ways to use it."""

    def __init__(self, url: URL, pool: PoolOptions) -> None:
        self.dialect: Dialect = "sqlite" if url.get_backend_name() == "sqlite" else "postgresql"
        self.url = url.set(drivername=_DRIVERS[self.dialect])
        connect_args = _connect_args(self.dialect, pool)
        self._session_settings: dict[str, str] = connect_args.get("server_settings", {})
        self.engine = create_async_engine(
            self.url,
            pool_size=pool.size,
            max_overflow=pool.overflow,
            pool_timeout=pool.timeout,
            pool_recycle=pool.recycle,
            pool_pre_ping=pool.pre_ping,
            connect_args=connect_args,
            # Errors quote the statement. What it was given may be an address or a digest, and errors are logged.
            hide_parameters=True,
        )
        if self.dialect == "sqlite":
            _prepare_sqlite(self.engine)
            self._reading = self.engine
        else:
            _prepare_postgresql(self.engine)
            self._reading = self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._writing = self.engine.execution_options(**{_WRITE: True})
        self.committed: Callable[[dict[Any, Any]], None] | None = None
        """Hears of each commit what was noted in its session's `info`."""
        self.pool_timeouts = 0
        """How often somebody waited for a connection in vain."""
        self.around_commits: list[AroundCommit] = []
        self.outages = 0
        """Transactions that couldn't begin, or were lost, because the database was out of reach."""

    def call_connections(self, name: str) -> None:
        """Have the server know those that are made from now on by this name (PostgreSQL)."""
        self._session_settings["application_name"] = name

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadSession]:
        """A snapshot of the data, for the length of the block.

        Raises:
            DatabaseUnavailableError: it can't be reached.
            sqlalchemy.exc.TimeoutError: all connections are in use, for longer than the pool's timeout.
        """
        async with self._closing(ReadSession(self._reading, expire_on_commit=False)) as session:
            await self._begin(session)
            with self._outages_named():
                yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[WriteSession]:
        """A transaction, committed at the end of the block, or rolled back when the block raises.

        Raises:
            DatabaseUnavailableError: it can't be reached.
            sqlalchemy.exc.TimeoutError: all connections are in use, for longer than the pool's timeout.
        """
        async with self._closing(WriteSession(self._writing, expire_on_commit=False)) as session:
            await self._begin(session)
            with self._outages_named():
                yield session
                async with self._told(session):
                    began = time.perf_counter()
                    await session.commit()
                    spend_on_database(began)
                if self.committed is not None:
                    self.committed(session.info)

    @asynccontextmanager
    async def _told(self, session: WriteSession) -> AsyncIterator[None]:
        """Around the commit: whoever keeps copies of what is outdated by it hears of it."""
        async with AsyncExitStack() as stack:
            if names := frozenset(session.info.get(_OUTDATED, ())):
                for around in self.around_commits:
                    await stack.enter_async_context(around(session, names))
            yield

    @asynccontextmanager
    async def _closing(self, session: S) -> AsyncIterator[S]:
        """Close it afterwards. A rollback that finds nobody to tell changes nothing: what was read was read, and what
        wasn't committed is rolled back by whoever notices that this connection is gone.
        """
        try:
            yield session
        finally:
            try:
                # Its own way out can't be cancelled half-way.
                async with session:
                    pass
            except DatabaseUnavailableError:
                self.outages += 1
            except DBAPIError as error:
                if not is_outage(error):
                    raise
                self.outages += 1

    async def _begin(self, session: AsyncSession) -> None:
        """Take a connection at once, so that whatever goes wrong here can only be the database's fault."""
        began = time.perf_counter()
        with self._outages_named():
            try:
                await session.connection()
            except PoolTimeoutError:
                self.pool_timeouts += 1
                raise
            except (OSError, TimeoutError) as error:
                self.outages += 1
                raise DatabaseUnavailableError from error
            finally:
                spend_on_database(began)

    @contextmanager
    def _outages_named(self) -> Iterator[None]:
        """Losing the connection inside becomes `DatabaseUnavailableError`."""
        try:
            yield
        except DatabaseUnavailableError:
            # A server that says nothing.
            self.outages += 1
            raise
        except DBAPIError as error:
            if is_outage(error):
                self.outages += 1
                raise DatabaseUnavailableError from error
            raise

    def pool_state(self) -> PoolState:
        """For gauges."""
        pool = self.engine.pool
        assert isinstance(pool, QueuePool), "the engines made here have one"
        return PoolState(pool.size(), pool.checkedout(), pool.checkedin(), max(pool.overflow(), 0))

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


# SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html
_GONE = ("08", "57P", "53300")
"""Connection exceptions; shut down, crashed, or not accepting connections yet; too many connections."""
_FULL = ("53100",)
_BUSY = ("40", "53", "55P03", "57014")
"""Deadlocks and the like; out of memory; a lock that took too long; a statement that took too long."""


def is_outage(error: DBAPIError) -> bool:
    """Whether an error tells of the connection rather than of the statement."""
    return error.connection_invalidated or _sqlstate(error).startswith(_GONE)


def trouble_of(error: DBAPIError) -> Literal["full", "busy"] | None:
    """What happens to a healthy database that is pressed hard; None where it was the statement's fault."""
    if state := _sqlstate(error):
        return "full" if state.startswith(_FULL) else "busy" if state.startswith(_BUSY) else None
    match _sqlite_code(error):
        case sqlite3.SQLITE_FULL:
            return "full"
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return "busy"
    return None


def _sqlstate(error: DBAPIError) -> str:
    """PostgreSQL's five letters, or nothing."""
    return str(getattr(error.orig, "sqlstate", None) or "")


def _sqlite_code(error: DBAPIError) -> int:
    """SQLite's primary result code, 0 where there is none."""
    cause: BaseException | None = error.orig
    while cause is not None and not isinstance(cause, sqlite3.Error):
        cause = cause.__cause__
    return getattr(cause, "sqlite_errorcode", 0) & 0xFF


def sqlite_url(path: object) -> URL:
    """The URL of a database in a file."""
    return URL.create("sqlite", database=str(path))


def _connect_args(dialect: Dialect, pool: PoolOptions) -> dict[str, Any]:
    if dialect == "sqlite":
        return {"timeout": pool.busy_timeout, "isolation_level": None}
    milliseconds = {
        "statement_timeout": pool.statement_timeout,
        "lock_timeout": pool.busy_timeout,
        # A transaction that its client forgot holds locks and keeps old rows from being removed.
        "idle_in_transaction_session_timeout": max(pool.statement_timeout, 60),
    }
    settings = {name: str(int(1000 * seconds)) for name, seconds in milliseconds.items()}
    # Compiling a plan costs more than running any query of ours, which are all short. Planning one anew costs less than
    # a plan for all does with accounts that have a thousand times what others have. And where disks have no heads to
    # move, an index costs what it reads; the server's default is for those that have.
    settings |= {"jit": "off", "plan_cache_mode": "force_custom_plan", "random_page_cost": "1.1", "timezone": "UTC"}
    return {
        "timeout": pool.connect_timeout,
        # For a server that is silent: one that lives has given up by then, and said so.
        "command_timeout": pool.statement_timeout + _SILENCE_SECONDS,
        "server_settings": settings,
    }


def _prepare_postgresql(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "handle_error")
    def name_silence(context: ExceptionContext) -> Exception | None:
        if not isinstance(context.original_exception, TimeoutError):
            return None
        # Whoever asked it next would first wait for an answer to this.
        context.is_disconnect = True
        return DatabaseUnavailableError("the database doesn't answer")


def _prepare_sqlite(engine: AsyncEngine) -> None:
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
