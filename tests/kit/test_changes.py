"""Commits are heard of at once, wherever they are made, and nothing is slept through."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import URL, func, make_url, select, text

from garaza.kit.changes import Changes, FileChanges, changes_of
from garaza.kit.database import Database
from garaza.settings import DatabaseSettings
from garaza.wiring import pool_options
from tests.accounts.conftest import anyio_backend, database_url, empty_file
from tests.servers.fixtures import postgres
from tests.servers.postgres import Postgres
from tests.service.harness import PATIENCE_SECONDS

__all__ = ["anyio_backend", "database_url", "empty_file", "postgres"]

pytestmark = pytest.mark.anyio

CHANNEL = "test_channel"


@pytest.fixture
async def database(database_url: URL) -> AsyncIterator[Database]:
    database = Database(database_url, pool_options(DatabaseSettings(), database_url))
    yield database
    await database.close()


async def settled(changes: Changes) -> int:
    """A mark after which nothing has happened for a while: beginning to look counts as a change."""
    mark = changes.mark()
    while True:
        await changes.wait(mark, 0.3)
        if changes.mark() == mark:
            return mark
        mark = changes.mark()


async def change(database: Database, *, commit: bool = True) -> None:
    async with database._writing.connect() as connection:
        await connection.execute(text("CREATE TABLE IF NOT EXISTS changed (id INTEGER)"))
        if database.dialect == "postgresql":
            await connection.execute(select(func.pg_notify(CHANNEL, "")))
        if commit:
            await connection.commit()
        else:
            await connection.rollback()


async def heard(changes: Changes, mark: int) -> bool:
    began = time.monotonic()
    await changes.wait(mark, PATIENCE_SECONDS)
    return time.monotonic() - began < PATIENCE_SECONDS and changes.mark() != mark


async def test_a_commit_wakes_all_who_wait(database: Database) -> None:
    async with changes_of(database, CHANNEL, 0.002) as changes:
        mark = await settled(changes)
        waiting = [asyncio.create_task(heard(changes, mark)) for _ in range(3)]
        await asyncio.sleep(0)
        await change(database)
        assert await asyncio.gather(*waiting) == [True] * 3


async def test_what_was_committed_before_the_wait_began_is_not_slept_through(database: Database) -> None:
    async with changes_of(database, CHANNEL, 0.002) as changes:
        mark = await settled(changes)
        await change(database)
        assert await heard(changes, mark)


async def test_what_is_rolled_back_is_no_change(database: Database) -> None:
    # A file's first connection sets it up, which is a change.
    await change(database)
    async with changes_of(database, CHANNEL, 0.002) as changes:
        mark = await settled(changes)
        await change(database, commit=False)
        await changes.wait(mark, 0.3)
        assert changes.mark() == mark


async def test_a_wait_ends_by_itself(database: Database) -> None:
    async with changes_of(database, CHANNEL, 0.002) as changes:
        await changes.wait(await settled(changes), 0.01)


async def test_a_commit_of_another_process_is_heard_of(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    url = URL.create("sqlite", database=str(path))
    database = Database(url, pool_options(DatabaseSettings(), url))
    async with changes_of(database, CHANNEL, 0.002) as changes:
        mark = await settled(changes)
        waiting = asyncio.create_task(heard(changes, mark))
        code = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('CREATE TABLE t (x)')"
        await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code, str(path)], check=True)
        assert await waiting
    await database.close()


async def test_a_file_that_is_not_there_is_not_made_and_looked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("garaza.kit.changes._LONGEST_PAUSE_SECONDS", 0.01)
    path = tmp_path / "later.db"
    url = URL.create("sqlite", database=str(path))
    database = Database(url, pool_options(DatabaseSettings(), url))
    async with changes_of(database, CHANNEL, 0.002) as changes:
        mark = await settled(changes)
        assert not path.exists()
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE t (x)")
        assert await heard(changes, mark)
    await database.close()


async def test_a_server_that_was_away_is_listened_to_again(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue("postgres")
    with Postgres(tmp_path / "log") as server:
        url = make_url(server.url())
        database = Database(url, pool_options(DatabaseSettings(), url))
        async with changes_of(database, CHANNEL, 1) as changes:
            mark = await settled(changes)
            server.kill()
            server.restart()
            assert await heard(changes, mark), "what was told while it was away would be lost"
            mark = await settled(changes)
            connection = await asyncpg.connect(server.url())
            await connection.execute(f"NOTIFY {CHANNEL}")
            assert await heard(changes, mark)
            await connection.close()
        await database.close()


async def test_only_its_own_channel_is_heard(postgres: Postgres) -> None:
    with postgres.database() as raw:
        url = make_url(raw)
        database = Database(url, pool_options(DatabaseSettings(), url))
        async with changes_of(database, CHANNEL, 1) as changes:
            mark = await settled(changes)
            connection = await asyncpg.connect(raw)
            await connection.execute("NOTIFY another_channel")
            await changes.wait(mark, 0.3)
            assert changes.mark() == mark
            await connection.close()
        await database.close()


async def test_a_waiter_that_leaves_late_does_not_hold_up_the_end(tmp_path: Path) -> None:
    looked, may_wait = threading.Event(), threading.Event()

    class Slow(threading.Event):
        """Between seeing that there is no end yet, and waiting to be wanted."""

        def wait(self, timeout: float | None = None) -> bool:
            looked.set()
            may_wait.wait()
            return super().wait(timeout)

    path = tmp_path / "file.db"
    sqlite3.connect(path).close()
    changes = FileChanges(str(path), 0.01)
    changes._wanted = Slow()
    await changes.__aenter__()
    waiting = asyncio.create_task(changes.wait(changes.mark(), 60))
    await asyncio.to_thread(looked.wait)
    leaving = asyncio.create_task(changes.__aexit__())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    told = changes._wanted.is_set()
    may_wait.set()
    # Or this test would wait for ever, too.
    changes._wanted.set()
    await leaving
    assert told
