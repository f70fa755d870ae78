"""Which index there is, by the settings, the database, and what the database can do."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy import make_url, text

from garaza.furniture.adapters import make_index
from garaza.furniture.filters import NO_FILTERS
from garaza.furniture.index.port import IndexUnavailableError
from garaza.kit.storage import DataDirectory
from garaza.settings import FurnitureSettings
from tests.contract.test_vector_index import agrees, folder, query, serve, some
from tests.furniture.test_pgvector_index import connected
from tests.servers.postgres import Postgres

__all__ = ["folder"]

pytestmark = pytest.mark.anyio

POINTS = some(range(1, 21))


@pytest.fixture
def data(folder: Path) -> DataDirectory:
    return DataDirectory(folder)


@pytest.fixture
async def poor(postgres: Postgres) -> AsyncIterator[str]:
    """The address of a database whose user may not have pgvector."""
    url = make_url(postgres.new_database())
    rich = connected(url.render_as_string(hide_password=False))
    async with rich.write() as session:
        await session.execute(text("CREATE ROLE somebody_poor LOGIN"))
    yield url.set(username="somebody_poor", password=None).render_as_string()
    async with rich.write() as session:
        await session.execute(text("DROP ROLE somebody_poor"))
    await rich.close()


async def test_files_beside_sqlite(data: DataDirectory) -> None:
    database = connected(f"sqlite:///{data.root / 'x.sqlite'}")
    index = make_index(FurnitureSettings(), data, database)
    assert index.name.startswith("files in")
    await index.close()
    await database.close()


async def test_a_server_that_is_named_comes_first(data: DataDirectory, unused_port: int) -> None:
    database = connected(f"postgresql://nobody@127.0.0.1:{unused_port}/nothing")
    settings = FurnitureSettings.model_validate(
        {"qdrant_url": f"http://127.0.0.1:{unused_port}", "qdrant_api_key": "secret"}
    )
    index = make_index(settings, data, database)
    assert index.name == f"Qdrant at http://127.0.0.1:{unused_port}"
    with pytest.raises(IndexUnavailableError, match="can't be used"):
        await serve(index, 1, POINTS)
    await index.close()
    await database.close()


async def test_pgvector_where_there_is_one(data: DataDirectory, postgres: Postgres) -> None:
    database = connected(postgres.new_database())
    index = make_index(FurnitureSettings(), data, database)
    await serve(index, 1, POINTS)
    await agrees(index, POINTS)
    assert index.name.startswith("pgvector")
    await index.close()
    await database.close()


async def test_files_beside_a_postgresql_without_pgvector(
    data: DataDirectory, poor: str, caplog: pytest.LogCaptureFixture
) -> None:
    database = connected(poor)
    index = make_index(FurnitureSettings(), data, database)
    with caplog.at_level(logging.WARNING, "garaza.furniture.index"):
        await serve(index, 1, POINTS)
        await agrees(index, POINTS)
        await serve(index, 2, POINTS)
    assert index.name.startswith("files in")
    (record,) = caplog.records
    assert "no extension pgvector for this user" in record.getMessage()
    await index.close()
    await database.close()


async def test_a_postgresql_that_is_away_is_asked_again(data: DataDirectory, unused_port: int) -> None:
    database = connected(f"postgresql://nobody@127.0.0.1:{unused_port}/nothing")
    index = make_index(FurnitureSettings(), data, database)
    for _ in range(2):
        with pytest.raises(IndexUnavailableError, match="can't be reached"):
            await index.search(query(), 1, NO_FILTERS)
    assert index.name.startswith("pgvector")
    await index.close()
    await database.close()


@pytest.mark.parametrize("url", ["host:6333", "ftp://host", "http://user:secret@host", "http://host/?api_key=secret"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="must look like http://host:6333") as refused:
        FurnitureSettings(qdrant_url=url)
    assert "variable of its own" in str(refused.value)


def test_left_empty_is_left_out() -> None:
    settings = FurnitureSettings.model_validate({"qdrant_url": "", "qdrant_api_key": ""})
    assert settings.qdrant_url is None
    assert settings.qdrant_api_key is None


def test_a_server_without_its_client_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("garaza.settings.find_spec", lambda package: None)
    with pytest.raises(ValidationError, match=r"pip install 'garaza\[qdrant\]'"):
        FurnitureSettings(qdrant_url="http://host:6333")
