"""What operators see of imports, which other processes do."""

from __future__ import annotations

import pytest

from garaza.observability.import_figures import ImportFigures
from tests.furniture.importing.shop import Shop, chair, chairs
from tests.queries import Queries

pytestmark = pytest.mark.anyio


async def test_imports_are_counted_once_from_their_rows(shop: Shop) -> None:
    await shop.take([*chairs(2), chair(2, refused="title")])
    figures = ImportFigures(shop.database, shop.service, shop.clock)
    with Queries(shop.database) as seen:
        await figures.update()
    # However many there have been, nobody wants to know how many.
    assert not [statement for statement in seen.statements if "count(" in statement]
    # What was before it began isn't counted.
    assert (figures.open, figures.oldest_seconds, figures.ended, figures.rows) == ({}, 0, {}, {})
    await shop.begin([*chairs(60), chair(61, refused="asin"), chair(62, mended=["price"])])
    spoilt = await shop.begin([chair(1, refused="asin")])
    shop.clock.now += 30
    for _ in range(2):
        await figures.update()
        assert (figures.open, figures.oldest_seconds) == ({"queued": 2}, 30)
        assert not figures.rows
    await shop.worker().work()
    for _ in range(2):
        await figures.update()
        assert figures.open == {"indexing": 1}
        assert figures.ended == {"failed": 1}
        assert (figures.rows["taken"], figures.rows["refused"], figures.rows["mended"]) == (61, 2, 1)
    assert (await shop.get(spoilt)).state == "failed"
    await shop.publish()
    await figures.update()
    assert (figures.open, figures.oldest_seconds) == ({}, 0)
    assert figures.ended == {"failed": 1, "published": 1}


async def test_a_database_that_does_not_answer_is_told_by_silence(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = ImportFigures(shop.database, shop.service, shop.clock)
    await figures.update()

    async def fail(_session: object) -> None:
        raise OSError

    with monkeypatch.context() as away:
        away.setattr(shop.service, "latest", fail)
        await figures.update()
        assert figures.open is None
    await shop.take(chairs(3))
    await figures.update()
    assert (figures.open, figures.rows["taken"], figures.ended) == ({}, 3, {"published": 1})
