"""Searches from end to end, with a model and an index that are simple enough to be believed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from garaza.furniture.embedding.port import EncoderUnavailableError, Vectors
from garaza.furniture.filters import Filters, Span, payload_of
from garaza.furniture.search.asked import Asked, Sort
from garaza.furniture.search.engine import search, similar
from garaza.furniture.search.facets import PRICES
from garaza.furniture.search.found import FacetValue, Found
from garaza.furniture.search.narrowing import combined, joined, masks_of
from garaza.furniture.search.ranking import Boosts, boosted
from garaza.furniture.search.snapshot import Snapshot
from garaza.furniture.search.weights import WEIGHTS
from tests.furniture.search.conftest import Items
from tests.furniture.search.nearby import ExactIndex, IndexHere, WordEncoder, lets
from tests.furniture.search.shelves import BRANDS, COLORS, COUNTRIES, rows

pytestmark = pytest.mark.anyio

some = st.lists
FILTERS = st.builds(
    Filters,
    brands=some(st.sampled_from([brand.casefold() for brand in BRANDS]), max_size=2).map(tuple),
    categories=some(st.sampled_from(["bedroom", "tables", "furniture", "nothing"]), max_size=2).map(tuple),
    countries=some(st.sampled_from([one for one in COUNTRIES if one]), max_size=1).map(tuple),
    colors=some(st.sampled_from(COLORS), max_size=2).map(tuple),
    not_colors=some(st.sampled_from(COLORS), max_size=1).map(tuple),
    not_materials=some(st.sampled_from(["leather", "wood"]), max_size=1).map(tuple),
    not_brands=some(st.just("nordvik"), max_size=1).map(tuple),
    in_stock=st.sampled_from([None, None, True, False]),
    price=st.builds(Span, least=st.sampled_from([None, 100.0]), most=st.sampled_from([None, 900.0])),
    width_cm=st.builds(Span, least=st.sampled_from([None, 60.5]), most=st.sampled_from([None, 180.0])),
)


def products_of(found: Found, items: Items) -> list[str]:
    titles = {one: product.title for one, product in items}
    return [titles[hit.id] for hit in found.hits]


# Filters and facets ---------------------------------------------------------------------------------------------------


@given(FILTERS)
def test_filters_are_what_they_say(snapshot: Snapshot, items: Items, filters: Filters) -> None:
    mask = combined(snapshot, masks_of(snapshot, filters))
    assert mask.tolist() == [lets(filters, payload_of(product)) for _, product in items]


@given(FILTERS)
async def test_facets_are_counted_without_their_own_filter(snapshot: Snapshot, items: Items, filters: Filters) -> None:
    found = await search(snapshot, None, None, Asked(filters=filters))
    facets = {facet.name: {value.key: value.count for value in facet.values} for facet in found.facets}
    payloads = [payload_of(product) for _, product in items]
    assert found.total == sum(lets(filters, payload) for payload in payloads)
    for kind, field in (
        ("brands", "brand"),
        ("colors", "colors"),
        ("categories", "categories"),
        ("countries", "country"),
    ):
        free = dataclasses.replace(filters, **{kind: ()})
        counts: dict[str, int] = {key: 0 for key in getattr(filters, kind) if key != "nothing"}
        for payload in payloads:
            if lets(free, payload):
                own = payload.get(field, [])
                for key in [own] if isinstance(own, str) else own:
                    counts[key] = counts.get(key, 0) + 1
        assert facets.get(kind, {}) == counts
    free = dataclasses.replace(filters, price=Span())
    prices = [payload["price"] for payload in payloads if lets(free, payload) and "price" in payload]
    expected = [
        sum(low <= price < high for price in prices) for low, high in zip(PRICES, [*PRICES[1:], 1e9], strict=True)
    ]
    assert list(facets.get("price", {}).values()) == [count for count in expected if count]
    free = dataclasses.replace(filters, in_stock=None)
    states = [payload.get("in_stock") for payload in payloads if lets(free, payload)]
    assert facets.get("in_stock", {}).get("true", 0) == states.count(True)


async def test_a_range_of_prices_finds_as_many_as_its_facet_says(snapshot: Snapshot) -> None:
    facets = {facet.name: facet for facet in (await search(snapshot, None, None, Asked())).facets}
    for value in facets["price"].values:
        least, most = (float(bound) if bound else None for bound in value.key.split("-"))
        asked = Asked(filters=Filters(price=Span(least=least, most=most)))
        found = await search(snapshot, None, None, asked)
        assert found.total == value.count
        chosen = {facet.name: facet for facet in found.facets}["price"].values
        assert [one.key for one in chosen if one.chosen] == [value.key]


@pytest.mark.parametrize("text", ["settee", "black sofa", "lamp under 900", "a carpet, not black"])
@pytest.mark.parametrize("sort", ["relevance", "price_asc"])
async def test_a_filter_leaves_as_many_as_its_facet_says(
    snapshot: Snapshot, index: ExactIndex, encoder: WordEncoder, text: str, sort: Sort
) -> None:
    """Of what is near by its meaning, too: no filter may let others in."""
    asked = Asked(text=text, sort=sort)
    before = await search(snapshot, index, encoder, asked)
    chosen = [(facet, value) for facet in before.facets for value in facet.values[:5]]
    for facet, value in chosen:
        filters = _chosen(facet.name, value)
        found = await search(snapshot, index, encoder, dataclasses.replace(asked, filters=filters))
        assert found.relaxed == before.relaxed
        assert found.total == value.count <= before.total
        again = next(one for one in found.facets if one.name == facet.name)
        assert [(one.key, one.count) for one in again.values] == [(one.key, one.count) for one in facet.values]
    assert chosen


def _chosen(name: str, value: FacetValue) -> Filters:
    if name == "in_stock":
        return Filters(in_stock=value.key == "true")
    if name == "price":
        least, most = (float(bound) if bound else None for bound in value.key.split("-"))
        return Filters(price=Span(least=least, most=most))
    return Filters(**{name: (value.key,)})


async def test_where_nothing_would_be_left_the_nearest_that_fit_are_shown(
    snapshot: Snapshot, index: ExactIndex, encoder: WordEncoder, items: Items
) -> None:
    found = await search(snapshot, index, encoder, Asked(text="settee", filters=Filters(categories=("bedroom",))))
    assert found.total > 0
    bedroom = {one for one, product in items if lets(Filters(categories=("bedroom",)), payload_of(product))}
    assert {hit.id for hit in found.hits} <= bedroom


def test_what_was_chosen_by_hand_counts() -> None:
    given = Filters(brands=("a",), price=Span(most=100), not_colors=("red",))
    said = Filters(
        brands=("b",), countries=("IT",), price=Span(least=10, most=200), not_colors=("blue",), in_stock=True
    )
    assert joined(given, said) == Filters(
        brands=("a",), countries=("IT",), price=Span(least=10, most=100), not_colors=("red", "blue"), in_stock=True
    )


# Relevance ------------------------------------------------------------------------------------------------------------


async def test_what_was_meant_comes_first(
    snapshot: Snapshot, index: ExactIndex, encoder: WordEncoder, items: Items
) -> None:
    found = await search(snapshot, index, encoder, Asked(text="black leather sofa", limit=3))
    assert found.semantic
    for title in products_of(found, items)[:1]:
        assert {"Black", "Leather", "Sofa,"} <= set(title.split())


async def test_other_words_for_it_are_found_by_meaning_alone(
    snapshot: Snapshot, index: ExactIndex, encoder: WordEncoder, items: Items
) -> None:
    asked = Asked(text="settee", limit=5)
    assert all("Sofa" in title for title in products_of(await search(snapshot, index, encoder, asked), items))
    found = await search(snapshot, None, encoder, asked)
    assert not found.semantic
    assert found.total == 0


async def test_without_a_model_or_an_index_words_are_looked_at(
    snapshot: Snapshot, index: ExactIndex, encoder: WordEncoder, items: Items
) -> None:
    class Broken(WordEncoder):
        async def query(self, text: str) -> Vectors:
            raise EncoderUnavailableError("no memory")

    asked = Asked(text="walnut desk", limit=5)
    index.down = True
    for found in (
        await search(snapshot, None, None, asked),
        await search(snapshot, index, encoder, asked),
        await search(snapshot, index, Broken(), asked),
    ):
        assert not found.semantic
        assert all("Desk" in title for title in products_of(found, items)[:3])


QUESTIONS = [
    Asked(text="walnut desk", facets=True, limit=200),
    Asked(text="settee", facets=True, limit=200),
    Asked(text="velvet armchair below $300, not black", facets=True, limit=200, country="SE"),
    Asked(text="oak table", filters=Filters(brands=("nordvik",)), facets=True, sort="price_asc", limit=200),
    Asked(text="couch under 3 cm wide", facets=True, limit=200),
    Asked(text="couch", filters=Filters(categories=("nothing",)), facets=True),
    Asked(text="carpet", sort="title", limit=5),
]


@pytest.mark.parametrize("asked", QUESTIONS, ids=lambda asked: asked.text)
async def test_an_index_in_this_process_finds_the_same(
    snapshot: Snapshot, index: ExactIndex, encoder: WordEncoder, asked: Asked
) -> None:
    here = IndexHere()
    here.prepared, here.served = index.prepared, index.served
    found, waited = await search(snapshot, here, encoder, asked), await search(snapshot, index, encoder, asked)
    assert found.semantic
    assert dataclasses.replace(found, hits=()) == dataclasses.replace(waited, hits=())
    assert [hit.id for hit in found.hits] == [hit.id for hit in waited.hits]
    np.testing.assert_allclose([hit.score for hit in found.hits], [hit.score for hit in waited.hits], atol=1e-5)
    by_words = await search(snapshot, None, encoder, asked)
    index.down = True
    assert await search(snapshot, index, encoder, asked) == by_words
    for here.fails in ("at once", "meanwhile", "later"):
        here.down = True
        assert await search(snapshot, here, encoder, asked) == by_words


async def test_the_order_is_that_of_similarity(snapshot: Snapshot, index: ExactIndex, encoder: WordEncoder) -> None:
    asked = Asked(text="velvet armchair", limit=100, sponsor_boost=False)
    similarities = [hit.similarity for hit in (await search(snapshot, index, encoder, asked)).hits]
    assert similarities == sorted(similarities, reverse=True)
    assert all(0 <= similarity <= 1 for similarity in similarities)


@pytest.mark.parametrize("sort", ["relevance", "price_asc", "price_desc", "title"])
async def test_pages_are_disjoint_and_complete(
    snapshot: Snapshot, index: ExactIndex, encoder: WordEncoder, sort: Sort
) -> None:
    asked = Asked(text="black sofa", sort=sort, limit=7, country="IT")
    first = await search(snapshot, index, encoder, asked)
    pages = [
        await search(snapshot, index, encoder, dataclasses.replace(asked, offset=offset))
        for offset in range(0, first.total + 7, 7)
    ]
    ids = [hit.id for page in pages for hit in page.hits]
    assert len(ids) == len(set(ids)) == first.total
    everything = await search(snapshot, index, encoder, dataclasses.replace(asked, limit=100))
    assert [hit.id for hit in everything.hits] == ids[: len(everything.hits)]


async def test_sorted_by_price_and_title(snapshot: Snapshot, items: Items) -> None:
    known = dict(items)
    cheap = await search(snapshot, None, None, Asked(sort="price_asc", limit=100))
    prices = [known[hit.id].price_minor for hit in cheap.hits]
    assert prices == sorted(product.price_minor for _, product in items if product.price_minor is not None)[:100]
    titles = products_of(await search(snapshot, None, None, Asked(sort="title", limit=100)), items)
    assert titles == sorted(product.title for _, product in items)[:100]


@pytest.mark.parametrize(("offset", "limit"), [(-5, 3), (0, -1), (10**9, 10), (0, 10**9), (995, 20)])
async def test_pages_have_bounds(snapshot: Snapshot, offset: int, limit: int) -> None:
    found = await search(snapshot, None, None, Asked(offset=offset, limit=limit))
    assert len(found.hits) <= 100


@pytest.mark.parametrize(
    "text", ["x" * 5000, "sofa " * 1000, "\x00", "黒いソファ", "🛋️", "'" * 500, "not " * 300, "%$§"]
)
async def test_any_text_is_answered(snapshot: Snapshot, index: ExactIndex, encoder: WordEncoder, text: str) -> None:
    await search(snapshot, index, encoder, Asked(text=text, country="??"))


async def test_nothing_and_one_product(tmp_path: Path, encoder: WordEncoder) -> None:
    for count in (0, 1):
        snapshot = Snapshot.build(rows(count), tmp_path / str(count))
        for text in ("", "sofa under 3 cm wide", "zzz"):
            assert (await search(snapshot, None, encoder, Asked(text=text))).total <= count


# What is preferred, and what is to be absent --------------------------------------------------------------------------


async def test_a_colour_is_preferred_not_demanded(snapshot: Snapshot, items: Items) -> None:
    found = await search(snapshot, None, None, Asked(text="green dresser", limit=100))
    colors = {color for one, product in items if one in {hit.id for hit in found.hits} for color in product.colors}
    assert "Green" in products_of(found, items)[0]
    assert colors > {"green"}


async def test_what_has_what_it_is_to_be_without_sinks(tmp_path: Path) -> None:
    first, second, third = (product for _, product in rows(3))
    items = [
        (1, dataclasses.replace(first, title="Desk chair", about=("four wheels",), sponsor_tier="gold")),
        (2, dataclasses.replace(second, title="Desk chair", about=("firm", "strong"), sponsor_tier=None)),
        (3, dataclasses.replace(third, title="Desk chair", about=("without wheels",), sponsor_tier=None)),
    ]
    snapshot = Snapshot.build(items, tmp_path / "1")
    found = await search(snapshot, None, None, Asked(text="desk chair without wheels"))
    assert [hit.id for hit in found.hits] == [3, 2, 1]


# Boosts ---------------------------------------------------------------------------------------------------------------

SCORES = st.lists(st.floats(0, 1, width=32), min_size=2, max_size=2)
COUNTRY = st.sampled_from([1.0, WEIGHTS.same_region, WEIGHTS.same_country])


@given(SCORES, COUNTRY, COUNTRY, st.sampled_from(WEIGHTS.tiers))
def test_no_sponsor_comes_before_what_is_clearly_better(
    scores: list[float], country: float, other: float, tier: float
) -> None:
    factors = Boosts(np.array([country, other], np.float32), np.array([1, tier], np.float32))
    better, sponsored = boosted(np.array(scores, np.float32), factors, WEIGHTS).tolist()
    unsponsored = (np.array(scores, np.float32) * factors.country).tolist()
    if unsponsored[0] - unsponsored[1] > WEIGHTS.sponsor_gap + 1e-6:
        assert better > sponsored
    assert sponsored >= unsponsored[1]


async def test_boosts_are_named_and_can_be_turned_off(snapshot: Snapshot, items: Items) -> None:
    known = dict(items)
    asked = Asked(text="sofa", country="IT", limit=100)
    for hit in (await search(snapshot, None, None, asked)).hits:
        product = known[hit.id]
        near = {"IT": ("country",), "SE": ("region",)}.get(product.country or "", ())
        assert hit.boosts == (*near, *(("sponsor",) if product.sponsor_tier else ()))
        assert hit.sponsor_tier == product.sponsor_tier
    plain = dataclasses.replace(asked, country_boost=False, sponsor_boost=False)
    for hit in (await search(snapshot, None, None, plain)).hits:
        assert hit.boosts == ()
        assert hit.score == hit.similarity


# When nothing fulfils it ----------------------------------------------------------------------------------------------


async def test_a_bound_is_moved_to_the_nearest(snapshot: Snapshot, items: Items) -> None:
    found = await search(snapshot, None, None, Asked(text="sofa under 5 cm wide"))
    widths = sorted(p.width_cm for _, p in items if p.width_cm and p.categories[-1] == "Sofas")
    assert [(one.key, one.label) for one in found.relaxed] == [("width_cm", "up to 5 cm wide")]
    assert found.relaxed[0].instead == f"up to {widths[2]:g} cm wide"
    assert {dict(items)[hit.id].width_cm for hit in found.hits} == set(widths[:3])


async def test_only_what_is_in_the_way_is_given_up(snapshot: Snapshot, items: Items) -> None:
    found = await search(snapshot, None, None, Asked(text="sofa under 3 m wide under $1, not leather"))
    assert [one.key for one in found.relaxed] == ["price"]
    assert found.total
    assert all("leather" not in dict(items)[hit.id].materials for hit in found.hits)


async def test_what_holds_for_all_that_is_shown_is_not_called_given_up(snapshot: Snapshot, items: Items) -> None:
    """Neither alone helps; together they do, and of the nearest in width all are within the price, say."""
    text = "sofa under 5 cm wide under 5 cm deep under 5 cm high under $1"
    found = await search(snapshot, None, None, Asked(text=text))
    assert found.total
    assert found.relaxed
    assert all(one.instead != one.label for one in found.relaxed)
    shown = [dict(items)[hit.id] for hit in found.hits]
    kept = {one.field for one in found.understood.constraints}
    assert kept.isdisjoint(one.key for one in found.relaxed)
    for field, most in (("width_cm", 5), ("depth_cm", 5), ("height_cm", 5)):
        fulfilled = all((getattr(product, field) or 99) <= most for product in shown)
        assert fulfilled == (field in kept)


async def test_by_meaning_too(snapshot: Snapshot, index: ExactIndex, encoder: WordEncoder, items: Items) -> None:
    found = await search(snapshot, index, encoder, Asked(text="settee under 5 cm wide"))
    assert [one.key for one in found.relaxed] == ["width_cm"]
    assert "Sofa" in products_of(found, items)[0]


async def test_what_was_chosen_by_hand_is_not_given_up(snapshot: Snapshot) -> None:
    found = await search(snapshot, None, None, Asked(text="sofa", filters=Filters(price=Span(most=1))))
    assert (found.total, found.relaxed) == (0, ())


async def test_nothing_is_given_up_without_need(snapshot: Snapshot) -> None:
    found = await search(snapshot, None, None, Asked(text="sofa under 2 m wide not leather"))
    assert found.total
    assert found.relaxed == ()


# More like this -------------------------------------------------------------------------------------------------------


async def test_other_products_come_before_the_same_in_other_colours(
    snapshot: Snapshot, index: ExactIndex, encoder: WordEncoder, items: Items
) -> None:
    _, product = items[0]
    found = await similar(snapshot, index, encoder.documents([product.text])[0], 0, Asked(limit=100))
    families = [int(snapshot.families[snapshot.rows_of(np.array([hit.id]))[0]]) for hit in found.hits]
    own = int(snapshot.families[0])
    firsts = len(set(families) - {own})
    assert items[0][0] not in [hit.id for hit in found.hits]
    assert len(set(families[:firsts])) == firsts
    assert own not in families[:firsts]
