"""What searches are answered from: made ready in the background, and exchanged as a whole."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, delete, update

from garaza.furniture import runtime
from garaza.furniture.index.port import VectorIndex
from garaza.furniture.models import Catalogue, ProductRow, ProductVector
from garaza.furniture.preparing import Preparing
from garaza.furniture.products import Product
from garaza.furniture.repository import CATALOGUE_CHANNEL, CatalogueRepository, kept_vector
from garaza.furniture.runtime import Shelf, ShelfNotReadyError, build_without_server
from garaza.furniture.search.asked import Asked
from garaza.furniture.search.snapshot import MANIFEST
from garaza.furniture.stored import columns_of
from garaza.kit.changes import changes_of
from garaza.kit.database import Database
from garaza.settings import DatabaseSettings
from garaza.wiring import pool_options
from tests.accounts.conftest import database_url
from tests.furniture.search.nearby import ExactIndex, WordEncoder
from tests.furniture.search.shelves import products

__all__ = ["database_url"]

pytestmark = pytest.mark.anyio


@pytest.fixture
async def database(database_url: URL) -> AsyncIterator[Database]:
    database = Database(database_url, pool_options(DatabaseSettings(), database_url))
    yield database
    await database.close()


class Shop:
    """A database, and the shelves of servers on it."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.folder = folder
        self.encoder = WordEncoder()
        self.shelves: list[Shelf] = []

    async def fill(
        self,
        version: int,
        these: Iterable[Product],
        model_id: str = WordEncoder.model_id,
        ids: Iterable[int | None] = itertools.repeat(None),
    ) -> None:
        """Have these products, and no others, from this version on; it is ready."""
        these = list(these)
        vectors = dict(
            zip((one.text_hash for one in these), self.encoder.documents([o.text for o in these]), strict=True)
        )
        async with self.database.write() as session:
            if version == 1:
                session.add(Catalogue(id=1, version=0, ready_version=0, next_version=2, changed_at=0))
            await session.execute(update(ProductRow).where(ProductRow.until.is_(None)).values(until=version))
            rows = zip(these, ids, strict=False)
            session.add_all([ProductRow(id=i, since=version, source="import", **columns_of(one)) for one, i in rows])
            await session.execute(delete(ProductVector).where(ProductVector.text_hash.in_(list(vectors))))
            session.add_all(
                [ProductVector(model_id=model_id, text_hash=one, vector=kept_vector(v)) for one, v in vectors.items()]
            )
            await session.execute(update(Catalogue).values(ready_version=version, model_id=model_id))

    def shelf(self, index: VectorIndex | None, name: str = "furniture", **options: Any) -> Shelf:
        changes = changes_of(self.database, CATALOGUE_CHANNEL, 0.02)
        preparing = Preparing(self.database, self.folder / name, index)
        self.shelves.append(Shelf(self.database, preparing, self.encoder, index, changes, time.time, **options))
        self.shelves[-1].start()
        return self.shelves[-1]

    async def served(self) -> int:
        async with self.database.read() as session:
            return (await CatalogueRepository(session).versions()).served


@pytest.fixture
async def shop(database: Database, tmp_path: Path) -> AsyncIterator[Shop]:
    shop = Shop(database, tmp_path)
    yield shop
    for shelf in shop.shelves:
        await shelf.stop()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def test_from_nothing_to_a_catalogue_and_the_next(shop: Shop) -> None:
    shelf = shop.shelf(ExactIndex())
    await until(lambda: shelf.state.state == "empty")
    with pytest.raises(ShelfNotReadyError) as refused:
        await shelf.search(Asked(text="sofa"))
    assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "5"})
    await shop.fill(1, products(40))
    await until(lambda: shelf.version == 1)
    assert await shop.served() == 1
    found = await shelf.search(Asked(text="sofa"))
    assert found.version == 1
    assert found.semantic
    assert (shelf.state.state, shelf.state.products, shelf.state.error) == ("ready", 40, None)
    await shop.fill(2, products(30, seed=2))
    await until(lambda: shelf.version == 2)
    assert await shop.served() == 2
    assert (await shelf.search(Asked())).total == 30
    await until(lambda: [path.name for path in (shop.folder / "furniture").iterdir()] == ["2"])


async def test_searches_go_on_while_versions_change(shop: Shop) -> None:
    await shop.fill(1, products(40))
    shelf = shop.shelf(ExactIndex())
    await until(lambda: shelf.version == 1)
    totals: set[tuple[int, int]] = set()
    ended = False

    async def ask() -> None:
        while not ended:
            found = await shelf.search(Asked(limit=100))
            assert len(found.hits) == found.total
            totals.add((found.version, found.total))
            await shelf.search(Asked(text="settee"))
            await asyncio.sleep(0)

    asking = [asyncio.create_task(ask()) for _ in range(3)]
    await shop.fill(2, products(25, seed=2))
    await until(lambda: (2, 25) in totals)
    ended = True
    await asyncio.gather(*asking)
    # All of one version, or all of the other.
    assert totals == {(1, 40), (2, 25)}


async def test_after_a_restart_all_is_there(shop: Shop) -> None:
    await shop.fill(1, products(20))
    index = ExactIndex()
    shelf = shop.shelf(index)
    await until(lambda: shelf.version == 1)
    await shelf.stop()
    manifest = shop.folder / "furniture" / "1" / MANIFEST
    made, prepared = manifest.stat().st_mtime_ns, index.prepared[1]
    again = shop.shelf(index)
    await until(lambda: again.version == 1)
    assert manifest.stat().st_mtime_ns == made
    assert index.prepared[1] is prepared


async def test_a_damaged_folder_is_made_again(shop: Shop) -> None:
    await shop.fill(1, products(20))
    shelf = shop.shelf(ExactIndex())
    await until(lambda: shelf.version == 1)
    await shelf.stop()
    (shop.folder / "furniture" / "1" / "ids.npy").write_bytes(b"rubbish")
    again = shop.shelf(ExactIndex())
    await until(lambda: again.version == 1)
    assert (await again.search(Asked())).total == 20


async def test_other_servers_follow(shop: Shop) -> None:
    await shop.fill(1, products(20))
    first, second = shop.shelf(ExactIndex(), "one"), shop.shelf(ExactIndex(), "two")
    await until(lambda: first.version == second.version == 1)
    await shop.fill(2, products(10))
    await until(lambda: first.version == second.version == 2)
    assert (await first.search(Asked())).hits == (await second.search(Asked())).hits


async def test_an_index_that_is_away_costs_the_meaning_and_comes_back(shop: Shop) -> None:
    await shop.fill(1, products(20))
    index = ExactIndex()
    index.down = True
    shelf = shop.shelf(index)
    await until(lambda: shelf.version == 1 and shelf.state.error is not None)
    assert not (await shelf.search(Asked(text="sofa"))).semantic
    index.down = False
    await until(lambda: shelf.state.semantic)
    assert shelf.state.error is None
    assert (await shelf.search(Asked(text="settee"))).semantic


async def test_what_failed_a_search_is_seen_to_be_mended_though_nobody_searches(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "_FIRST_LOOK_SECONDS", 0.01)
    await shop.fill(1, products(20))
    index = ExactIndex()
    shelf = shop.shelf(index)
    await until(lambda: shelf.version == 1)
    index.down = True
    assert not (await shelf.search(Asked(text="sofa"))).semantic
    assert (shelf.state.semantic, shelf.state.error) == (False, "the model or the index can't be asked")
    index.down = False
    await until(lambda: shelf.state.semantic)
    assert shelf.state.error is None


async def test_vectors_of_another_model_are_not_compared_with(shop: Shop) -> None:
    await shop.fill(1, products(20), model_id="another")
    shelf = shop.shelf(ExactIndex())
    await until(lambda: shelf.version == 1)
    found = await shelf.search(Asked(text="black sofa"))
    assert (found.semantic, bool(found.hits)) == (False, True)
    await until(lambda: "another" in (shelf.state.error or ""))


async def test_an_empty_catalogue_is_filled_with_the_sample(shop: Shop) -> None:
    loaded = []

    async def load() -> bool:
        loaded.append(1)
        await shop.fill(1, products(5))
        return True

    shelf = shop.shelf(ExactIndex(), load_sample=load)
    await until(lambda: shelf.version == 1)
    assert loaded == [1]


async def test_a_database_that_fails_is_asked_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    await shop.fill(1, products(5))
    failures = iter([OSError("away")])
    versions = CatalogueRepository.versions

    async def failing(self: CatalogueRepository) -> Any:
        if error := next(failures, None):
            raise error
        return await versions(self)

    monkeypatch.setattr(CatalogueRepository, "versions", failing)
    shelf = shop.shelf(ExactIndex())
    await until(lambda: shelf.state.error == "OSError: away")
    await until(lambda: shelf.version == 1 and shelf.state.error is None)


async def test_more_like_this(shop: Shop) -> None:
    these = list(products(40))
    await shop.fill(1, these)
    index = ExactIndex()
    shelf = shop.shelf(index)
    await until(lambda: shelf.version == 1)
    by_meaning = await shelf.similar(these[0].asin, Asked(limit=5))
    assert by_meaning is not None
    assert len(by_meaning.hits) == 5
    index.down = True
    by_words = await shelf.similar(these[0].asin, Asked(limit=5))
    assert by_words is not None
    own = shelf.snapshot.ids[shelf.snapshot.row_of_asin(these[0].asin) or 0]
    assert not by_words.semantic
    assert own not in [hit.id for hit in (*by_meaning.hits, *by_words.hits)]
    assert await shelf.similar("NOTHING", Asked()) is None


async def test_words_are_looked_at_while_the_index_of_many_is_made(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a restart, with an index that is gone, of another release, or of another database."""
    made = asyncio.Event()

    class Slow(ExactIndex):
        async def prepare(self, *given: Any) -> None:
            await made.wait()
            await super().prepare(*given)

    monkeypatch.setattr(runtime, "MANY", 5)
    await shop.fill(1, products(20))
    before = shop.shelf(ExactIndex())
    await until(lambda: before.version == 1)
    await before.stop()
    index = Slow()
    shelf = shop.shelf(index)
    await until(lambda: shelf.version == 1)
    found = await shelf.search(Asked(text="sofa"))
    assert not found.semantic
    made.set()
    await until(lambda: shelf.state.semantic)
    assert (await shelf.search(Asked(text="sofa"))).semantic
    await shelf.stop()
    # What is there is served at once.
    made.clear()
    again = shop.shelf(index)
    await until(lambda: again.version == 1)
    assert again.state.semantic


async def test_without_a_server(shop: Shop) -> None:
    await shop.fill(1, [replace(one, title=one.title[:30]) for one in products(5)])
    index = ExactIndex()
    parts = (shop.database, Preparing(shop.database, shop.folder / "furniture", index), index)
    model = (WordEncoder.model_id, WordEncoder.dimensions)
    assert await build_without_server(*parts, *model, time.time) == 1
    assert (await shop.served(), index.served) == (1, 1)
    assert await build_without_server(*parts, *model, time.time) is None


@pytest.mark.parametrize("there", [True, False], ids=["the folder is there", "only the index is"])
async def test_a_folder_of_another_database_is_not_used(shop: Shop, *, there: bool) -> None:
    """The same number, and products with the same ids: nothing but when it was published tells, and what is in it."""
    await shop.fill(1, products(20), ids=range(1, 21))
    index = ExactIndex()
    shelf = shop.shelf(index)
    await until(lambda: shelf.version == 1)
    before, prepared = shelf.edition, index.prepared[1]
    await shelf.stop()
    if not there:
        shutil.rmtree(shop.folder / "furniture")
    async with shop.database.write() as session:
        await session.execute(delete(ProductRow))
        await session.execute(delete(Catalogue))
    await shop.fill(1, products(20, seed=2), ids=range(1, 21))
    another = shop.shelf(index)
    await until(lambda: another.version == 1)
    found = {one.tobytes() for one in another.snapshot.text_hashes}
    assert found == {one.text_hash for one in products(20, seed=2)}
    assert index.prepared[1] is not prepared
    # Copies of answers that others have kept of that version aren't taken for those of this one.
    assert (before.version, another.edition.version) == (1, 1)
    assert before != another.edition


async def test_a_backup_that_takes_the_place_of_a_database_is_noticed(shop: Shop) -> None:
    await shop.fill(1, products(5))
    shelf = shop.shelf(ExactIndex())
    await until(lambda: shelf.version == 1)
    earlier = replace(shelf.edition, published_at=shelf.edition.published_at - 60)
    async with shop.database.write() as session:
        await session.execute(update(Catalogue).values(changed_at=earlier.published_at))
    await until(lambda: shelf.edition == earlier)
