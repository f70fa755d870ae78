"""A file says what has happened to it, whoever did it, at once."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import URL, text

from garaza.kit.cache.file_versions import FileVersions
from garaza.kit.database import Database
from garaza.settings import DatabaseSettings
from garaza.wiring import pool_options
from tests.service.harness import PATIENCE_SECONDS

pytestmark = pytest.mark.anyio

ELSEWHERE = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as connection:
    connection.execute(sys.argv[2])
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "some #file?.db"
    with sqlite3.connect(made) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE t (x)")
    return made


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    url = URL.create("sqlite", database=str(path))
    database = Database(url, pool_options(DatabaseSettings(), url))
    yield database
    await database.close()


def elsewhere(path: Path, statement: str) -> None:
    """In another process."""
    subprocess.run([sys.executable, "-c", ELSEWHERE, str(path), statement], check=True, timeout=PATIENCE_SECONDS)


async def write(database: Database, versions: FileVersions | None = None, *, fail: bool = False) -> None:
    async with database.write() as session:
        await session.execute(text("INSERT INTO t VALUES (1)"))
        if versions is not None:
            async with versions.telling(session):
                if fail:
                    raise KeyError
                await session.commit()


async def test_every_commit_is_another_version(path: Path, database: Database) -> None:
    versions = FileVersions(str(path))
    seen = [versions.commits()]
    await write(database)
    seen.append(versions.commits())
    elsewhere(path, "INSERT INTO t VALUES (2)")
    seen.append(versions.commits())
    assert len(set(seen)) == 3
    assert None not in seen
    assert versions.commits() == seen[-1]
    # Numbers of one connection aren't taken for those of another.
    versions.close()
    assert versions.commits() not in seen
    versions.close()


async def test_what_this_process_tells_is_no_news_to_it(path: Path, database: Database) -> None:
    own, other = FileVersions(str(path)), FileVersions(str(path))
    known, unknown = own.told(), other.told()
    for _ in range(3):
        await write(database, own)
        assert own.told() == known
        before, unknown = unknown, other.told()
        assert unknown != before
    await write(database)
    assert (own.told(), other.told()) == (known, unknown)
    # And the other way round, among steps of its own.
    await write(database, own)
    await write(database, other)
    await write(database, own)
    assert own.told() != known
    known = own.told()
    await write(database, own)
    assert own.told() == known
    own.close()
    other.close()


async def test_what_is_told_is_told_with_the_commit(path: Path, database: Database) -> None:
    own, other = FileVersions(str(path)), FileVersions(str(path))
    known = other.told()
    async with database.write() as session:
        await session.execute(text("INSERT INTO t VALUES (1)"))
        async with own.telling(session):
            assert other.told() == known
            await session.commit()
    assert other.told() != known
    own.close()
    other.close()


async def test_a_step_that_was_not_made_is_not_taken_for_ones_own(path: Path, database: Database) -> None:
    own = FileVersions(str(path))
    known = own.told()
    with pytest.raises(KeyError):
        await write(database, own, fail=True)
    failed = own.told()
    assert failed != known
    elsewhere(path, "PRAGMA user_version = 1")
    assert own.told() != failed
    own.close()


async def test_numbers_begin_again(path: Path, database: Database) -> None:
    own, other = FileVersions(str(path)), FileVersions(str(path))
    elsewhere(path, f"PRAGMA user_version = {(1 << 31) - 1}")
    known = other.told()
    await write(database, own)
    assert other.told() != known
    own.close()
    other.close()


async def test_a_file_that_is_not_there_says_nothing_and_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "later.db"
    versions = FileVersions(str(path))
    assert (versions.commits(), versions.told()) == (None, None)
    assert not path.exists()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (x)")
    assert versions.commits() is not None
    versions.close()
