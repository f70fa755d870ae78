"""The pool of connections: what its size is worth with 50 requests at once, and what pre-ping is worth after a restart.

Before: a connection for each request, and connections that nobody asks whether they live. After: the pool as the
service sets it up, beside others that it could have been. Each "get" is what a request does: a transaction, a row by
its key.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import URL, NullPool, event, insert, make_url, select
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from benchmarks.report import Facts, Promise, Report, Row
from garaza.accounts.models import RevokedToken
from garaza.kit.database import Database, DatabaseUnavailableError, sqlite_url
from garaza.kit.migrate import upgrade
from garaza.migrations import PACKAGE
from garaza.settings import DatabaseSettings
from garaza.wiring import pool_options
from tests.servers.postgres import Postgres, find_programs

_AT_ONCE = 50
_KEYS = 1000
_AS_SET_UP = "as set up"


def run(*, quick: bool, place: Path) -> Report:
    """See the module."""
    gets, rounds = (500, 1) if quick else (2000, 3)
    place.mkdir(exist_ok=True)
    rates = {"SQLite": asyncio.run(_rates(_prepared(sqlite_url(place / "garaza.db")), gets, rounds))}
    failed: tuple[int, int] | None = None
    if find_programs() is not None:
        with Postgres(place / "postgres.log") as server:
            url = _prepared(make_url(server.new_database()))
            rates["PostgreSQL"] = asyncio.run(_rates(url, gets, rounds))
            failed = asyncio.run(_failed(url, server, pre_ping=False)), asyncio.run(_failed(url, server, pre_ping=True))
    rows = [
        Row(f"{kind}: gets, {_AT_ONCE} at once", of["none"], of[_AS_SET_UP], "1/s", "more")
        for kind, of in rates.items()
    ]
    visits = asyncio.run(_gets_by_driver(_prepared(sqlite_url(place / "drivers.db")), gets, rounds))
    rows += [
        Row(f"SQLite: CPU of a get, {at_once} at once; SQLAlchemy's driver, and ours", *microseconds, "µs")
        for at_once, microseconds in visits.items()
    ]
    promises = [
        Promise(f"{kind}: a pool is worth having, {_AT_ONCE} at once", of[_AS_SET_UP] > of["none"])
        for kind, of in rates.items()
    ]
    promises += [
        Promise(f"SQLite: one visit to a thread costs at most 0.7 of nine, {at_once} at once", own <= 0.7 * stock)
        for at_once, (stock, own) in visits.items()
    ]
    if failed is not None:
        rows.append(Row(f"requests of {_AT_ONCE} that fail after the database was restarted", *failed, ""))
        promises.append(Promise("nobody notices that the database was restarted between two requests", failed[1] == 0))
    return Report(
        measured=f"{gets} gets, {_AT_ONCE} at once; the best of {rounds} rounds, in turns",
        rows=rows,
        promises=promises,
        facts=[
            Facts(
                "Gets a second by the size of the pool",
                ["", *next(iter(rates.values()))],
                [[kind, *(f"{rate:.0f}" for rate in of.values())] for kind, of in rates.items()],
            )
        ],
        notes=[
            "With SQLite each connection is a thread of this process; with PostgreSQL a process beside it. What a "
            "large pool is for, requests that do more while they have a connection, isn't in these gets.",
            "Pre-ping is one more round trip for each get. SQLite is set up without it, so that its last two columns "
            "are the same, and differ by chance.",
        ],
    )


def _prepared(url: URL) -> URL:
    upgrade(url, PACKAGE)
    asyncio.run(_fill(url))
    return url


async def _fill(url: URL) -> None:
    async with _set_up(url) as database, database.write() as session:
        rows = [{"jti": f"{key:022}", "expires_at": 1.0} for key in range(_KEYS)]
        await session.execute(insert(RevokedToken), rows)


@asynccontextmanager
async def _set_up(url: URL, **settings: int) -> AsyncIterator[Database]:
    database = Database(url, pool_options(DatabaseSettings(pool_timeout_seconds=60, **settings), url))
    try:
        yield database
    finally:
        await database.close()


async def _rates(url: URL, gets: int, rounds: int) -> dict[str, float]:
    """Gets a second, by the pool."""
    best: dict[str, float] = {}
    for _ in range(rounds):
        async with (
            _set_up(url, pool_size=1, max_overflow=0) as one,
            _set_up(url, pool_size=5, max_overflow=10) as usual,
            _set_up(url, pool_size=_AT_ONCE, max_overflow=0) as each,
            _set_up(url, pool_pre_ping=False) as unasked,
            _set_up(url) as chosen,
        ):
            engines = {
                "none": _without_pool(chosen),
                "1": one.engine,
                "5, at most 15": usual.engine,
                str(_AT_ONCE): each.engine,
                "so, no pre-ping": unasked.engine,
                _AS_SET_UP: chosen.engine,
            }
            for name, engine in engines.items():
                await _gets(engine, _AT_ONCE)
                best[name] = max(best.get(name, 0), await _gets(engine, gets))
                await engine.dispose()
    return best


async def _gets_by_driver(url: URL, gets: int, rounds: int) -> dict[int, tuple[float, float]]:
    """Microseconds of CPU a get, by how many there are at once: with SQLAlchemy's driver, and with ours."""
    best: dict[int, tuple[float, float]] = {}
    async with _set_up(url) as own:
        engines = (
            _begins(
                create_async_engine(
                    url.set(drivername="sqlite+aiosqlite"), pool_size=20, connect_args={"isolation_level": None}
                )
            ),
            own.engine,
        )
        for _ in range(rounds):
            for at_once in (1, _AT_ONCE):
                found = []
                for engine in engines:
                    await _gets(engine, at_once, at_once)
                    began = time.process_time()
                    await _gets(engine, gets, at_once)
                    found.append(1e6 * (time.process_time() - began) / gets)
                before = best.get(at_once, (float("inf"),) * 2)
                best[at_once] = min(before[0], found[0]), min(before[1], found[1])
        await engines[0].dispose()
    return best


def _without_pool(database: Database) -> AsyncEngine:
    if database.dialect == "postgresql":
        return create_async_engine(database.url, poolclass=NullPool)
    return _begins(create_async_engine(database.url, poolclass=NullPool, connect_args={"isolation_level": None}))


def _begins(engine: AsyncEngine) -> AsyncEngine:
    # The driver would begin none for a SELECT, and so do less than those that it is compared with.
    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


async def _gets(engine: AsyncEngine, count: int, at_once: int = _AT_ONCE) -> float:
    left = iter(range(count))

    async def some() -> None:
        for number in left:
            async with AsyncSession(engine) as session:
                await session.scalar(select(RevokedToken).where(RevokedToken.jti == f"{number % _KEYS:022}"))

    began = time.perf_counter()
    await asyncio.gather(*(some() for _ in range(at_once)))
    return count / (time.perf_counter() - began)


async def _failed(url: URL, server: Postgres, *, pre_ping: bool) -> int:
    """Requests, as many at once as ever, that fail after the server was restarted."""
    async with _set_up(url, pool_pre_ping=pre_ping) as database:

        async def get() -> bool:
            try:
                async with database.read() as session:
                    await session.scalar(select(RevokedToken).limit(1))
            except DatabaseUnavailableError:
                return False
            return True

        assert all(await asyncio.gather(*(get() for _ in range(_AT_ONCE))))
        await asyncio.to_thread(server.restart)
        return (await asyncio.gather(*(get() for _ in range(_AT_ONCE)))).count(False)
