"""Pictures of products: drawn here, or fetched from where the catalogue says that they are."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from garaza.accounts.dependencies import GUESTS_TOO
from garaza.errors import not_found
from garaza.furniture import sample
from garaza.furniture.drawings import draw
from garaza.furniture.drawings.guessing import look_of
from garaza.furniture.pictures import MEDIA_TYPE, Pictures
from garaza.furniture.products import MAX_LIST_ENTRIES
from garaza.furniture.routes import PUBLIC, Asin
from garaza.furniture.service import FurnitureService
from garaza.kit.conditional import Validators, check_read
from garaza.kit.files import IMMUTABLE, not_modified

_NO_SCRIPTS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
"""Of a drawing that is opened by itself."""
_FETCHED = {"Cache-Control": "public, max-age=86400"}
"""The address stays, and what the catalogue has there may change."""
_BYTES = {"schema": {"type": "string", "contentMediaType": MEDIA_TYPE}}
_UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "What the client has is good"}}
_SVG = {200: {"content": {"image/svg+xml": {"schema": {"type": "string"}}}}, **_UNCHANGED}
_WEBP = {200: {"content": {MEDIA_TYPE: _BYTES}}, **_UNCHANGED}


def make_picture_router(furniture: FurnitureService, pictures: Pictures | None) -> APIRouter:
    """`pictures`: None: what is elsewhere isn't fetched."""
    router = APIRouter(prefix="/api/furniture/pictures", tags=["furniture"])

    @router.head("/{asin}.svg", include_in_schema=False)
    @router.get("/{asin}.svg", summary="A drawing", response_class=Response, responses=_SVG, openapi_extra=GUESTS_TOO)
    async def drawing(request: Request, asin: Asin, v: Annotated[str, Query(max_length=100)] = "") -> Response:
        """Of what is known of a product. `v` changes with the drawing, so that it can be kept for good."""
        drawn = await asyncio.to_thread(sample.picture, asin.upper())
        if drawn is None:
            product = await furniture.find(asin)
            drawn = draw(look_of(product), product.title)
        kept = {"Cache-Control": IMMUTABLE} if v else PUBLIC
        return _answer(request, drawn.encode(), "image/svg+xml", {**kept, **_NO_SCRIPTS})

    @router.head("/{asin}/{place}", include_in_schema=False)
    @router.get(
        "/{asin}/{place}", summary="A picture", response_class=Response, responses=_WEBP, openapi_extra=GUESTS_TOO
    )
    async def picture(request: Request, asin: Asin, place: Annotated[int, Path(ge=0, lt=MAX_LIST_ENTRIES)]) -> Response:
        """One of a product's `images`, counted from 0, made small. So nobody elsewhere learns who looks at what."""
        product = await furniture.find(asin)
        if pictures is None:
            raise not_found("picture")
        return _answer(request, await pictures.picture(product, place), MEDIA_TYPE, _FETCHED)

    return router


def _answer(request: Request, content: bytes, media_type: str, headers: dict[str, str]) -> Response:
    tag = f'"{sha256(content).hexdigest()}"'
    if check_read(request.headers, Validators((tag,))) is not None:
        return not_modified(tag, headers)
    return Response(content, media_type=media_type, headers={**headers, "ETag": tag})
