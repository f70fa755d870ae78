"""What is peculiar to vectors in the database: a server without them, or without an answer, and several processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import make_url, text

from garaza.furniture.filters import NO_FILTERS, Filters
from garaza.furniture.index.pgvector import PgVectorIndex
from garaza.furniture.index.port import IndexUnavailableError
from garaza.kit.database import Database
from garaza.settings import DatabaseSettings
from garaza.wiring import pool_options
from tests.contract.test_vector_index import agrees, ids_of, prepare, query, serve, some, spec_of
from tests.servers.postgres import Postgres

pytestmark = pytest.mark.anyio


def connected(url: str) -> Database:
    return Database(make_url(url), pool_options(DatabaseSettings(), make_url(url)))


@pytest.fixture
async def database(postgres: Postgres) -> AsyncIterator[Database]:
    database = connected(postgres.new_database())
    yield database
    await database.close()


async def test_two_processes_share_it(database: Database) -> None:
    one, other = PgVectorIndex(database), PgVectorIndex(database)
    first, second = some(range(1, 101)), some(range(51, 151))
    await asyncio.gather(prepare(one, 1, first), prepare(other, 1, first))
    assert await other.has(spec_of(1, ids_of(first)))
    await one.serve(1)
    await other.serve(1)
    await serve(one, 2, second)
    await agrees(one, second, limit=200)
    # It hears of the next version a little later, and what it serves until then is whole.
    await agrees(other, first, limit=200)
    await other.serve(2)
    await agrees(other, second, limit=200)


async def test_few_among_many_are_all_found(database: Database) -> None:
    """Where links would be followed past them."""
    index = PgVectorIndex(database)
    points = some(range(1, 3001))
    for place in (10, 1000, 2900):
        points[place].payload["brand"] = "rare"
    await serve(index, 1, points)
    async with database.write() as session:
        # As it does by itself in a big table.
        await session.execute(text("ALTER DATABASE " + str(database.url.database) + " SET enable_seqscan = off"))
    await database.engine.dispose()
    assert await agrees(index, points, Filters(brands=("rare",))) == 3
    await agrees(index, points)


async def test_a_server_without_pgvector_is_told(database: Database, postgres: Postgres) -> None:
    async with database.write() as session:
        await session.execute(text("CREATE ROLE somebody LOGIN"))
    url = make_url(str(database.url.render_as_string())).set(drivername="postgresql", username="somebody")
    poor = connected(url.render_as_string())
    with pytest.raises(IndexUnavailableError, match="no extension pgvector for this user"):
        await PgVectorIndex(poor).check()
    await poor.close()
    async with database.write() as session:
        await session.execute(text("DROP ROLE somebody"))


async def test_a_server_that_is_away_is_unavailable(unused_port: int) -> None:
    database = connected(f"postgresql://nobody@127.0.0.1:{unused_port}/nothing")
    index = PgVectorIndex(database)
    with pytest.raises(IndexUnavailableError, match="can't be reached"):
        await index.check()
    with pytest.raises(IndexUnavailableError):
        await index.has(spec_of(1, [1]))
    with pytest.raises(IndexUnavailableError):
        await index.search(query(), 1, NO_FILTERS)
    await database.close()
