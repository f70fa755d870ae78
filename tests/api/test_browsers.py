"""Pages of other origins: which of them may call the service, and what browsers are told of its answers."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from garaza.browsers import ASKED_WITH
from garaza.page.serve import policy
from garaza.settings import CorsSettings, SecuritySettings
from tests.api.whole import StartWhole, Whole

APP = "https://app.example.org"
OTHER = "https://evil.example.com"


def _preflight(origin: str, method: str = "PUT", headers: str = "authorization,content-type") -> dict[str, str]:
    return {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}


@pytest.mark.anyio
async def test_by_default_no_other_origin_may_read_anything(whole: Whole) -> None:
    guest = whole.guest()
    answer = await guest.get("/health", headers={"Origin": OTHER})
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    preflight = await guest.call("OPTIONS", "/api/profile/plan", headers=_preflight(OTHER))
    assert preflight.status_code == 405
    assert not [name for name in preflight.headers if name.startswith("access-control")]


@pytest.mark.anyio
async def test_an_origin_that_is_named_may_read_and_no_other(start: StartWhole) -> None:
    guest = (await start(cors={"origins": f"{APP}, http://localhost:5173"})).guest()
    told = (await guest.get("/api/status/x", headers={"Origin": APP})).headers
    assert told["access-control-allow-origin"] == APP
    assert "origin" in told["vary"].lower()
    assert "access-control-allow-credentials" not in told
    readable = {name.strip().lower() for name in told["access-control-expose-headers"].split(",")}
    assert {"etag", "link", "x-total-count", "retry-after", "x-request-id", "content-range", "accept-ranges"} < readable
    for origin in (OTHER, "null", "https://app.example.org.evil.example.com", "http://app.example.org", APP.upper()):
        refused = (await guest.get("/health", headers={"Origin": origin})).headers
        assert "access-control-allow-origin" not in refused
        assert "access-control-allow-credentials" not in refused
        assert "origin" in refused["vary"].lower()
    # What is kept between the two must not give one the other's answer.
    assert "origin" in (await guest.get("/health")).headers["vary"].lower()


@pytest.mark.anyio
async def test_pages_ask_first_and_remember_for_a_while(start: StartWhole) -> None:
    guest = (await start(cors={"origins": APP, "max_age_seconds": 1234})).guest()
    for method in ("GET", "PUT", "PATCH", "DELETE", "HEAD"):
        headers = _preflight(APP, method, ",".join(ASKED_WITH).lower())
        answer = await guest.call("OPTIONS", "/api/uploads/x", headers=headers)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == APP
        assert method in answer.headers["access-control-allow-methods"]
        assert answer.headers["access-control-max-age"] == "1234"
        assert "origin" in answer.headers["vary"].lower()
    unknown = await guest.call("OPTIONS", "/api/uploads/x", headers=_preflight(APP, headers="x-made-up"))
    assert unknown.status_code == 400
    refused = await guest.call("OPTIONS", "/api/uploads/x", headers=_preflight(OTHER))
    assert refused.status_code == 400
    assert "access-control-allow-origin" not in refused.headers


@pytest.mark.anyio
async def test_everybody_may_be_let_in_explicitly(start: StartWhole) -> None:
    guest = (await start(cors={"origins": "*"})).guest()
    told = (await guest.get("/health", headers={"Origin": OTHER})).headers
    assert told["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in told


@pytest.mark.anyio
async def test_errors_nobody_foresaw_can_be_read_too(start: StartWhole, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = await start(cors={"origins": APP})

    async def broken(*_arguments: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(whole.jobs, "queue_lengths", broken)
    monkeypatch.setattr(whole.app.state.accounts, "identify_token", broken)
    answer = await whole.guest().get("/api/auth/me", headers={"Origin": APP, "Authorization": "Bearer x"})
    assert answer.status_code == 500
    assert answer.headers["access-control-allow-origin"] == APP
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-request-id"]


@pytest.mark.anyio
async def test_credentials_are_for_origins_that_are_named(start: StartWhole) -> None:
    guest = (await start(cors={"origins": APP, "credentials": True})).guest()
    told = (await guest.get("/health", headers={"Origin": APP})).headers
    assert (told["access-control-allow-origin"], told["access-control-allow-credentials"]) == (APP, "true")
    refused = (await guest.get("/health", headers={"Origin": OTHER})).headers
    assert "access-control-allow-origin" not in refused
    with pytest.raises(ValidationError, match="everybody"):
        CorsSettings(origins="*", credentials=True)


@pytest.mark.anyio
async def test_pages_that_may_call_may_show_pictures_too(start: StartWhole) -> None:
    guest = (await start(cors={"origins": APP})).guest()
    assert (await guest.get("/health")).headers["cross-origin-resource-policy"] == "cross-origin"
    guest = (await start(cors={"origins": APP}, security={"resource_policy": "same-site"})).guest()
    assert (await guest.get("/health")).headers["cross-origin-resource-policy"] == "same-site"


@pytest.mark.anyio
async def test_each_can_be_turned_off(start: StartWhole) -> None:
    guest = (await start(cors={"origins": APP, "enabled": False}, security={"enabled": False})).guest()
    headers = (await guest.get("/health", headers={"Origin": APP})).headers
    assert not [name for name in headers if name.startswith("access-control")]
    assert "x-content-type-options" not in headers


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://App.Example.org/", ["https://app.example.org"]),
        (
            "https://a.org:443, http://b.org:80,http://c.org:8080",
            ["https://a.org", "http://b.org", "http://c.org:8080"],
        ),
        ("http://[2001:db8::1]:8000", ["http://[2001:db8::1]:8000"]),
        (" , ", []),
        ("*", ["*"]),
    ],
)
def test_origins_are_kept_as_browsers_write_them(given: str, kept: list[str]) -> None:
    assert CorsSettings(origins=given).allowed == kept


@pytest.mark.parametrize("given", ["example.org", "null", "https://a.org/path", "https://*.a.org", "*,https://a.org"])
def test_what_is_no_origin_is_refused(given: str) -> None:
    with pytest.raises(ValidationError):
        CorsSettings(origins=given)
    with pytest.raises(ValidationError):
        SecuritySettings(frame_ancestors=given)


def test_the_page_may_open_sockets_to_its_own_host_alone() -> None:
    assert "connect-src 'self' blob: data: ws://scans.example.org:8000 wss://scans.example.org:8000;" in policy(
        "scans.example.org:8000"
    )
    for made_up in ("a.org; script-src *", "a.org *", "", "a.org,b.org", "a.org\n"):
        assert "connect-src 'self' blob: data:; worker-src" in policy(made_up)


@pytest.mark.anyio
async def test_only_pages_that_are_named_may_frame_ours(start: StartWhole) -> None:
    page = await (await start()).guest().get("/")
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    framed = await (await start(security={"frame_ancestors": APP})).guest().get("/")
    assert f"frame-ancestors {APP}" in framed.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in (await (await start()).guest().get("/docs")).headers["content-security-policy"]
