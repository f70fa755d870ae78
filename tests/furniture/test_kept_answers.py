"""Copies of answers in a Valkey that several services share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from garaza.furniture.kept import Answers, Body
from garaza.furniture.runtime import Edition
from garaza.kit.cache.cache import Cache
from garaza.kit.cache.memory import MemoryTier
from garaza.kit.cache.shared import SharedTier
from garaza.kit.shared_store import SharedStore
from tests.servers.fixtures import valkey
from tests.servers.valkey import Valkey
from tests.service.harness import PATIENCE_SECONDS

__all__ = ["valkey"]

pytestmark = pytest.mark.anyio


class Service:
    """What one has of it."""

    def __init__(self, server: Valkey) -> None:
        self.cache = Cache(
            MemoryTier(1 << 20, 100), SharedTier(SharedStore(server.url, patience=60), "test:"), url=server.url
        )
        self.edition = Edition(1, 100.5)
        self._answers = Answers(self.cache, "search", 300, lambda: self.edition, shared=True)

    async def ask(self, own: Body) -> Body | None:
        """What it answers, whose own answer would be this one."""

        async def make() -> Body:
            return own

        return await self._answers.get("oak table", make)


@pytest.fixture
async def services(valkey: Valkey) -> AsyncIterator[tuple[Service, Service]]:
    both = Service(valkey), Service(valkey)
    async with AsyncExitStack() as ending:
        for one in both:
            one.cache.start()
            ending.push_async_callback(one.cache.stop)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not all(one.cache.is_told for one in both):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.005)
        yield both
    valkey.flush()


async def test_another_database_has_a_version_of_the_same_number(services: tuple[Service, Service]) -> None:
    one, other = services
    assert await one.ask(Body(b"its oak")) == Body(b"its oak")
    assert await other.ask(Body(b"own oak")) == Body(b"its oak")
    other.edition = Edition(1, 200.25)
    assert await other.ask(Body(b"own oak")) == Body(b"own oak")


async def test_what_lacks_the_meaning_stays_where_it_was_made(services: tuple[Service, Service]) -> None:
    one, other = services
    words = Body(b"by words", whole=False)
    assert await one.ask(words) == words
    assert await other.ask(Body(b"by meaning")) == Body(b"by meaning")
    # It may give its own again for a moment.
    assert await one.ask(Body(b"now by meaning, too")) == words
