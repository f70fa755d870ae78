"""The pool of connections: what its size is worth with 50 requests at once, and what pre-ping is worth after a restart.

Before: an engine without settings, a connection for each request, and connections that nobody asks whether they live.
After: the pool as the service sets it up. Each "get" is what a request does: a transaction, a row by its key.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import URL, NullPool, insert, make_url, select
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
_ROUNDS = 3
"""Each way is measured so often, in turns, as others use the machine too."""
_AFTER_RESTART = 20


def run(*, quick: bool, place: Path) -> Report:
    """See the module."""
    gets = 500 if quick else 5000
    place.mkdir(exist_ok=True)
    rates = {"SQLite": asyncio.run(_rates(_prepared(sqlite_url(place / "garaza.db")), gets))}
    failed: tuple[int, int] | None = None
    if find_programs() is not None:
        with Postgres(place / "postgres.log") as server:
            url = _prepared(make_url(server.new_database()))
            rates["PostgreSQL"] = asyncio.run(_rates(url, gets))
            failed = asyncio.run(_failed(url, server, pre_ping=False)), asyncio.run(_failed(url, server, pre_ping=True))
    rows = [
        Row(f"{kind}: gets a second, a connection for each", of["none"], of["as set up"], "1/s", "more")
        for kind, of in rates.items()
    ]
    promises = []
    if failed is not None:
        rows.append(Row(f"requests of {_AFTER_RESTART} that fail after the database was restarted", *failed, ""))
        promises.append(Promise("nobody notices that the database was restarted between two requests", failed[1] == 0))
    return Report(
        measured=f"{gets} gets, {_AT_ONCE} at once; the best of {_ROUNDS} rounds",
        rows=rows,
        promises=promises,
        facts=[
            Facts(
                "Gets a second by the size of the pool",
                ["", *next(iter(rates.values()))],
                [[kind, *(f"{rate:.0f}" for rate in of.values())] for kind, of in rates.items()],
            )
        ],
        notes=["With SQLite each connection is a thread of this process; with PostgreSQL a process beside it."],
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


async def _rates(url: URL, gets: int) -> dict[str, float]:
    """Gets a second, by the pool."""
    best: dict[str, float] = {}
    for _ in range(_ROUNDS):
        async with (
            _set_up(url, pool_size=1, max_overflow=0) as one,
            _set_up(url, pool_size=5, max_overflow=0) as five,
            _set_up(url) as chosen,
        ):
            engines = {
                "none": create_async_engine(chosen.url, poolclass=NullPool),
                "1": one.engine,
                "5": five.engine,
                "SQLAlchemy's own": create_async_engine(chosen.url),
                "as set up": chosen.engine,
            }
            for name, engine in engines.items():
                await _gets(engine, _AT_ONCE)
                best[name] = max(best.get(name, 0), await _gets(engine, gets))
                await engine.dispose()
    return best


async def _gets(engine: AsyncEngine, count: int) -> float:
    left = iter(range(count))

    async def some() -> None:
        for number in left:
            async with AsyncSession(engine) as session:
                await session.scalar(select(RevokedToken).where(RevokedToken.jti == f"{number % _KEYS:022}"))

    began = time.perf_counter()
    await asyncio.gather(*(some() for _ in range(_AT_ONCE)))
    return count / (time.perf_counter() - began)


async def _failed(url: URL, server: Postgres, *, pre_ping: bool) -> int:
    """Requests, one after the other, that fail after the server was restarted."""
    options = DatabaseSettings(pool_pre_ping=pre_ping)
    database = Database(url, pool_options(options, url))

    async def get() -> bool:
        try:
            async with database.read() as session:
                await session.scalar(select(RevokedToken).limit(1))
        except DatabaseUnavailableError:
            return False
        return True

    try:
        await asyncio.gather(*(get() for _ in range(_AT_ONCE)))
        await asyncio.to_thread(server.restart)
        return sum([not await get() for _ in range(_AFTER_RESTART)])
    finally:
        await database.close()
