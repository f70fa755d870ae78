"""The nearest of those that filters let through are found, of one version or the next, and of nothing between."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qdrant_client import AsyncQdrantClient
from sqlalchemy import make_url

from garaza.furniture.embedding.port import Vectors
from garaza.furniture.filters import NO_FILTERS, Filters, Payload, Span
from garaza.furniture.index.edge import EdgeIndex
from garaza.furniture.index.pgvector import PgVectorIndex
from garaza.furniture.index.port import IndexSpec, IndexUnavailableError, Point, VectorIndex
from garaza.furniture.index.qdrant import QdrantIndex
from garaza.kit.database import Database
from garaza.settings import DatabaseSettings
from garaza.wiring import pool_options

pytestmark = [
    pytest.mark.anyio,
    # What the client does by itself has no indexes, and needs none.
    pytest.mark.filterwarnings("ignore:Payload indexes have no effect"),
    pytest.mark.filterwarnings("ignore:Local mode performs exact"),
]

DIMENSIONS = 24
MODEL = "model-1"
CLOSE = 0.002
"""What is kept with 16 bits is that near."""

Open = Callable[[], VectorIndex]
"""Another one in the same place, as after a restart. They are closed after the test."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """In memory where there is a place for that: what is written survives the end of a process, which is all that tests
    can bring about, without waiting for the disk.
    """
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture(params=["edge", "pgvector", "qdrant", "qdrant-server"])
async def opened(request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[Open]:
    made: list[VectorIndex] = []
    databases: list[Database] = []

    def edge() -> VectorIndex:
        return EdgeIndex(folder / "vectors")

    def pgvector() -> VectorIndex:
        if not databases:
            url = make_url(request.getfixturevalue("postgres").new_database())
            databases.append(Database(url, pool_options(DatabaseSettings(), url)))
        return PgVectorIndex(databases[0])

    def qdrant() -> VectorIndex:
        # What it does to points is done by the client itself, in a folder.
        return QdrantIndex("http://nowhere", client=AsyncQdrantClient(path=str(folder / "qdrant")))

    def qdrant_server() -> VectorIndex:
        url = os.environ.get("GARAZA_TEST_QDRANT_URL")
        if not url:
            pytest.skip("needs a Qdrant server, named by GARAZA_TEST_QDRANT_URL")
        return QdrantIndex(url, os.environ.get("GARAZA_TEST_QDRANT_API_KEY"), prefix=folder.name)

    kinds: dict[str, Open] = {
        "edge": edge,
        "pgvector": pgvector,
        "qdrant": qdrant,
        "qdrant-server": qdrant_server,
    }

    def open_() -> VectorIndex:
        made.append(kinds[request.param]())
        return made[-1]

    yield open_
    for index in made:
        await index.close()
    for database in databases:
        await database.close()


@pytest.fixture
def index(opened: Open) -> VectorIndex:
    return opened()


def some(ids: Sequence[int], seed: int = 0) -> list[Point]:
    """Points with all kinds of payloads, the same for the same id."""
    return [_point(point_id, np.random.default_rng([seed, point_id])) for point_id in ids]


def _point(point_id: int, rng: np.random.Generator) -> Point:
    vector = rng.standard_normal(DIMENSIONS).astype(np.float32)
    maybe: dict[str, Any] = {
        "brand": f"brand {rng.integers(4)}",
        "categories": ["möbel", f"cat {rng.integers(3)}", f"sub {rng.integers(9)}"],
        "country": str(rng.choice(["US", "SE", "IT"])),
        "colors": [str(name) for name in rng.choice(["black", "white", "brown"], rng.integers(1, 3), replace=False)],
        "materials": [str(rng.choice(["wood", "metal", "glass"]))],
        "in_stock": bool(rng.integers(2)),
        "price": int(rng.integers(100, 1000)) / 100,
        "width_cm": float(rng.integers(40, 60)),
        "depth_cm": float(rng.integers(40, 60)),
        "height_cm": float(rng.integers(40, 60)),
    }
    payload: Payload = {name: value for name, value in maybe.items() if rng.random() < 0.8}
    return Point(point_id, (vector / np.linalg.norm(vector)).astype(np.float32), payload)


def query(seed: int = 99) -> Vectors:
    vector = np.random.default_rng(seed).standard_normal(DIMENSIONS).astype(np.float32)
    unit: Vectors = vector / np.linalg.norm(vector)
    return unit


async def parts(points: Sequence[Point], size: int = 50) -> AsyncIterator[Sequence[Point]]:
    for start in range(0, len(points), size):
        await asyncio.sleep(0)
        yield points[start : start + size]


def ids_of(points: Sequence[Point]) -> list[int]:
    return [point.id for point in points]


def spec_of(
    version: int, ids: Collection[int], model: str = MODEL, contents: str = "", dimensions: int = DIMENSIONS
) -> IndexSpec:
    return IndexSpec(version, model, dimensions, ids, contents)


async def prepare(index: VectorIndex, version: int, points: Sequence[Point], model: str = MODEL) -> None:
    await index.prepare(spec_of(version, ids_of(points), model), parts(points))


async def serve(index: VectorIndex, version: int, points: Sequence[Point], model: str = MODEL) -> None:
    await prepare(index, version, points, model)
    await index.serve(version)


def fits(payload: Payload, filters: Filters) -> bool:
    """What filters mean, said once more and otherwise."""

    def names(field: str) -> set[str]:
        value = payload.get(field, [])
        assert isinstance(value, str | list)
        return {value} if isinstance(value, str) else set(value)

    wanted = {
        "brand": filters.brands,
        "categories": filters.categories,
        "country": filters.countries,
        "colors": filters.colors,
        "materials": filters.materials,
    }
    unwanted = {
        "brand": filters.not_brands,
        "categories": filters.not_categories,
        "colors": filters.not_colors,
        "materials": filters.not_materials,
    }
    spans = {
        "price": filters.price,
        "width_cm": filters.width_cm,
        "depth_cm": filters.depth_cm,
        "height_cm": filters.height_cm,
    }
    return (
        all(not values or names(field) & set(values) for field, values in wanted.items())
        and not any(names(field) & set(values) for field, values in unwanted.items())
        and (filters.in_stock is None or payload.get("in_stock") is filters.in_stock)
        and all(_within(payload.get(field), span) for field, span in spans.items() if span)
    )


def _within(value: object, span: Span) -> bool:
    if not isinstance(value, float):
        return False
    return (span.least is None or value >= span.least) and (span.most is None or value <= span.most)


async def agrees(index: VectorIndex, points: Sequence[Point], filters: Filters = NO_FILTERS, limit: int = 10) -> int:
    """Whether it finds what comparing with all finds; how many that are."""
    vector = query()
    exact = sorted(
        ((float(point.vector @ vector), point.id) for point in points if fits(point.payload, filters)), reverse=True
    )[:limit]
    found = await index.search(vector, limit, filters)
    assert found.ids.dtype == np.int64
    assert found.scores.dtype == np.float32
    assert len(found.ids) == len(found.scores) == len(exact)
    np.testing.assert_allclose(found.scores, [score for score, _ in exact], atol=CLOSE)
    by_id = {point.id: point for point in points}
    assert len(set(found.ids.tolist())) == len(found.ids)
    for point_id, score in zip(found.ids.tolist(), found.scores.tolist(), strict=True):
        assert fits(by_id[point_id].payload, filters)
        assert score == pytest.approx(float(by_id[point_id].vector @ vector), abs=CLOSE)
    return len(exact)


FILTERS = [
    Filters(brands=("brand 1",)),
    Filters(brands=("brand 1", "brand 3", "nobody")),
    Filters(categories=("cat 1",)),
    Filters(categories=("möbel",)),
    Filters(countries=("SE", "IT")),
    Filters(colors=("black", "white")),
    Filters(materials=("glass",)),
    Filters(not_brands=("brand 1", "brand 2")),
    Filters(not_categories=("sub 1", "cat 2")),
    Filters(not_colors=("black",)),
    Filters(not_materials=("wood", "metal")),
    Filters(in_stock=True),
    Filters(in_stock=False),
    Filters(price=Span(least=5)),
    Filters(price=Span(most=2.5)),
    Filters(width_cm=Span(least=50, most=50)),
    Filters(depth_cm=Span(least=45, most=50.5)),
    Filters(height_cm=Span(least=0)),
    Filters(colors=("brown",), not_brands=("brand 0",), price=Span(least=1.5, most=9), in_stock=True),
    Filters(
        categories=("cat 0", "cat 1"),
        materials=("wood", "metal"),
        countries=("US",),
        not_colors=("white",),
        width_cm=Span(least=41, most=58),
    ),
]


async def test_each_filter_finds_what_comparing_with_all_does(index: VectorIndex) -> None:
    points = some(range(1, 401))
    await serve(index, 1, points)
    assert await agrees(index, points) == 10
    for filters in FILTERS:
        assert await agrees(index, points, filters) > 0, filters
        await agrees(index, points, filters, limit=400)


async def test_spans_have_their_ends(index: VectorIndex) -> None:
    prices = [499.98, 499.99, 500.0, 500.01]
    points = [Point(number, query(number), {"price": price}) for number, price in enumerate(prices, 1)]
    points.append(Point(9, query(9), {}))
    await serve(index, 1, points)

    async def found(least: float | None, most: float | None) -> list[int]:
        nearest = await index.search(query(), 10, Filters(price=Span(least=least, most=most)))
        return sorted(nearest.ids.tolist())

    assert await found(499.99, 500.0) == [2, 3]
    assert await found(None, 499.99) == [1, 2]
    assert await found(500.01, None) == [4]
    assert await found(600, None) == []
    assert await found(501, 500) == []


async def test_what_is_not_known_is_not_excluded(index: VectorIndex) -> None:
    bare, black = Point(1, query(1), {}), Point(2, query(2), {"colors": ["black", "white"], "brand": "x"})
    await serve(index, 1, [bare, black])

    async def found(filters: Filters) -> list[int]:
        return sorted((await index.search(query(), 10, filters)).ids.tolist())

    assert await found(NO_FILTERS) == [1, 2]
    assert await found(Filters(not_colors=("black",))) == [1]
    assert await found(Filters(not_brands=("y",), not_categories=("z",), not_materials=("wood",))) == [1, 2]
    assert await found(Filters(colors=("white",))) == [2]
    assert await found(Filters(in_stock=False)) == []


async def test_any_text_is_a_name(index: VectorIndex) -> None:
    names = ["木の椅子", 'o\'hara "quoted" \\ 100%', "{a,b}", "NULL", "ß 🪑", "x" * 300]
    points = [Point(number, query(number), {"brand": name, "colors": [name]}) for number, name in enumerate(names, 1)]
    await serve(index, 1, points)
    for number, name in enumerate(names, 1):
        for filters in (Filters(brands=(name,)), Filters(colors=(name, "none"))):
            assert (await index.search(query(), 10, filters)).ids.tolist() == [number]
        for filters in (Filters(not_brands=(name,)), Filters(not_colors=(name,))):
            assert len((await index.search(query(), 10, filters)).ids) == len(names) - 1


async def test_scores_of_some(index: VectorIndex) -> None:
    points = some(range(1, 60))
    await serve(index, 1, points)
    vector = query()
    scores = await index.scores(vector, [7, 1000, 3, 7, 59])
    assert scores.dtype == np.float32
    expected = [points[6].vector @ vector, np.nan, points[2].vector @ vector, points[6].vector @ vector]
    np.testing.assert_allclose(scores[:4], expected, atol=CLOSE)
    assert (await index.scores(vector, [])).shape == (0,)
    assert np.isnan(await index.scores(vector, [1000])).all()


async def test_a_version_is_seen_when_it_is_served(opened: Open) -> None:
    index = opened()
    first = some(range(1, 101))
    # Some are gone, some new, one of which takes the place of another one, with another vector.
    second = [*first[10:], *some(range(200, 216))]
    with pytest.raises(IndexUnavailableError):
        await index.search(query(), 10, NO_FILTERS)
    assert not await index.has(spec_of(1, ids_of(first)))
    await prepare(index, 1, first)
    assert await index.has(spec_of(1, ids_of(first)))
    with pytest.raises(IndexUnavailableError):
        await index.search(query(), 10, NO_FILTERS)
    await index.serve(1)

    async def watched() -> AsyncIterator[Sequence[Point]]:
        async for part in parts(second):
            yield part
            await agrees(index, first, limit=200)
            assert not await index.has(spec_of(2, ids_of(second)))

    await index.prepare(spec_of(2, ids_of(second)), watched())
    await agrees(index, first, limit=200)
    assert await index.has(spec_of(2, ids_of(second)))
    await index.serve(2)
    await agrees(index, second, limit=200)


async def test_many_versions_one_after_the_other(index: VectorIndex) -> None:
    points = some(range(1, 61))
    for version in range(1, 8):
        await serve(index, version, points)
        await agrees(index, points, limit=100)
        for filters in FILTERS[version::4]:
            await agrees(index, points, filters, limit=100)
        points = [*points[version:], *some(range(100 * version, 100 * version + 3))]
    await serve(index, 8, some(range(900, 904)))
    await agrees(index, some(range(900, 904)), limit=100)


async def test_a_restart_needs_nothing_made_again(opened: Open) -> None:
    points = some(range(1, 101))
    before = opened()
    await serve(before, 5, points)
    await before.close()
    index = opened()
    assert await index.has(spec_of(5, ids_of(points)))
    assert not await index.has(spec_of(5, ids_of(points)[1:]))
    assert not await index.has(spec_of(5, [*ids_of(points), 1000]))
    assert not await index.has(spec_of(5, ids_of(points), "another model"))
    assert not await index.has(spec_of(6, ids_of(points)))
    await index.serve(5)
    await agrees(index, points)
    await serve(index, 6, points[:50])
    await agrees(index, points[:50], limit=100)


async def test_another_model_is_another_index(index: VectorIndex) -> None:
    await serve(index, 1, some(range(1, 101)))
    others = [Point(point.id, np.roll(point.vector, 1), point.payload) for point in some(range(1, 101))]
    await serve(index, 2, others, "model-2")
    await agrees(index, others)
    longer = [Point(point.id, np.concatenate([point.vector, [0]]).astype(np.float32), {}) for point in others]
    await index.prepare(spec_of(3, ids_of(longer), "model-3", dimensions=DIMENSIONS + 1), parts(longer))
    await index.serve(3)
    found = await index.search(longer[0].vector, 1, NO_FILTERS)
    assert found.ids.tolist() == [1]


async def test_a_version_may_be_prepared_again(index: VectorIndex) -> None:
    """After a crash between preparing and serving, of a catalogue that was imported anew meanwhile."""
    await serve(index, 1, some(range(1, 31)))
    await prepare(index, 2, some(range(1, 41)))
    await serve(index, 2, some(range(20, 51)))
    await agrees(index, some(range(20, 51)), limit=100)


async def test_what_another_database_left_is_not_taken_for_its_own(opened: Open) -> None:
    """A backup was put back, and another file imported: the same numbers and ids, of other products."""
    ids = range(1, 101)
    left = opened()
    await left.prepare(spec_of(1, ids, contents="these"), parts(some(ids)))
    await left.serve(1)
    await left.close()
    index = opened()
    assert not await index.has(spec_of(1, ids, contents="others"))
    assert await index.has(spec_of(1, ids, contents="these"))
    await index.serve(1)
    # The next version keeps what it has in common with the one before.
    mixed = [*some(ids[:50]), *some(ids[50:], seed=1)]
    await index.prepare(spec_of(2, ids, contents="mixed"), parts(mixed))
    await index.serve(2)
    await agrees(index, mixed, limit=200)
    others = some(ids, seed=2)
    await index.prepare(spec_of(2, ids, contents="others"), parts(others))
    await index.serve(2)
    assert await index.has(spec_of(2, ids, contents="others"))
    await agrees(index, others, limit=200)
    for filters in FILTERS[::6]:
        await agrees(index, others, filters, limit=200)


async def test_nothing_is_found_in_nothing(index: VectorIndex) -> None:
    await serve(index, 1, [])
    assert await index.has(spec_of(1, []))
    assert (await index.search(query(), 10, NO_FILTERS)).ids.tolist() == []
    assert (await index.search(query(), 10, Filters(in_stock=True))).ids.tolist() == []
    await serve(index, 2, some([1]))
    assert (await index.search(query(), 10, NO_FILTERS)).ids.tolist() == [1]


async def test_what_breaks_off_leaves_the_version_before(index: VectorIndex) -> None:
    points = some(range(1, 101))
    await serve(index, 1, points)

    async def broken() -> AsyncIterator[Sequence[Point]]:
        yield some(range(200, 230))
        raise RuntimeError("the database went away")

    with pytest.raises(RuntimeError, match="went away"):
        await index.prepare(spec_of(2, range(200, 300)), broken())
    with pytest.raises(IndexUnavailableError, match="270 products have no vectors"):
        await index.prepare(spec_of(2, range(200, 500)), parts(some(range(200, 230))))

    entered = asyncio.Event()

    async def endless() -> AsyncIterator[Sequence[Point]]:
        yield some(range(200, 230))
        entered.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(index.prepare(spec_of(2, range(200, 300)), endless()))
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not await index.has(spec_of(2, range(200, 300)))
    await agrees(index, points, limit=200)
    await serve(index, 2, some(range(200, 300)))
    await agrees(index, some(range(200, 300)), limit=200)


async def test_searches_meet_only_whole_versions(index: VectorIndex) -> None:
    """Many at once, while one version takes the place of another."""
    first, second = some(range(1, 101)), some(range(1001, 1101))
    await serve(index, 1, first)
    stop = asyncio.Event()

    async def look() -> set[bool]:
        seen = set()
        while not stop.is_set():
            found = await index.search(query(), 100, NO_FILTERS)
            await asyncio.sleep(0)
            assert len(found.ids) == 100
            seen.add(bool(found.ids.max() > 1000))
            assert (found.ids.min() > 1000) == (found.ids.max() > 1000)
        return seen

    watchers = [asyncio.create_task(look()) for _ in range(4)]
    await serve(index, 2, second)
    await agrees(index, second)
    stop.set()
    for seen in await asyncio.gather(*watchers):
        assert seen <= {False, True}


async def test_after_close_it_is_unavailable(opened: Open) -> None:
    index = opened()
    points = some(range(1, 11))
    await serve(index, 1, points)
    await index.close()
    await index.close()
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: index.search(query(), 1, NO_FILTERS),
        lambda: index.scores(query(), [1]),
        lambda: index.has(spec_of(1, [1])),
        lambda: prepare(index, 2, points),
        lambda: index.serve(1),
    ]
    for call in calls:
        with pytest.raises(IndexUnavailableError):
            await call()


async def test_a_version_that_is_not_there_cannot_be_served(index: VectorIndex) -> None:
    points = some(range(1, 11))
    await serve(index, 1, points)
    with pytest.raises(IndexUnavailableError):
        await index.serve(7)
    await agrees(index, points)
