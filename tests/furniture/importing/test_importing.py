"""What an import makes of a catalogue: what changes, what stays, what is counted, and what is seen meanwhile."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from garaza.errors import GarazaError
from garaza.furniture.importing.claims import Claim, Waiting
from garaza.furniture.importing.port import NoCatalogueError
from garaza.furniture.importing.service import GRACE_SECONDS, MODEL_GRACE_SECONDS, MOST_WAITING
from garaza.furniture.importing.states import ImportState, Options
from garaza.furniture.importing.worker import ImportInterruptedError
from garaza.furniture.models import CatalogueImport, ProductCategory, ProductRow, ProductVector
from garaza.furniture.products import Product
from garaza.furniture.repository import CatalogueRepository
from garaza.kit.database import Database
from garaza.kit.pagination import Paging, Place
from tests.furniture.importing.shop import CountingEncoder, Shop, chair, chairs, vector_of

pytestmark = pytest.mark.anyio


def counted(counts: dict[str, int], *names: str) -> dict[str, int]:
    return {name: counts[name] for name in names}


async def rows_of(database: Database, table: Any) -> int:
    async with database.read() as session:
        return await session.scalar(select(func.count()).select_from(table)) or 0


async def test_a_file_becomes_the_catalogue(shop: Shop) -> None:
    done = await shop.take(chairs(120))
    assert (done.state, done.version, done.rows_read) == ("published", 1, 120)
    served = await shop.served()
    assert len(served) == 120 == await shop.vectors()
    assert served["C7"] == Product(
        asin="C7", title="Chair 7", brand="Brand 0", price_minor=100, categories=("Furniture", "Chairs")
    )
    assert counted(done.counts, "rows", "taken", "added", "unchanged", "to_embed", "embedded") == {
        "rows": 120,
        "taken": 120,
        "added": 120,
        "unchanged": 0,
        "to_embed": 120,
        "embedded": 120,
    }
    assert not shop.files.path(done.id).exists()


async def test_only_what_has_changed_is_written_and_embedded(shop: Shop) -> None:
    await shop.take(chairs(100))
    async with shop.database.read() as session:
        before = {product.asin: row for row, product in await CatalogueRepository(session).products(1, 0, 1000)}
    shop.encoder.read.clear()
    rows = chairs(100)
    for number in (3, 50, 99):
        rows[number]["title"] = f"Armchair {number}"
    # Not a word that is embedded.
    rows[5]["price_minor"] = 99
    done = await shop.take(rows)
    assert len(shop.encoder.read) == 3
    assert counted(done.counts, "taken", "changed", "unchanged", "embedded") == {
        "taken": 100,
        "changed": 4,
        "unchanged": 96,
        "embedded": 3,
    }
    assert await shop.vectors() == 100
    async with shop.database.read() as session:
        after = {product.asin: row for row, product in await CatalogueRepository(session).products(2, 0, 1000)}
    assert {asin for asin, row in after.items() if before[asin] != row} == {"C3", "C5", "C50", "C99"}


async def test_readers_see_the_old_version_until_they_see_all_of_the_new_one(shop: Shop) -> None:
    await shop.take(chairs(70))
    seen: set[tuple[int, int]] = set()
    over, switched = asyncio.Event(), asyncio.Event()

    async def look() -> None:
        while not over.is_set():
            served = await shop.served()
            seen.add((len(served), sum(one.title.startswith("Stool") for one in served.values())))
            if len(seen) > 1:
                switched.set()
            await asyncio.sleep(0)

    looking = asyncio.create_task(look())
    await shop.begin([chair(number, title=f"Stool {number}") for number in range(60)], replace=True)
    await shop.worker().work()
    assert seen == {(70, 0)}
    assert await shop.publish()
    async with asyncio.timeout(30):
        await switched.wait()
    over.set()
    await looking
    assert seen == {(70, 0), (60, 60)}


async def test_what_the_file_does_not_have_stays_unless_it_is_the_whole_catalogue(shop: Shop) -> None:
    await shop.take(chairs(10))
    assert len((await shop.take(chairs(3, title="New"))).counts) > 0
    assert len(await shop.served()) == 10
    done = await shop.take(chairs(3, title="Newer"), replace=True)
    assert (len(await shop.served()), done.counts["removed"]) == (3, 7)


async def test_of_rows_with_one_asin_the_newest_is_kept(shop: Shop) -> None:
    rows = [
        chair(1, title="First"),
        chair(2, title="Newer", stamp=20.0),
        chair(2, title="Older", stamp=10.0),
        *(chair(number) for number in range(100, 160)),
        chair(1, title="Last"),
        chair(2, title="Oldest", stamp=5.0),
    ]
    done = await shop.take(rows)
    served = await shop.served()
    assert (served["C1"].title, served["C2"].title) == ("Last", "Newer")
    assert counted(done.counts, "rows", "taken", "added", "duplicates") == {
        "rows": 65,
        "taken": 62,
        "added": 62,
        "duplicates": 3,
    }
    async with shop.database.read() as session:
        notes = (await shop.service.notes(session, done.id, Paging())).rows
    assert [(note.row, note.asin, note.kind) for note in notes] == [
        (1, "C1", "duplicate"),
        (3, "C2", "duplicate"),
        (65, "C2", "duplicate"),
    ]


async def test_a_duplicate_that_undoes_a_change_leaves_the_product_as_it_was(shop: Shop) -> None:
    await shop.take(chairs(60))
    filler = [chair(number) for number in range(10, 60)]
    done = await shop.take([chair(1, title="Changed"), chair(2), *filler, chair(1), chair(2, title="Changed")])
    served = await shop.served()
    assert (served["C1"].title, served["C2"].title) == ("Chair 1", "Changed")
    assert counted(done.counts, "taken", "unchanged", "changed") == {"taken": 52, "unchanged": 51, "changed": 1}
    assert len(served) == 60


async def test_rows_that_can_not_be_taken_are_noted_and_the_others_are_taken(shop: Shop) -> None:
    rows = [chair(0, mended=["price", "country"]), chair(1, refused="title"), chair(2)]
    done = await shop.take(rows)
    assert set(await shop.served()) == {"C0", "C2"}
    assert counted(done.counts, "taken", "mended", "refused", "refused.title", "mended.price") == {
        "taken": 2,
        "mended": 1,
        "refused": 1,
        "refused.title": 1,
        "mended.price": 1,
    }
    async with shop.database.read() as session:
        notes = (await shop.service.notes(session, done.id, Paging(place=Place((1, 1))))).rows
    assert [(note.row, note.asin, note.kind, note.field) for note in notes] == [
        (1, "C0", "mended", "country"),
        (2, "C1", "refused", "title"),
    ]


async def test_notes_are_kept_up_to_a_number_and_counted_beyond(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("garaza.furniture.importing.rows.MAX_NOTES", 5)
    done = await shop.take([chair(0), *(chair(number, refused="price") for number in range(1, 20))])
    async with shop.database.read() as session:
        assert len((await shop.service.notes(session, done.id, Paging())).rows) == 5
    assert counted(done.counts, "notes", "refused.price") == {"notes": 19, "refused.price": 19}


# What goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [[], [chair(1, refused="price"), chair(2, refused="price")]])
async def test_a_file_of_which_nothing_can_be_used_changes_nothing(shop: Shop, rows: list[dict[str, Any]]) -> None:
    await shop.take(chairs(5))
    done = await shop.take(rows, replace=True)
    assert done.state == "failed"
    assert done.error is not None
    assert ("There is no row" in done.error) == (not rows)
    assert len(await shop.served()) == 5


async def test_what_is_no_catalogue_is_refused_at_once(shop: Shop) -> None:
    path = shop.data.new_incoming()
    path.write_bytes(b"\x89PNG")
    with pytest.raises(NoCatalogueError):
        await shop.service.begin(path, "chair.png", Options())
    assert not path.exists()
    async with shop.database.read() as session:
        assert await shop.service.open(session) == []


@pytest.mark.parametrize("state", [ImportState.READING, ImportState.EMBEDDING])
async def test_a_cancelled_import_leaves_everything_as_it_was(shop: Shop, state: ImportState) -> None:
    await shop.take(chairs(80))
    tables = (ProductRow, ProductCategory, ProductVector)
    before, sizes = await shop.served(), [await rows_of(shop.database, table) for table in tables]
    import_id = await shop.begin([chair(number, title=f"Other {number}") for number in range(60, 260)], replace=True)
    cancelling: list[asyncio.Task[None]] = []
    cancelled = threading.Event()
    # Or all could be done before it is heard.
    shop.encoder = CountingEncoder(lambda _texts: cancelled.wait(30) and None)

    async def cancel() -> None:
        async with shop.database.write() as session:
            await shop.service.cancel(session, import_id)
        cancelled.set()

    def told(claim: Claim) -> None:
        if claim.state == state and claim.counts["rows"] > 100 and not cancelling:
            cancelling.append(asyncio.create_task(cancel()))

    await shop.worker(told).work()
    await asyncio.gather(*cancelling)
    done = await shop.get(import_id)
    assert (done.state, done.ended_at) == ("cancelled", shop.clock.now)
    assert not await shop.publish()
    assert await shop.served() == before
    assert [await rows_of(shop.database, table) for table in tables] == sizes
    assert await shop.vectors() == 80
    # And the next one goes as if nothing had been.
    assert (await shop.take(chairs(3))).counts["unchanged"] == 3


async def test_a_cancelled_import_is_taken_away_by_whoever_may(shop: Shop) -> None:
    """Never beneath one who works at it; and nothing else is done on that occasion."""
    import_id = await shop.begin(chairs(150))
    shop.clock.now += 1
    next_id = await shop.begin(chairs(3))
    stopped = shop.worker(lambda _claim: stopped.stop())
    with pytest.raises(ImportInterruptedError):
        await stopped.work()
    leased = {"lease_owner": "elsewhere-1", "lease_expires_at": shop.clock.now + 60}
    async with shop.database.write() as session:
        await session.execute(update(CatalogueImport).where(CatalogueImport.id == import_id).values(**leased))
        await shop.service.cancel(session, import_id)
    written = await rows_of(shop.database, ProductRow)
    assert written
    await shop.worker().undo(next_id)
    await shop.worker().undo(import_id)
    assert await rows_of(shop.database, ProductRow) == written
    shop.clock.now += 61
    await shop.worker().undo(import_id)
    assert await rows_of(shop.database, ProductRow) == 0
    assert (await shop.get(import_id)).ended_at == shop.clock.now
    assert (await shop.get(next_id)).state == "queued"


async def test_one_that_has_not_begun_is_cancelled_at_once_and_one_that_is_done_never(shop: Shop) -> None:
    waiting = await shop.begin(chairs(3))
    async with shop.database.write() as session:
        assert (await shop.service.cancel(session, waiting)).ended_at == shop.clock.now
    assert await shop.worker().work() is None
    done = await shop.take(chairs(3))
    async with shop.database.write() as session:
        with pytest.raises(GarazaError) as caught:
            await shop.service.cancel(session, done.id)
        assert caught.value.status == 409
        with pytest.raises(GarazaError) as caught:
            await shop.service.cancel(session, "nothing")
        assert caught.value.status == 404


async def test_what_the_model_does_wrong_fails_the_import_and_nothing_else(shop: Shop) -> None:
    await shop.take(chairs(5))

    def fail(_texts: object) -> None:
        msg = "no memory for it"
        raise RuntimeError(msg)

    shop.encoder = CountingEncoder(fail)
    done = await shop.take(chairs(9, title="Other"))
    assert done.state == "failed"
    assert set(await shop.served()) == {f"C{number}" for number in range(5)}
    shop.encoder = CountingEncoder()
    assert (await shop.take(chairs(9, title="Other"))).state == "published"


async def test_whoever_is_told_to_stop_leaves_it_to_be_gone_on_with(shop: Shop) -> None:
    import_id = await shop.begin(chairs(170))

    def told(claim: Claim) -> None:
        if claim.rows_read == 100:
            worker.stop()

    worker = shop.worker(told)
    with pytest.raises(ImportInterruptedError):
        await worker.work()
    found = await shop.get(import_id)
    assert (found.state, found.rows_read, found.lease_owner) == ("reading", 100, None)
    assert await shop.worker(place=shop.files.place()).work() is None
    await shop.publish()
    assert len(await shop.served()) == 170 == await shop.vectors()


# Several of them --------------------------------------------------------------------------------------------------


async def test_the_same_file_again_is_the_same_import_while_it_goes_on(shop: Shop) -> None:
    first, second = await asyncio.gather(shop.begin(chairs(3)), shop.begin(chairs(3)))
    assert first == second
    assert await shop.begin(chairs(3), replace=True) != first
    assert sorted(path.name for path in shop.files.folder.iterdir()) == sorted(one.id for one in await _open(shop))
    await shop.worker().work()
    await shop.publish()
    assert await shop.begin(chairs(3)) != first


async def _open(shop: Shop) -> Any:
    async with shop.database.read() as session:
        return await shop.service.open(session)


async def test_two_at_once_follow_each_other(shop: Shop) -> None:
    first = await shop.begin(chairs(150, title="First"))
    shop.clock.now += 1
    second = await shop.begin(chairs(10, title="Second"))
    elsewhere = shop.worker(place="0" * 22)
    others: list[Waiting | None] = []
    looking: list[asyncio.Task[None]] = []

    async def look() -> None:
        others.append(await elsewhere.work())

    def told(claim: Claim) -> None:
        if claim.import_id == first and claim.rows_read == 100 and not looking:
            looking.append(asyncio.create_task(look()))

    await shop.worker(told).work()
    await asyncio.gather(*looking)
    assert isinstance(others[0], Waiting)
    assert others[0].import_id == first
    await shop.publish()
    states = [(await shop.get(one)).state for one in (first, second)]
    assert states == ["published", "published"]
    titles = [product.title for product in (await shop.served()).values()]
    assert (titles.count("First"), titles.count("Second")) == (140, 10)


async def test_whoever_has_lost_its_claim_writes_nothing_more(shop: Shop) -> None:
    import_id = await shop.begin(chairs(120))
    taking: list[asyncio.Task[Any]] = []

    def told(claim: Claim) -> None:
        # It was silent for too long, and another one has come.
        if claim.rows_read == 50 and not taking:
            taking.append(asyncio.create_task(shop.worker().work()))

    late = shop.worker(told)
    with pytest.raises(ImportInterruptedError, match="Another process"):
        await late.work()
    await asyncio.gather(*taking)
    await shop.publish()
    assert len(await shop.served()) == 120 == (await shop.get(import_id)).counts["taken"]


async def test_so_many_may_wait_and_no_more(shop: Shop) -> None:
    for number in range(MOST_WAITING):
        await shop.begin([chair(number)])
    with pytest.raises(GarazaError) as caught:
        await shop.begin(chairs(2))
    assert caught.value.status == 409
    assert len(list(shop.files.folder.iterdir())) == MOST_WAITING


# The sample, and what has had its time ----------------------------------------------------------------------------


def sample() -> Any:
    products = [Product(asin=f"S{number}", title=f"Sample {number}") for number in range(50)]
    return products, CountingEncoder.model_id, {one.text_hash: vector_of(one.text) for one in products}


async def test_the_sample_fills_an_empty_catalogue_once(shop: Shop, database_url: Any, tmp_path: Path) -> None:
    other = Shop(database_url, tmp_path / "data")
    loaded = await asyncio.gather(shop.service.load_sample(sample), other.service.load_sample(sample))
    await other.database.close()
    assert sorted(loaded) == [False, True]
    assert await shop.publish()
    assert len(await shop.served()) == 50 == await shop.vectors()
    assert not await shop.service.load_sample(sample)


@pytest.mark.parametrize("keep", [True, False])
async def test_the_sample_goes_when_a_catalogue_comes(shop: Shop, keep: bool) -> None:
    await shop.service.load_sample(sample)
    await shop.publish()
    done = await shop.take([*chairs(5), {"asin": "S1", "title": "Sample 1"}], keep_sample=keep)
    assert len(await shop.served()) == 5 + (50 if keep else 1)
    assert (done.counts["removed"], done.counts["changed"]) == (0 if keep else 49, 1)
    assert len(shop.encoder.read) == 5
    assert not await shop.service.load_sample(sample)


async def test_what_no_version_needs_any_more_goes_after_a_while(shop: Shop) -> None:
    await shop.take(chairs(70))
    await shop.take(chairs(20, title="Other"), replace=True)

    async def purge() -> int:
        async with shop.database.write() as session:
            return await shop.service.purge_products(session)

    assert await purge() == 0
    shop.clock.now += GRACE_SECONDS + 1
    import_id = await shop.begin(chairs(20))
    assert await purge() == 0
    async with shop.database.write() as session:
        await shop.service.cancel(session, import_id)
    while await purge():
        pass
    assert await rows_of(shop.database, ProductRow) == 20
    # Twenty chairs of seven brands, with one title.
    assert await rows_of(shop.database, ProductVector) == 7
    assert len(await shop.served()) == 20 == await shop.vectors()


async def test_vectors_of_another_model_go_when_the_catalogue_has_its_own(shop: Shop) -> None:
    await shop.take(chairs(3))
    shop.encoder.model_id = "another-8"
    await shop.take(chairs(4))
    assert await rows_of(shop.database, ProductVector) == 7
    shop.clock.now += MODEL_GRACE_SECONDS + 1
    async with shop.database.write() as session:
        assert await shop.service.purge_models(session) == 3
    async with shop.database.write() as session:
        assert await shop.service.purge_models(session) == 0
    assert await shop.vectors() == 4
