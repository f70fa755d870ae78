"""HTTP in and out of the catalogue."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import AfterValidator

from garaza.accounts.dependencies import GUESTS_TOO
from garaza.furniture.products import MAX_ASIN_LETTERS
from garaza.furniture.schemas import (
    BrandAnswer,
    CategoryAnswer,
    FiltersAnswer,
    FurnitureHealth,
    ProductAnswer,
    ProductsAnswer,
    SearchAnswer,
    SearchParameters,
    SearchRequest,
    SimilarAnswer,
    StatsAnswer,
    SuggestAnswer,
    Words,
)
from garaza.furniture.service import FurnitureService, too_many
from garaza.kit.text import one_line

MAX_ASINS = 100
MAX_BODY_BYTES = 1 << 16
_MAX_PAGE = 1000
PUBLIC = {"Cache-Control": "public, max-age=60"}
"""For a moment a proxy may answer: nothing depends on who asks."""
_MAX_NAME = 200

Asin = Annotated[str, Path(max_length=MAX_ASIN_LETTERS * 2), AfterValidator(one_line)]
Name = Annotated[str, Path(max_length=_MAX_NAME), AfterValidator(one_line)]
Limit = Annotated[int, Query(ge=1, le=100)]
Page = Annotated[int, Query(ge=1, le=_MAX_PAGE)]


def make_router(furniture: FurnitureService) -> APIRouter:
    """The routes of the catalogue, for everybody."""
    router = APIRouter(prefix="/api/furniture", tags=["furniture"], max_body_size=MAX_BODY_BYTES)

    @router.post("/search", summary="Find furniture", response_model=SearchAnswer, openapi_extra=GUESTS_TOO)
    async def search(wanted: SearchRequest) -> Response:
        """By what it is to be, in one's own words."""
        return Response(await furniture.search(wanted.query, wanted.asked()), media_type="application/json")

    @router.get("/search", summary="The same in an address", response_model=SearchAnswer, openapi_extra=GUESTS_TOO)
    async def search_again(wanted: Annotated[SearchParameters, Query()]) -> Response:
        """So that it can be kept, and sent to somebody."""
        return _public(await furniture.search(wanted.query, wanted.asked()))

    @router.get("/suggest", summary="How a text may go on", openapi_extra=GUESTS_TOO)
    async def suggest(
        response: Response,
        q: Annotated[Words, Query(max_length=100)],
        limit: Annotated[int, Query(ge=1, le=20)] = 8,
    ) -> SuggestAnswer:
        response.headers.update(PUBLIC)
        return furniture.suggest(q, limit)

    @router.get("/products", summary="Many products", openapi_extra=GUESTS_TOO)
    async def products(
        response: Response,
        asins: Annotated[Words, Query(max_length=(MAX_ASIN_LETTERS + 1) * MAX_ASINS)],
    ) -> ProductsAnswer:
        """`asins`: up to 100, with commas between."""
        wanted = asins.split(",")
        if len(wanted) > MAX_ASINS:
            raise too_many(MAX_ASINS)
        response.headers.update(PUBLIC)
        return await furniture.products(wanted)

    @router.get("/stats", summary="The catalogue in numbers", response_model=StatsAnswer, openapi_extra=GUESTS_TOO)
    async def stats() -> Response:
        return _public(await furniture.stats())

    @router.get("/filters", summary="Brands and countries", response_model=FiltersAnswer, openapi_extra=GUESTS_TOO)
    async def filters() -> Response:
        return _public(await furniture.filters())

    @router.get("/health", summary="Whether searches are answered", openapi_extra=GUESTS_TOO)
    async def health() -> FurnitureHealth:
        return furniture.health()

    _add_products(router, furniture)
    return router


def _add_products(router: APIRouter, furniture: FurnitureService) -> None:
    @router.get("/product/{asin}", summary="A product", response_model=ProductAnswer, openapi_extra=GUESTS_TOO)
    async def product(asin: Asin) -> Response:
        return _public(await furniture.product(asin))

    @router.get("/similar/{asin}", summary="More like it", response_model=SimilarAnswer, openapi_extra=GUESTS_TOO)
    async def similar(asin: Asin, limit: Limit = 8) -> Response:
        return _public(await furniture.similar(asin, limit))

    @router.get("/brand/{brand:path}", summary="Of a brand", response_model=BrandAnswer, openapi_extra=GUESTS_TOO)
    async def brand(brand: Name, limit: Limit = 20, page: Page = 1) -> Response:
        return _public(await furniture.brand(brand, limit, page))

    @router.get(
        "/category/{category:path}", summary="In a category", response_model=CategoryAnswer, openapi_extra=GUESTS_TOO
    )
    async def category(category: Name, limit: Limit = 20, page: Page = 1) -> Response:
        """Of this name, or whose name begins like this."""
        return _public(await furniture.category(category, limit, page))


def _public(body: bytes) -> Response:
    return Response(body, media_type="application/json", headers=PUBLIC)
