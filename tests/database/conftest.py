"""What tests of the database share. They run on both kinds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import URL, make_url

from garaza.kit.database import sqlite_url
from garaza.kit.migrate import upgrade
from garaza.migrations import PACKAGE
from tests.accounts.conftest import anyio_backend, database_url, empty_file, migrated
from tests.database.seed import LARGE, SMALL, Size, fill
from tests.database.tour import whole
from tests.servers.fixtures import postgres
from tests.service.fixtures import clip, new_database, start_server, template

__all__ = [
    "anyio_backend",
    "clip",
    "database_url",
    "empty_file",
    "new_database",
    "postgres",
    "start_server",
    "template",
]

KINDS = ["sqlite", "postgresql"]
MakeTour = Callable[[str, Size], whole.Tour]


@pytest.fixture(scope="session")
def make_tour(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, template: Path, clip: bytes
) -> MakeTour:
    """The tour of a kind of database with so many rows, made once."""
    made: dict[tuple[str, Size], whole.Tour] = {}

    def make(kind: str, size: Size) -> whole.Tour:
        if (kind, size) not in made:
            folder = tmp_path_factory.mktemp(f"tour-{kind}") / "data"
            folder.mkdir()
            url = seeded(request, kind, size, folder)
            made[kind, size] = whole.make(url, size, folder, template, clip)
        return made[kind, size]

    return make


def seeded(request: pytest.FixtureRequest, kind: str, size: Size, folder: Path) -> URL:
    """A database of so many rows; it stays until the end of the run."""
    if kind == "sqlite":
        url = sqlite_url(folder / "garaza.db")
        upgrade(url, PACKAGE)
    else:
        server = request.getfixturevalue("postgres")
        url = make_url(server.new_database(server.template(migrated)))
    fill(url, size)
    return url


@pytest.fixture(
    params=[
        *(pytest.param((kind, SMALL), id=kind) for kind in KINDS),
        *(pytest.param((kind, LARGE), id=f"{kind}-large", marks=pytest.mark.slow) for kind in KINDS),
    ]
)
def tour(request: pytest.FixtureRequest, make_tour: MakeTour) -> whole.Tour:
    return make_tour(*request.param)
