"""What browsers are told, and when."""

from __future__ import annotations

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import Response

from garaza.kit.security_headers import NO_PAGE, SecurityHeaders

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def _answer(
    address: str = "http://scans.example.org", headers: dict[str, str] | None = None, **options: object
) -> httpx2.Headers:
    async def app(scope: object, receive: object, send: object) -> None:
        await Response("x", headers=headers)(Request(scope).scope, receive, send)

    transport = httpx2.ASGITransport(app=SecurityHeaders(app, **options))
    async with httpx2.AsyncClient(transport=transport, base_url=address) as client:
        return (await client.get("/")).headers


async def test_an_answer_that_says_nothing_is_data_for_its_own_origin() -> None:
    headers = await _answer()
    assert headers["content-security-policy"] == NO_PAGE
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]


async def test_what_an_answer_says_itself_wins() -> None:
    headers = await _answer(headers={"Content-Security-Policy": "sandbox", "Referrer-Policy": "origin"})
    assert headers.get_list("content-security-policy") == ["sandbox"]
    assert headers.get_list("referrer-policy") == ["origin"]


async def test_https_is_asked_for_only_by_https_and_only_where_it_was_set() -> None:
    year = {"hsts_seconds": 31536000}
    assert "strict-transport-security" not in await _answer(**year)
    assert "strict-transport-security" not in await _answer("https://scans.example.org")
    told = await _answer("https://scans.example.org", **year)
    assert told["strict-transport-security"] == "max-age=31536000"
    told = await _answer("https://scans.example.org", **year, hsts_subdomains=True)
    assert told["strict-transport-security"] == "max-age=31536000; includeSubDomains"


async def test_other_programs_on_this_machine_are_not_forced_to_https() -> None:
    assert "strict-transport-security" not in await _answer("https://localhost:8443", hsts_seconds=60)
    assert "strict-transport-security" in await _answer("https://localhost.example.org", hsts_seconds=60)


async def test_windows_are_parted_where_browsers_heed_it() -> None:
    assert "cross-origin-opener-policy" not in await _answer()
    assert (await _answer("https://scans.example.org"))["cross-origin-opener-policy"] == "same-origin"
