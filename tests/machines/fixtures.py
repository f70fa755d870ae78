"""A fresh database of each kind, and a clock that tests set.

Each folder whose tests need them names them in its conftest.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, make_url

from garaza.kit.database import Database, sqlite_url
from garaza.kit.migrate import upgrade
from garaza.migrations import PACKAGE
from garaza.settings import DatabaseSettings
from garaza.wiring import pool_options
from tests.servers.postgres import Postgres


class SettableClock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[URL]:
    """Of one that has all tables."""
    if request.param == "sqlite":
        url = sqlite_url(tmp_path / "garaza.db")
        upgrade(url, PACKAGE)
        yield url
    else:
        postgres: Postgres = request.getfixturevalue("postgres")
        with postgres.database(postgres.template(migrated)) as text:
            yield make_url(text)


@pytest.fixture
async def database(database_url: URL) -> AsyncIterator[Database]:
    database = Database(database_url, pool_options(DatabaseSettings(), database_url))
    yield database
    await database.close()


def migrated(url: str) -> None:
    upgrade(make_url(url), PACKAGE)
