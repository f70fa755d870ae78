"""Vectors of questions that are kept: when the model is asked, and when it isn't."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from garaza.furniture.embedding.kept import KeptQueries
from garaza.furniture.embedding.port import EncoderBusyError, Vectors
from garaza.furniture.filters import Filters, Span
from garaza.furniture.search.asked import Asked
from garaza.furniture.search.engine import search
from garaza.furniture.search.snapshot import Snapshot
from garaza.kit.cache.cache import Cache
from garaza.kit.cache.memory import MemoryTier
from tests.furniture.search.nearby import ExactIndex, WordEncoder

pytestmark = pytest.mark.anyio


class CountingEncoder(WordEncoder):
    def __init__(self, model_id: str = WordEncoder.model_id) -> None:
        self.model_id = model_id
        self.asked: list[str] = []
        self.busy = False

    async def query(self, text: str) -> Vectors:
        self.asked.append(text)
        await asyncio.sleep(0)
        if self.busy:
            raise EncoderBusyError("for a moment")
        return await super().query(text)


@pytest.fixture
def cache() -> Cache:
    # Nobody tells this one of changes, as with PostgreSQL and no Redis.
    return Cache(MemoryTier(1 << 20, 4), alone=False)


async def test_another_filter_and_another_page_need_no_encoding(
    snapshot: Snapshot, index: ExactIndex, cache: Cache
) -> None:
    encoder = CountingEncoder()
    kept = KeptQueries(encoder, cache, 60)
    asked = [
        Asked(text="couch"),
        Asked(text="couch", offset=20),
        Asked(text="couch", filters=Filters(price=Span(most=500.0)), sort="price_asc"),
        Asked(text="  Couch under 500 dollars"),
    ]
    found = [await search(snapshot, index, kept, one) for one in asked]
    assert encoder.asked == ["couch"]
    assert found == [await search(snapshot, index, WordEncoder(), one) for one in asked]
    await search(snapshot, index, kept, Asked(text="rug"))
    assert encoder.asked == ["couch", "rug"]


async def test_who_asks_the_same_at_once_waits_together(cache: Cache) -> None:
    encoder = CountingEncoder()
    kept = KeptQueries(encoder, cache, 60)
    vectors = await asyncio.gather(*(kept.query("oak desk") for _ in range(5)))
    assert encoder.asked == ["oak desk"]
    assert all(np.array_equal(vector, WordEncoder().documents(["oak desk"])[0]) for vector in vectors)


async def test_each_model_has_its_own(cache: Cache) -> None:
    one, other = CountingEncoder("one"), CountingEncoder("other")
    for encoder in (one, other):
        await KeptQueries(encoder, cache, 60).query("sofa")
    assert (one.asked, other.asked) == (["sofa"], ["sofa"])


async def test_that_it_was_busy_is_not_kept(cache: Cache) -> None:
    encoder = CountingEncoder()
    kept = KeptQueries(encoder, cache, 60)
    encoder.busy = True
    with pytest.raises(EncoderBusyError):
        await kept.query("sofa")
    encoder.busy = False
    assert (await kept.query("sofa")).shape == (encoder.dimensions,)


async def test_no_more_are_kept_than_there_is_room_for(cache: Cache) -> None:
    encoder = CountingEncoder()
    kept = KeptQueries(encoder, cache, 60)
    for number in range(20):
        await kept.query(f"sofa {number}")
    assert len(cache.memory) <= 4
    await kept.query("sofa 0")
    assert encoder.asked[-1] == "sofa 0"
