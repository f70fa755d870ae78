"""Bringing databases up to date: new ones, those of released versions with rows in them, and when it goes wrong."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.util import CommandError
from filelock import FileLock
from sqlalchemy import URL, Connection, MetaData, Table, insert, make_url, select, text
from sqlalchemy.exc import DBAPIError

from garaza.kit import migrate
from garaza.kit.database import sqlite_url
from garaza.migrations import PACKAGE
from garaza.migrations.tables import metadata
from tests.database.conftest import KINDS
from tests.database.released import RELEASED
from tests.database.schema import ask, described
from tests.servers.postgres import Postgres
from tests.service.harness import PATIENCE_SECONDS, ROOT, eventually

UPGRADE = """
import sys
from sqlalchemy import make_url
from garaza.kit.migrate import upgrade
from garaza.migrations import PACKAGE
print("begins", flush=True)
print(upgrade(make_url(sys.argv[1]), PACKAGE), flush=True)
"""


@pytest.fixture(params=KINDS)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[URL]:
    """A database without a table; a file isn't there yet."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path / "garaza.db")
    else:
        server: Postgres = request.getfixturevalue("postgres")
        with server.database() as url:
            yield make_url(url)


@pytest.fixture
def reference(empty: URL, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """How the tables look when they are made at once, as the models say."""

    def made(url: URL) -> dict[str, Any]:
        ask(url, metadata.create_all)
        return described(url)

    if empty.get_backend_name() == "sqlite":
        yield made(sqlite_url(tmp_path / "reference.db"))
    else:
        server: Postgres = request.getfixturevalue("postgres")
        with server.database() as url:
            yield made(make_url(url))


def test_migrations_make_the_tables_that_the_models_say(empty: URL, reference: dict[str, Any]) -> None:
    assert migrate.current(empty) is None
    assert migrate.upgrade(empty, PACKAGE) == migrate.head(PACKAGE) == migrate.current(empty)
    assert described(empty) == reference
    assert ask(empty, _differences) == []


def _differences(connection: Connection) -> list[Any]:
    options = {"compare_type": True, "compare_server_default": True}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


def test_a_database_that_is_up_to_date_stays_as_it_is(empty: URL) -> None:
    migrate.upgrade(empty, PACKAGE)
    before = described(empty)
    assert migrate.upgrade(empty, PACKAGE) == migrate.head(PACKAGE)
    assert described(empty) == before


# Those of released versions ---------------------------------------------------------------------------------------


def test_there_are_rows_of_every_released_revision() -> None:
    assert set(RELEASED) == migrate.known(PACKAGE) - {migrate.head(PACKAGE)}


@pytest.mark.parametrize("revision", sorted(RELEASED))
def test_rows_of_a_released_version_survive(empty: URL, reference: dict[str, Any], revision: str) -> None:
    released = RELEASED[revision]
    migrate.upgrade(empty, PACKAGE, revision)
    ask(empty, lambda connection: _add(connection, released.rows))
    before = {table: _rows(empty, table) for table in released.rows}

    assert migrate.upgrade(empty, PACKAGE) == migrate.head(PACKAGE)
    assert described(empty) == reference
    for table, old in before.items():
        new = _rows(empty, table)
        assert len(new) == len(old), table
        for one, other in zip(old, new, strict=True):
            changed = released.changed(table, one)
            assert other == {**other, **one, **changed}, table


@pytest.mark.parametrize("revision", sorted(RELEASED))
def test_numbers_go_on_after_those_of_a_released_version(empty: URL, revision: str) -> None:
    """Clients go on from the last number that they know."""
    migrate.upgrade(empty, PACKAGE, revision)
    ask(empty, lambda connection: _add(connection, RELEASED[revision].rows))
    ask(empty, lambda connection: connection.execute(text("DELETE FROM job_events WHERE id = 3")))
    migrate.upgrade(empty, PACKAGE)

    def next_number(connection: Connection) -> Any:
        events = metadata.tables["job_events"]
        event = {"job_id": "q" * 22, "kind": "queued", "data": {}, "at": 1.0}
        return connection.execute(insert(events).values(event).returning(events.c.id)).scalar_one()

    assert ask(empty, next_number) == 4


@pytest.mark.parametrize("revision", sorted(RELEASED))
def test_a_database_goes_back_to_a_released_version_and_up_again(empty: URL, revision: str) -> None:
    migrate.upgrade(empty, PACKAGE, revision)
    released = described(empty)
    ask(empty, lambda connection: _add(connection, RELEASED[revision].rows))
    before = {table: _rows(empty, table) for table in RELEASED[revision].rows}
    migrate.upgrade(empty, PACKAGE)
    newest = described(empty)

    _downgrade(empty, revision)
    assert described(empty) == released
    for table, rows in before.items():
        assert [row | RELEASED[revision].changed(table, row, back=True) for row in rows] == _rows(empty, table)
    assert migrate.upgrade(empty, PACKAGE) == migrate.head(PACKAGE)
    assert described(empty) == newest


def _downgrade(url: URL, revision: str) -> None:
    config = migrate._config(PACKAGE)

    def run(connection: Connection) -> None:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
        connection.commit()

    if url.get_backend_name() == "sqlite":
        migrate._on_sqlite(url, run)
    else:
        migrate._on_postgresql(url, run, lock=True)


def _add(connection: Connection, rows: dict[str, list[dict[str, Any]]]) -> None:
    known = MetaData()
    for table, some in rows.items():
        for row in some:
            connection.execute(insert(Table(table, known, autoload_with=connection)).values(row))


def _rows(url: URL, table: str) -> list[dict[str, Any]]:
    def read(connection: Connection) -> list[dict[str, Any]]:
        seen = Table(table, MetaData(), autoload_with=connection)
        ordered = select(seen).order_by(*seen.primary_key.columns)
        return [dict(row) for row in connection.execute(ordered).mappings()]

    return ask(url, read)


# What goes wrong --------------------------------------------------------------------------------------------------


def test_a_migration_that_fails_leaves_nothing_half_done(empty: URL) -> None:
    migrate.upgrade(empty, PACKAGE, "0001")
    ask(empty, lambda connection: _add(connection, RELEASED["0001"].rows))
    good = ask(empty, lambda connection: connection.execute(text("SELECT source FROM jobs LIMIT 1")).scalar_one())
    before = described(empty)
    # Nothing that the last step of that migration, after all tables are made, can take a size from.
    bad = "{" if empty.get_backend_name() == "sqlite" else '{"size_bytes": "many"}'
    _set_source(empty, bad)

    with pytest.raises(DBAPIError):
        migrate.upgrade(empty, PACKAGE)
    assert migrate.current(empty) == "0001"
    assert described(empty) == before

    _set_source(empty, good if isinstance(good, str) else '{"size_bytes": 7}')
    assert migrate.upgrade(empty, PACKAGE) == migrate.head(PACKAGE)


def _set_source(url: URL, value: str) -> None:
    kind = "TEXT" if url.get_backend_name() == "sqlite" else "JSON"
    change = text(f"UPDATE jobs SET source = CAST(:value AS {kind})")
    ask(url, lambda connection: connection.execute(change, {"value": value}))


def test_a_database_of_a_newer_version_is_left_alone(empty: URL) -> None:
    migrate.upgrade(empty, PACKAGE)
    ask(empty, lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    with pytest.raises(CommandError):
        migrate.upgrade(empty, PACKAGE)
    assert migrate.current(empty) == "9999"


def test_two_that_start_at_the_same_time_wait_for_each_other(empty: URL) -> None:
    with ExitStack() as stack:
        release = stack.enter_context(_locked(empty))
        programs = [stack.enter_context(_start(empty)) for _ in range(2)]
        for program in programs:
            assert program.stdout is not None
            assert program.stdout.readline() == "begins\n"
        release()
        answers = [program.communicate(timeout=PATIENCE_SECONDS)[0] for program in programs]
    assert answers == [f"{migrate.head(PACKAGE)}\n"] * 2
    assert [program.returncode for program in programs] == [0, 0]
    assert migrate.current(empty) == migrate.head(PACKAGE)


@contextmanager
def _locked(url: URL) -> Iterator[Callable[[], None]]:
    """As by somebody else who is migrating; gives what ends it, once two wait for it, where that can be seen."""
    if url.get_backend_name() == "sqlite":
        lock = FileLock(f"{url.database}.lock")
        with lock:
            yield lock.release
        return
    loop = asyncio.new_event_loop()
    holder = loop.run_until_complete(asyncpg.connect(url.render_as_string(hide_password=False)))
    loop.run_until_complete(holder.execute(f"SELECT pg_advisory_lock({migrate._ADVISORY_LOCK})"))
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"

    def release() -> None:
        eventually(lambda: loop.run_until_complete(holder.fetchval(waiting)) == 2, "two that wait")
        loop.run_until_complete(holder.close())

    yield release
    loop.close()


def _start(url: URL) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", UPGRADE, url.render_as_string(hide_password=False)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
