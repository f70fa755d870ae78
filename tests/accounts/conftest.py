"""What tests of accounts share. They run on both kinds of databases."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, make_url

from garaza.kit.database import sqlite_url
from garaza.kit.migrate import upgrade
from garaza.migrations import PACKAGE
from tests.accounts.house import House, make_house
from tests.servers.fixtures import postgres

__all__ = ["postgres"]

MakeHouse = Callable[..., House]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database with all tables, to be copied."""
    path = tmp_path_factory.mktemp("template") / "garaza.db"
    upgrade(sqlite_url(path), PACKAGE)
    return path


def migrated(url: str) -> None:
    upgrade(make_url(url), PACKAGE)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[URL]:
    if request.param == "sqlite":
        path = tmp_path / "garaza.db"
        shutil.copy(request.getfixturevalue("empty_file"), path)
        yield sqlite_url(path)
        return
    server = request.getfixturevalue("postgres")
    with server.database(server.template(migrated)) as url:
        yield make_url(url)


@pytest.fixture
async def build(database_url: URL) -> AsyncIterator[MakeHouse]:
    """Builds another service on the same database."""
    built: list[House] = []

    def make(**options: Any) -> House:
        built.append(make_house(database_url, **options))
        return built[-1]

    yield make
    for house in built:
        await house.close()


@pytest.fixture
def house(build: MakeHouse) -> House:
    return build()
