"""Pictures that are elsewhere, through the route: of products that the catalogue has, and only where that is wanted."""

from __future__ import annotations

import io
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI
from PIL import Image

from garaza.errors import add_handlers, not_found
from garaza.furniture.picture_routes import make_picture_router
from garaza.furniture.pictures import Pictures
from garaza.furniture.products import Product
from garaza.kit.safe_http import Answer

pytestmark = pytest.mark.anyio

URL = "https://shop.test/1.png"
CHAIR = Product(asin="CHAIR", title="A chair", images=(URL,))


class Catalogue:
    async def find(self, asin: str) -> Product:
        if asin.upper() != CHAIR.asin:
            raise not_found("product")
        return CHAIR


class Elsewhere:
    def __init__(self) -> None:
        self.asked: list[str] = []
        self.color = "teal"

    async def request(self, method: str, url: str, **_: object) -> Answer:
        self.asked.append(f"{method} {url}")
        written = io.BytesIO()
        Image.new("RGB", (60, 40), self.color).save(written, "PNG")
        return Answer(200, {"content-type": "image/png"}, written.getvalue(), complete=True)


def visitor(pictures: Pictures | None) -> httpx2.AsyncClient:
    app = FastAPI()
    add_handlers(app)
    app.include_router(make_picture_router(Catalogue(), pictures))
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://garaza.test")


async def test_one_is_fetched_once_and_shown_from_here(tmp_path: Path) -> None:
    elsewhere = Elsewhere()
    async with visitor(Pictures(tmp_path, elsewhere, 1 << 20)) as client:
        for asin in ("CHAIR", "chair"):
            answer = await client.get(f"/api/furniture/pictures/{asin}/0")
            assert (answer.status_code, answer.headers["content-type"]) == (200, "image/webp")
            assert answer.headers["etag"]
            assert Image.open(io.BytesIO(answer.content)).size == (60, 40)
        for path in ("CHAIR/1", "TABLE/0"):
            assert (await client.get(f"/api/furniture/pictures/{path}")).status_code == 404
    assert elsewhere.asked == [f"GET {URL}"]


@pytest.mark.parametrize("path", ["CHAIR/0", "CHAIR.svg"])
async def test_what_the_client_has_is_not_sent_again(tmp_path: Path, path: str) -> None:
    async with visitor(Pictures(tmp_path, Elsewhere(), 1 << 20)) as client:
        url = f"/api/furniture/pictures/{path}"
        sent, head = await client.get(url), await client.head(url)
        assert (head.status_code, head.content) == (200, b"")
        tag = sent.headers["etag"]
        for name in ("etag", "content-length", "content-type", "cache-control"):
            assert head.headers[name] == sent.headers[name]
        again = await client.get(url, headers={"If-None-Match": tag})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert again.headers["cache-control"] == sent.headers["cache-control"]
        assert (await client.get(url, headers={"If-None-Match": '"other"'})).content == sent.content


async def test_another_picture_at_the_same_address_has_another_tag(tmp_path: Path) -> None:
    tags = set()
    for color in ("teal", "plum"):
        elsewhere = Elsewhere()
        elsewhere.color = color
        async with visitor(Pictures(tmp_path / color, elsewhere, 1 << 20)) as client:
            tags.add((await client.get("/api/furniture/pictures/CHAIR/0")).headers["etag"])
    assert len(tags) == 2


async def test_what_has_no_drawing_of_its_own_is_drawn_by_its_name() -> None:
    async with visitor(None) as client:
        assert "A chair" in (await client.get("/api/furniture/pictures/CHAIR.svg")).text
        assert (await client.get("/api/furniture/pictures/TABLE.svg")).status_code == 404


async def test_nothing_is_fetched_where_that_is_off() -> None:
    async with visitor(None) as client:
        assert (await client.get("/api/furniture/pictures/CHAIR/0")).status_code == 404
