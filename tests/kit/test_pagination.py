"""Cursors, and parts of lists."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.exceptions import RequestValidationError
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import URL, Float, Integer, String, insert, make_url, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from starlette.requests import Request

from garaza.kit.database import Database, sqlite_url
from garaza.kit.pagination import (
    DEEPEST_ROW,
    BadCursorError,
    Page,
    Paging,
    Place,
    limit_to,
    make_cursor,
    make_paging,
    pages,
    paging_headers,
    read_cursor,
    read_page,
)
from garaza.settings import DatabaseSettings
from garaza.wiring import pool_options
from tests.queries import Queries
from tests.servers.fixtures import postgres

__all__ = ["postgres"]

keys = st.tuples(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**63), 2**63 - 1),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=22),
)
TYPES = (float, int, str)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


# Cursors --------------------------------------------------------------------------------------------------------------


@given(key=keys, backwards=st.booleans())
def test_a_cursor_is_read_as_it_was_made(key: tuple[Any, ...], backwards: bool) -> None:
    place = Place(key, backwards)
    assert read_cursor(make_cursor(place), TYPES) == place


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_rubbish_is_no_cursor(rubbish: str) -> None:
    with pytest.raises(BadCursorError):
        read_cursor(rubbish, TYPES)


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9), st.lists, max_leaves=6)
)
def test_json_that_is_no_place_is_no_cursor(value: Any) -> None:
    encoded = base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
    with pytest.raises(BadCursorError):
        read_cursor(encoded, TYPES)


@pytest.mark.parametrize("key", [(1, 1, "a"), (1.0, True, "a"), (1.0, 2**63, "a"), (1.0, 1, "é"), (1.0, 1, "\0")])
def test_a_value_that_no_column_of_the_list_has_is_refused(key: tuple[Any, ...]) -> None:
    with pytest.raises(BadCursorError):
        read_cursor(make_cursor(Place(key)), TYPES)


# What clients ask for -------------------------------------------------------------------------------------------------


def test_pages_reach_so_deep_and_no_deeper() -> None:
    assert make_paging((int,), DEEPEST_ROW // 20, 20, None).offset == DEEPEST_ROW - 20
    with pytest.raises(RequestValidationError) as caught:
        make_paging((int,), DEEPEST_ROW // 20 + 1, 20, None)
    assert "cursor" in caught.value.errors()[0]["msg"]


def test_a_page_or_a_cursor() -> None:
    cursor = make_cursor(Place((7,)))
    assert make_paging((int,), None, 5, cursor) == Paging(1, 5, Place((7,)))
    with pytest.raises(RequestValidationError):
        make_paging((int,), 1, 5, cursor)


@pytest.mark.parametrize(("total", "size", "count"), [(0, 20, 0), (1, 20, 1), (20, 20, 1), (21, 20, 2)])
def test_how_many_pages(total: int, size: int, count: int) -> None:
    assert pages(total, size) == count


def test_links_keep_what_else_was_asked_for_and_can_not_be_broken_out_of() -> None:
    query = b"page=2&page_size=5&status=%22%3E%3B%20rel%3D%22next%22%0D%0AX:%201"
    request = Request({"type": "http", "method": "GET", "path": "/api/jobs", "query_string": query, "headers": []})
    link = paging_headers(request, Paging(2, 5), Page([1], "c", "d", 50))["Link"]
    assert "\r" not in link
    assert "\n" not in link
    addresses = link.split(", ")
    assert [address.rsplit("; ", 1)[1] for address in addresses] == ['rel="first"', 'rel="next"', 'rel="prev"']
    assert all(address.count(">") == 1 for address in addresses)
    assert "page=3" in addresses[1]
    assert "status=%22" in addresses[1]


# Reading --------------------------------------------------------------------------------------------------------------


class Base(DeclarativeBase):
    pass


class Thing(Base):
    __tablename__ = "things"

    id: Mapped[str] = mapped_column(String(22), primary_key=True)
    at: Mapped[float] = mapped_column(Float(53))
    kind: Mapped[int] = mapped_column(Integer)


KEY = (Thing.at, Thing.id)
COUNT = 23


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[URL]:
    if request.param == "sqlite":
        yield sqlite_url(tmp_path / "things.db")
        shutil.rmtree(tmp_path, ignore_errors=True)
        return
    with request.getfixturevalue("postgres").database() as address:
        yield make_url(address)


@pytest.fixture
async def things(url: URL) -> Any:
    database = Database(url, pool_options(DatabaseSettings(), url))
    async with database.write() as session:
        await session.run_sync(lambda sync: Base.metadata.create_all(sync.connection()))
        await session.execute(text("CREATE INDEX by_kind ON things (kind, at, id)"))
        # Several at the same moment.
        rows = [{"id": f"{number:022}", "at": 1e9 + number // 4 / 3, "kind": 1} for number in range(COUNT)]
        await session.execute(insert(Thing), [*rows, {"id": "other", "at": 2e9, "kind": 2}])
    yield database
    await database.close()


async def read(database: Database, wanted: Paging, kind: int = 1, **options: Any) -> tuple[list[int], Page[Thing]]:
    async with database.read() as session:
        page = await read_page(session, select(Thing).where(Thing.kind == kind), KEY, wanted, **options)
    return [int(thing.id) for thing in page.rows if thing.id != "other"], page


ALL = list(range(COUNT - 1, -1, -1))


@pytest.mark.anyio
@pytest.mark.parametrize("size", [1, 4, 5, 22, 23, 24])
async def test_pages_and_cursors_in_both_directions_give_the_same_list(things: Database, size: int) -> None:
    numbered: list[int] = []
    for number in range(1, COUNT // size + 2):
        rows, page = await read(things, Paging(number, size))
        assert page.total == COUNT
        numbered += rows
    assert numbered == ALL
    rows, page = await read(things, Paging(1, size))
    assert page.previous is None
    following = rows
    while page.next:
        rows, page = await read(things, Paging(1, size, read_cursor(page.next, (float, str))))
        assert rows
        following += rows
    assert following == ALL
    back = rows
    while page.previous:
        rows, page = await read(things, Paging(1, size, read_cursor(page.previous, (float, str))))
        assert page.next
        back = rows + back
    assert back == ALL


@pytest.mark.anyio
async def test_a_page_is_one_query_whatever_is_on_it(things: Database) -> None:
    for wanted in (Paging(1, 5), Paging(99, 5), Paging(1, 5, Place((1e9 + 1, "x")))):
        with Queries(things) as seen:
            await read(things, wanted)
        assert len(seen) == 1, seen


@pytest.mark.anyio
async def test_nothing_has_no_pages_around_it(things: Database) -> None:
    rows, page = await read(things, Paging(), kind=3)
    assert (rows, page.next, page.previous, page.total) == ([], None, None, 0)


@pytest.mark.anyio
async def test_lists_are_counted_as_far_as_is_wanted(things: Database) -> None:
    for limit, total in [(COUNT - 1, None), (COUNT, COUNT), (None, COUNT)]:
        assert (await read(things, Paging(1, 3), count_to=limit))[1].total == total
    assert (await read(things, Paging(1, 3, Place((2e9, "x")))))[1].total is None


@pytest.mark.anyio
@pytest.mark.parametrize("backwards", [False, True])
async def test_a_cursor_is_looked_up_in_the_index_and_nothing_is_sorted(things: Database, backwards: bool) -> None:
    wanted = Paging(1, 5, Place((1e9 + 1, "x"), backwards))
    statement = limit_to(select(Thing).where(Thing.kind == 1), KEY, wanted)
    async with things.read() as session:
        if things.dialect == "postgresql":
            await session.execute(text("SET LOCAL enable_seqscan = off"))
        compiled = statement.compile(things.engine.sync_engine, compile_kwargs={"literal_binds": True})
        explain = "EXPLAIN QUERY PLAN" if things.dialect == "sqlite" else "EXPLAIN"
        plan = "\n".join(str(row) for row in await session.execute(text(f"{explain} {compiled}")))
    assert "by_kind" in plan, plan
    assert "(kind=? AND (at,id)" in plan or "Index Cond" in plan, plan
    assert "TEMP B-TREE" not in plan, plan
    assert "Sort" not in plan, plan
    if things.dialect == "postgresql":
        assert "ROW(at" in plan, plan
