"""SQLite through one visit a statement: as few as that, and nothing else is different."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiosqlite
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError

from garaza.kit.database import Database, DatabaseUnavailableError, ReadSession, sqlite_url
from garaza.settings import DatabaseSettings
from garaza.wiring import pool_options

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def opened(path: Path, **settings: Any) -> AsyncIterator[Database]:
    """A database with two rows."""
    url = sqlite_url(path / "x.db")
    database = Database(url, pool_options(DatabaseSettings(**settings), url))
    try:
        async with database.write() as session:
            await session.execute(text("CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT UNIQUE)"))
            await session.execute(text("INSERT INTO things (name) VALUES ('a'), ('b')"))
        yield database
    finally:
        await database.close()


async def names(session: ReadSession) -> list[str]:
    return list(await session.scalars(text("SELECT name FROM things ORDER BY id")))


@pytest.fixture
def visits(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the threads of connections were asked to do, and somebody waited for."""
    found: list[str] = []
    execute = aiosqlite.Connection._execute

    async def noted(self: aiosqlite.Connection, work: Callable[..., Any], *given: Any, **named: Any) -> Any:
        found.append(work.__name__)
        return await execute(self, work, *given, **named)

    monkeypatch.setattr(aiosqlite.Connection, "_execute", noted)
    return found


async def test_reading_is_one_visit_a_statement(tmp_path: Path, visits: list[str]) -> None:
    async with opened(tmp_path) as database:
        for statements in (0, 1, 3):
            visits.clear()
            async with database.read() as session:
                for _ in range(statements):
                    assert await names(session) == ["a", "b"]
            assert len(visits) == statements


async def test_writing_takes_two_more_to_begin_and_to_commit(tmp_path: Path, visits: list[str]) -> None:
    async with opened(tmp_path) as database:
        visits.clear()
        async with database.write() as session:
            await session.execute(text("INSERT INTO things (name) VALUES ('c')"))
        assert len(visits) == 3


async def test_what_is_read_is_one_snapshot_from_the_first_statement_on(tmp_path: Path) -> None:
    async with opened(tmp_path) as database, AsyncExitStack() as held:
        late = await held.enter_async_context(database.read())
        early = await held.enter_async_context(database.read())
        assert await names(early) == ["a", "b"]
        async with database.write() as session:
            await session.execute(text("INSERT INTO things (name) VALUES ('c')"))
        assert await names(early) == ["a", "b"]
        # It has read nothing by then.
        assert await names(late) == ["a", "b", "c"]


async def test_the_snapshot_ends_with_the_session(tmp_path: Path) -> None:
    async with opened(tmp_path, pool_size=1) as database:
        async with database.read() as session:
            await names(session)
        async with database.read() as session:
            connection = await session.connection()
            raw = (await connection.get_raw_connection()).driver_connection
            assert raw is not None
            # The same one as before.
            assert not await raw._execute(lambda: raw._conn.in_transaction)


async def test_what_was_written_is_rolled_back_with_an_error(tmp_path: Path) -> None:
    async with opened(tmp_path, pool_size=1) as database:
        with pytest.raises(IntegrityError):
            async with database.write() as session:
                await session.execute(text("INSERT INTO things (name) VALUES ('c')"))
                await session.execute(text("INSERT INTO things (name) VALUES ('a')"))
        async with database.read() as session:
            assert await names(session) == ["a", "b"]


@pytest.mark.parametrize("statement", ["SELECT nothing", "SELECT * FROM nowhere", "INSERT INTO things VALUES (1, 'x')"])
async def test_a_failed_statement_spoils_nothing_for_the_next(statement: str, tmp_path: Path) -> None:
    async with opened(tmp_path, pool_size=1) as database:
        for _ in range(2):
            with pytest.raises((OperationalError, IntegrityError)):
                async with database.read() as session:
                    await session.execute(text(statement))
            async with database.read() as session:
                assert await names(session) == ["a", "b"]


async def test_results_are_as_db_api_has_them(tmp_path: Path) -> None:
    async with opened(tmp_path) as database, database.write() as session:
        changed = await session.execute(text("UPDATE things SET name = name || '!'"))
        assert changed.rowcount == 2  # type: ignore[attr-defined]
        added = await session.execute(text("INSERT INTO things (name) VALUES ('c')"))
        assert added.lastrowid == 3  # type: ignore[attr-defined]
        await session.execute(text("INSERT INTO things (name) VALUES (:name)"), [{"name": "d"}, {"name": "e"}])
        found = await session.execute(text("SELECT id, name FROM things"))
        assert list(found.keys()) == ["id", "name"]
        assert found.fetchmany(2) == [(1, "a!"), (2, "b!")]
        assert found.fetchone() == (3, "c")
        assert found.all() == [(4, "d"), (5, "e")]
        returned = await session.execute(text("DELETE FROM things WHERE id > 3 RETURNING name"))
        assert sorted(returned.scalars()) == ["d", "e"]


async def test_a_cancelled_request_leaves_a_connection_that_works(tmp_path: Path) -> None:
    async with opened(tmp_path, pool_size=1) as database:
        slow = text(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT count(*) FROM n"
        )

        async def read() -> None:
            async with database.read() as session:
                await session.execute(slow)

        for _ in range(3):
            task = asyncio.create_task(read())
            await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            async with database.write() as session:
                await session.execute(text("UPDATE things SET name = name"))
        async with database.read() as session:
            assert await names(session) == ["a", "b"]
        assert database.pool_state().in_use == 0


async def test_a_connection_that_was_closed_is_replaced(tmp_path: Path) -> None:
    async with opened(tmp_path, pool_size=1) as database:
        async with database.read() as session:
            raw = (await (await session.connection()).get_raw_connection()).driver_connection
        assert raw is not None
        await raw.close()
        with pytest.raises(DatabaseUnavailableError):
            async with database.read() as session:
                await names(session)
        async with database.read() as session:
            assert await names(session) == ["a", "b"]


async def test_others_see_a_write_once_it_is_committed(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        other = sqlite3.connect(tmp_path / "x.db")
        async with database.write() as session:
            await session.execute(text("INSERT INTO things (name) VALUES ('c')"))
            assert other.execute("SELECT count(*) FROM things").fetchone() == (2,)
            # It holds the lock from its begin.
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                sqlite3.connect(tmp_path / "x.db", timeout=0).execute("BEGIN IMMEDIATE")
        assert other.execute("SELECT count(*) FROM things").fetchone() == (3,)
        other.close()
