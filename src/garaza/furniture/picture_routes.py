"""Pictures of products: drawn here, or fetched from where the catalogue says that they are."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from garaza.accounts.dependencies import GUESTS_TOO
from garaza.errors import not_found
from garaza.furniture import sample
from garaza.furniture.drawings import draw
from garaza.furniture.drawings.guessing import look_of
from garaza.furniture.pictures import MEDIA_TYPE, Pictures
from garaza.furniture.products import MAX_LIST_ENTRIES
from garaza.furniture.routes import PUBLIC, Asin
from garaza.furniture.service import FurnitureService
from garaza.kit.files import IMMUTABLE

_NO_SCRIPTS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
"""Of a drawing that is opened by itself."""
_FETCHED = {"Cache-Control": "public, max-age=86400"}
"""The address stays, and what the catalogue has there may change."""
_BYTES = {"schema": {"type": "string", "contentMediaType": MEDIA_TYPE}}
_SVG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/svg+xml": {"schema": {"type": "string"}}}}}
_WEBP: dict[int | str, dict[str, Any]] = {200: {"content": {MEDIA_TYPE: _BYTES}}}


def make_picture_router(furniture: FurnitureService, pictures: Pictures | None) -> APIRouter:
    """`pictures`: None: what is elsewhere isn't fetched."""
    router = APIRouter(prefix="/api/furniture/pictures", tags=["furniture"])

    @router.get("/{asin}.svg", summary="A drawing", response_class=Response, responses=_SVG, openapi_extra=GUESTS_TOO)
    async def drawing(asin: Asin, v: Annotated[str, Query(max_length=100)] = "") -> Response:
        """Of what is known of a product. `v` changes with the drawing, so that it can be kept for good."""
        drawn = await asyncio.to_thread(sample.picture, asin.upper())
        if drawn is None:
            product = await furniture.find(asin)
            drawn = draw(look_of(product), product.title)
        kept = {"Cache-Control": IMMUTABLE} if v else PUBLIC
        return Response(drawn, media_type="image/svg+xml", headers={**kept, **_NO_SCRIPTS})

    @router.get(
        "/{asin}/{place}", summary="A picture", response_class=Response, responses=_WEBP, openapi_extra=GUESTS_TOO
    )
    async def picture(asin: Asin, place: Annotated[int, Path(ge=0, lt=MAX_LIST_ENTRIES)]) -> Response:
        """One of a product's `images`, counted from 0, made small. So nobody elsewhere learns who looks at what."""
        product = await furniture.find(asin)
        if pictures is None:
            raise not_found("picture")
        found = await pictures.picture(product, place)
        headers = {**_FETCHED, "ETag": f'"{found.tag}"'}
        return Response(found.content, media_type=MEDIA_TYPE, headers=headers)

    return router
