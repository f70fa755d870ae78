"""Another model: it reads the catalogue in the background, and searches go on by the one before until it is through."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import URL, func, select

from garaza.furniture.importing.service import MODEL_GRACE_SECONDS
from garaza.furniture.models import ProductVector
from garaza.furniture.preparing import Preparing
from garaza.furniture.repository import CATALOGUE_CHANNEL, CatalogueRepository, Reembedding, Versions
from garaza.furniture.runtime import Shelf
from garaza.furniture.search.asked import Asked
from garaza.kit.changes import changes_of
from tests.furniture.importing.shop import CountingEncoder, Shop, chair, chairs
from tests.furniture.importing.test_killed import killed_there
from tests.furniture.search.nearby import ExactIndex

pytestmark = pytest.mark.anyio

OLD = CountingEncoder.model_id
NEW = "another-8"


def encoder_of(model_id: str) -> CountingEncoder:
    encoder = CountingEncoder()
    encoder.model_id = model_id
    return encoder


@asynccontextmanager
async def shelf_of(shop: Shop, encoder: CountingEncoder, before: CountingEncoder | None = None) -> AsyncIterator[Shelf]:
    index = ExactIndex()
    shelf = Shelf(
        shop.database,
        Preparing(shop.database, shop.data.root / "shelf", index),
        encoder,
        index,
        changes_of(shop.database, CATALOGUE_CHANNEL, 0.02),
        shop.clock,
        None,
        before,
        lambda model_id, insist: shop.service.follow_model(model_id, insist=insist),
    )
    shelf.start()
    try:
        yield shelf
    finally:
        await shelf.stop()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def versions_of(shop: Shop) -> Versions:
    async with shop.database.read() as session:
        return await CatalogueRepository(session).versions()


async def kept(shop: Shop) -> dict[str, int]:
    """How many vectors of which model there are."""
    counted = select(ProductVector.model_id, func.count()).group_by(ProductVector.model_id)
    async with shop.database.read() as session:
        return {row[0]: row[1] for row in await session.execute(counted)}


async def test_searches_go_on_by_the_model_before_until_the_new_one_is_through(shop: Shop) -> None:
    await shop.take(chairs(90))
    old, shop.encoder = encoder_of(OLD), encoder_of(NEW)
    asked = Asked(text="chair", limit=5)
    async with shelf_of(shop, shop.encoder, old) as shelf:
        await until(lambda: shelf.state.reembedding is not None)
        found = await shelf.search(asked)
        assert (found.semantic, found.version, shelf.state.error) == (True, 1, None)
        assert old.read
        assert "chair" not in shop.encoder.read
        await shop.worker().work()
        await until(lambda: shelf.version == 2)
        await until(lambda: shelf.state.reembedding is None)
        found = await shelf.search(asked)
        assert (found.semantic, len(found.hits)) == (True, 5)
        assert "chair" in shop.encoder.read
    texts = [text for text in shop.encoder.read if text.startswith("Chair")]
    assert len(texts) == len(set(texts)) == 90
    assert (await versions_of(shop)).model_id == NEW
    assert await kept(shop) == {OLD: 90, NEW: 90}


async def test_words_alone_where_the_model_before_is_gone(shop: Shop) -> None:
    await shop.take(chairs(3))
    shop.encoder = encoder_of(NEW)
    async with shelf_of(shop, shop.encoder) as shelf:
        await until(lambda: shelf.state.reembedding is not None)
        found = await shelf.search(Asked(text="chair"))
        assert (found.semantic, bool(found.hits)) == (False, True)
        assert OLD in (shelf.state.error or "")
        await shop.worker().work()
        await until(lambda: shelf.state.semantic)
        assert shelf.state.error is None


async def test_there_and_back_costs_no_second_reading(shop: Shop) -> None:
    await shop.take(chairs(20))
    for model_id, read in ((NEW, 20), (OLD, 0)):
        shop.encoder = encoder_of(model_id)
        assert await shop.service.follow_model(model_id, insist=True) == Reembedding(0, 0)
        await shop.worker().work()
        assert await shop.publish()
        assert len(shop.encoder.read) == read
        assert (await versions_of(shop)).model_id == model_id
        assert await shop.vectors() == 20


async def test_vectors_being_made_are_not_purged_and_those_before_are_later(shop: Shop) -> None:
    await shop.take(chairs(100))
    shop.encoder = encoder_of(NEW)
    shop.clock.now += MODEL_GRACE_SECONDS + 1

    async def purge() -> int:
        async with shop.database.write() as session:
            return await shop.service.purge_models(session)

    assert await shop.service.follow_model(NEW, insist=True) is not None
    assert await purge() == 0
    await shop.worker().work()
    # Made, and not served yet.
    assert await purge() == 0
    await shop.publish()
    assert await purge() == 0
    shop.clock.now += MODEL_GRACE_SECONDS + 1
    assert await purge() == 100
    assert await kept(shop) == {NEW: 100}


async def test_a_killed_process_is_gone_on_with(shop: Shop, database_url: URL, tmp_path: Path) -> None:
    shop.encoder = encoder_of("before-8")
    await shop.take(chairs(120))
    assert await shop.service.follow_model(OLD, insist=True) is not None
    log = tmp_path / "texts"
    where = [database_url.render_as_string(hide_password=False), str(shop.data.root), str(log), "embedding", "60"]
    command = [sys.executable, "-m", "tests.furniture.importing.child", *where]
    await asyncio.to_thread(killed_there, command)
    told = await shop.service.follow_model(OLD, insist=False)
    assert told is not None
    assert (60 <= told.done < 120, told.of) == (True, 120)
    assert len(await shop.served()) == 120
    shop.encoder = encoder_of(OLD)
    assert await shop.worker().work() is None
    assert await shop.publish()
    read = [*log.read_text().splitlines(), *shop.encoder.read]
    assert len(read) == len(set(read)) == 120
    assert await shop.vectors() == 120


async def test_an_import_by_a_command_with_another_model(shop: Shop) -> None:
    shop.encoder = encoder_of(NEW)
    await shop.take(chairs(5))
    async with shelf_of(shop, shop.encoder) as shelf:
        await until(lambda: shelf.state.semantic)
        shop.encoder = encoder_of(OLD)
        await shop.begin([chair(number) for number in range(5, 8)])
        await shop.worker().work()
        shop.encoder = encoder_of(NEW)
        await until(lambda: shelf.state.reembedding is not None)
        await shop.worker().work()
        await until(lambda: shelf.version == 3 and shelf.state.semantic)
    # Five were read before.
    assert len(shop.encoder.read) - shop.encoder.read.count("sofa") == 3
    assert (await versions_of(shop)).model_id == NEW


async def test_services_that_do_not_agree_leave_it_at_one_turn_each(shop: Shop) -> None:
    await shop.take(chairs(2))
    shop.clock.now += 1
    for model_id in (NEW, OLD):
        shop.encoder = encoder_of(model_id)
        assert await shop.service.follow_model(model_id, insist=True) is not None
        await shop.worker().work()
        await shop.publish()
        # What is the last one is told by the time.
        shop.clock.now += 1
    assert await shop.service.follow_model(NEW, insist=False) is None
    assert await shop.service.follow_model(OLD, insist=True) is None


async def test_one_that_is_called_off_leaves_the_catalogue_as_it_was(shop: Shop) -> None:
    await shop.take(chairs(4))
    shop.clock.now += 1
    shop.encoder = encoder_of(NEW)
    await shop.service.follow_model(NEW, insist=True)
    waiting = await shop.service.waits()
    assert waiting is not None
    async with shop.database.write() as session:
        await shop.service.cancel(session, waiting)
    await shop.worker().work()
    assert await shop.service.follow_model(NEW, insist=False) is None
    versions = await versions_of(shop)
    assert (versions.served, versions.model_id, shop.encoder.read) == (1, OLD, [])


async def test_services_are_told_of_a_version_that_is_ready(shop: Shop) -> None:
    async with changes_of(shop.database, CATALOGUE_CHANNEL, 0.02) as changes:
        # PostgreSQL's tell once they listen.
        await changes.wait(changes.mark(), 10)
        mark = changes.mark()
        await shop.begin(chairs(2))
        if shop.database.dialect == "postgresql":
            assert changes.mark() == mark
        await shop.worker().work()
        async with asyncio.timeout(10):
            await changes.wait(mark, 30)
