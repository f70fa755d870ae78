"""Finding furniture, and looking at it. Answers are finished JSON: they are kept as they are sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from garaza.errors import GarazaError, not_found
from garaza.furniture.bodies import product_answer, product_body, results_of, search_answer
from garaza.furniture.kept import Answers, Body
from garaza.furniture.places import country_name
from garaza.furniture.products import MAX_ASIN_LETTERS, Product, key_of
from garaza.furniture.repository import CatalogueRepository
from garaza.furniture.runtime import Shelf, ShelfNotReadyError
from garaza.furniture.schemas import (
    BrandAnswer,
    CategoryAnswer,
    CountedBody,
    FiltersAnswer,
    FurnitureHealth,
    ProductsAnswer,
    ReembeddingBody,
    SimilarAnswer,
    StatsAnswer,
    SuggestAnswer,
    SuggestionBody,
)
from garaza.furniture.search.asked import Asked
from garaza.furniture.search.found import Found
from garaza.furniture.search.listing import counted, in_category, of_brand
from garaza.furniture.search.snapshot import Snapshot
from garaza.kit.answers import Answer
from garaza.kit.cache.cache import Cache
from garaza.kit.database import Database
from garaza.settings import FurnitureSettings

_MOST_BRANDS = 1000
_MOST_COUNTRIES = 300
"""All that there are."""


class FurnitureService:
    """See the module. It opens its own transactions, as most answers need none.

    Raises:
        ShelfNotReadyError: by each of its questions, while no version is served.
    """

    def __init__(self, settings: FurnitureSettings, database: Database, shelf: Shelf, cache: Cache | None) -> None:
        self._settings = settings
        self._database = database
        self._shelf = shelf
        shared = database.dialect != "sqlite"

        def answers(name: str, seconds: float) -> Answers:
            return Answers(cache, name, seconds, lambda: shelf.edition, shared=shared)

        self._searches = answers("furniture_search", settings.search_seconds)
        self._lookups = answers("furniture", settings.product_seconds)

    async def search(self, query: str, asked: Asked) -> bytes:
        """See `SearchAnswer`."""
        asked = replace(asked, country_boost=self._settings.country_boost, sponsor_boost=self._settings.sponsor_boost)

        async def make() -> Body:
            found = await self._shelf.search(asked)
            answer = search_answer(query, asked, found, await self._products(found))
            return Body(_json(answer), found.semantic)

        try:
            return await self._kept(self._searches, (query, asked), make)
        except ShelfNotReadyError:
            self._shelf.tally.searches["unavailable"] += 1
            raise

    async def similar(self, asin: str, limit: int) -> bytes:
        """See `SimilarAnswer`.

        Raises:
            GarazaError: 404.
        """
        asin = _asin(asin)

        async def make() -> Body | None:
            found = await self._shelf.similar(asin, Asked(limit=limit, facets=False, country_boost=False))
            if found is None:
                return None
            results = results_of(found, await self._products(found))
            return Body(_json(SimilarAnswer(asin=asin, results=results, count=len(results))), found.semantic)

        return await self._kept(self._searches, ("similar", asin, limit), make)

    def suggest(self, text: str, limit: int) -> SuggestAnswer:
        """How a text may go on."""
        found = self._shelf.suggest(text, limit)
        return SuggestAnswer(suggestions=[SuggestionBody(text=s.text, kind=s.kind, count=s.count) for s in found])

    async def product(self, asin: str) -> bytes:
        """See `ProductAnswer`.

        Raises:
            GarazaError: 404.
        """
        asin = _asin(asin)

        async def make() -> Body | None:
            found = (await self._by_asins([asin])).get(asin)
            return None if found is None else Body(_json(product_answer(found)))

        return await self._kept(self._lookups, ("product", asin), make)

    async def find(self, asin: str) -> Product:
        """As it is in the catalogue.

        Raises:
            GarazaError: 404.
        """
        asin = _asin(asin)
        found = (await self._by_asins([asin])).get(asin)
        if found is None:
            raise not_found("product")
        return found

    async def products(self, asins: list[str]) -> ProductsAnswer:
        """Those of many that there are, in one query."""
        wanted = list(dict.fromkeys(asin.strip().upper() for asin in asins))
        found = await self._by_asins(wanted)
        bodies = [product_body(found[asin]) for asin in wanted if asin in found]
        return ProductsAnswer(products=bodies, count=len(bodies))

    async def brand(self, name: str, limit: int, page: int) -> bytes:
        """See `BrandAnswer`. A brand that there isn't has no products."""
        key = key_of(name)

        async def make() -> Body:
            snapshot = self._shelf.snapshot
            total, found = await self._page(snapshot, of_brand(snapshot, key), limit, page)
            shown = found[0].brand if found else None
            bodies = [product_body(product) for product in found]
            answer = BrandAnswer(brand=shown or name, products=bodies, count=len(bodies), total=total, page=page)
            return Body(_json(answer))

        return await self._kept(self._lookups, ("brand", key, "" if name == key else name, limit, page), make)

    async def category(self, name: str, limit: int, page: int) -> bytes:
        """See `CategoryAnswer`: the category of this name, or those whose names begin with it."""
        key = key_of(name)

        async def make() -> Body:
            snapshot = self._shelf.snapshot
            total, found = await self._page(snapshot, in_category(snapshot, key), limit, page)
            bodies = [product_body(product) for product in found]
            answer = CategoryAnswer(category=name, products=bodies, count=len(bodies), total=total, page=page)
            return Body(_json(answer))

        return await self._kept(self._lookups, ("category", name, limit, page), make)

    async def stats(self) -> bytes:
        """See `StatsAnswer`."""

        async def make() -> Body:
            snapshot = self._shelf.snapshot
            answer = StatsAnswer(
                total_products=len(snapshot),
                unique_brands=len(snapshot.labels["brands"].keys),
                unique_categories=len(snapshot.labels["categories"].keys),
                products_with_price=int(np.count_nonzero(~np.isnan(snapshot.prices))),
                products_in_stock=int(np.count_nonzero(snapshot.in_stock == 1)),
            )
            return Body(_json(answer))

        return await self._kept(self._lookups, "stats", make)

    async def filters(self) -> bytes:
        """See `FiltersAnswer`."""

        async def make() -> Body:
            labels = self._shelf.snapshot.labels
            brands, countries = counted(labels["brands"], _MOST_BRANDS), counted(labels["countries"], _MOST_COUNTRIES)
            answer = FiltersAnswer(
                brands=[CountedBody(name=one.name, count=one.count, key=one.key) for one in brands],
                countries=[CountedBody(name=country_name(one.key), count=one.count, key=one.key) for one in countries],
            )
            return Body(_json(answer))

        return await self._kept(self._lookups, "filters", make)

    def health(self) -> FurnitureHealth:
        """At this moment."""
        state = self._shelf.state
        moving = state.reembedding
        return FurnitureHealth(
            status="ok" if state.state == "ready" else state.state,
            initialized=state.state == "ready",
            semantic=state.semantic,
            catalogue_version=state.version,
            products=state.products,
            reembedding=None if moving is None else ReembeddingBody(done=moving.done, of=moving.of),
        )

    # ----------------------------------------------------------------------------------------------------------------

    def _version(self) -> int:
        return self._shelf.snapshot.version

    async def _kept(self, answers: Answers, question: object, make: Callable[[], Awaitable[Body | None]]) -> bytes:
        self._version()
        body = await answers.get(question, make)
        if body is None:
            raise not_found("product")
        return body.content

    async def _products(self, found: Found) -> dict[int, Product]:
        return await self._by_ids(found.version, [hit.id for hit in found.hits])

    async def _page(
        self, snapshot: Snapshot, ids: NDArray[np.int64], limit: int, page: int
    ) -> tuple[int, list[Product]]:
        """How many there are, and those of one page, in their order."""
        shown = ids[(page - 1) * limit :][:limit].tolist()
        products = await self._by_ids(snapshot.version, shown)
        return len(ids), [products[one] for one in shown if one in products]

    async def _by_ids(self, version: int, ids: list[int]) -> dict[int, Product]:
        if not ids:
            return {}
        async with self._database.read() as session:
            return await CatalogueRepository(session).by_ids(version, ids)

    async def _by_asins(self, asins: list[str]) -> dict[str, Product]:
        version = self._version()
        async with self._database.read() as session:
            found = await CatalogueRepository(session).by_asins(version, asins)
        return {asin: product for asin, (_, product) in found.items()}


def _asin(text: str) -> str:
    asin = text.strip().upper()
    if not asin.isascii() or not asin.isprintable() or len(asin) > MAX_ASIN_LETTERS:
        raise not_found("product")
    return asin


def _json(answer: Answer) -> bytes:
    return answer.model_dump_json().encode()


def too_many(most: int) -> GarazaError:
    """More than one call gives."""
    return GarazaError(422, "too_many_asins", f"Ask for {most} products at most at a time.")
