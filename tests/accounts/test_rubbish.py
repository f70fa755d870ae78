"""Whatever is sent to the routes of accounts, it is answered, and never with 500."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.accounts.house import House, Visitor

pytestmark = pytest.mark.anyio

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

# Any code points, halves of characters too: JSON can say them.
texts = st.text(st.characters(codec=None), max_size=80) | st.sampled_from(
    ["", "\0", "\ud800", "anna@example.com", "correct horse", "x" * 1025, "\u202eanna", "\ufdfa" * 20]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
FIELDS = [
    "email",
    "username",
    "password",
    "current_password",
    "new_password",
    "refresh_token",
    "plan",
    "user_id",
    "action",
    "description",
    "metadata",
    "storage_bytes",
    "format",
]
bodies = st.dictionaries(st.sampled_from(FIELDS) | texts, values, max_size=6) | values
CALLS = [
    ("POST", "/api/auth/register"),
    ("POST", "/api/auth/login"),
    ("POST", "/api/auth/login/form"),
    ("POST", "/api/auth/refresh"),
    ("PUT", "/api/auth/password"),
    ("PUT", "/api/profile/plan"),
    ("POST", "/api/profile/activity"),
    ("POST", "/api/profile/increment-scan"),
    ("POST", "/api/profile/log-export"),
]
many = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


async def somebody(house: House) -> Visitor:
    """Somebody who is signed in, be it that rubbish happened to change the password of whoever was before."""
    known = house.visitors
    if not known or not await known[-1].may_enter():
        known.append(await house.register(f"anna{len(known)}"))
    return known[-1]


def fine(answer: httpx2.Response) -> None:
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"]


@many
@given(call=st.sampled_from(CALLS), body=bodies)
async def test_any_json(house: House, call: tuple[str, str], body: Any) -> None:
    anna = await somebody(house)
    content = json.dumps(body).encode()
    fine(await anna.ask(*call, content=content, headers_more={"Content-Type": JSON}))


@many
@given(metadata=st.dictionaries(texts, values, max_size=3), description=texts)
async def test_any_note(house: House, metadata: Any, description: str) -> None:
    anna = await somebody(house)
    content = json.dumps({"action": "x", "description": description, "metadata": metadata}).encode()
    answer = await anna.ask("POST", "/api/profile/activity", content=content, headers_more={"Content-Type": JSON})
    fine(answer)
    # What was taken can be read.
    fine(await anna.get("/api/profile"))


@many
@given(
    call=st.sampled_from(CALLS),
    body=st.binary(max_size=300),
    kind=st.sampled_from([JSON, FORM, "multipart/form-data; boundary=x", "text/plain", "", "application/json; x=\xff"]),
)
async def test_any_bytes(house: House, call: tuple[str, str], body: bytes, kind: str) -> None:
    anna = await somebody(house)
    fine(await anna.ask(*call, content=body, headers_more={"Content-Type": kind.encode("latin-1")}))


@many
@given(form=st.dictionaries(st.sampled_from(["username", "password", "grant_type"]), texts, max_size=3))
async def test_any_form(house: House, form: dict[str, str]) -> None:
    encoded = {name: value.encode("utf-8", "surrogatepass") for name, value in form.items()}
    fine(await house.client.post("/api/auth/login/form", data=encoded))


@many
@given(
    query=st.dictionaries(
        st.sampled_from(["page", "page_size", "limit", "cursor", "action", "storage_bytes", "format"]),
        st.integers().map(str) | st.text(max_size=30),
        max_size=4,
    ),
    path=st.sampled_from(["/api/profile/activities", "/api/profile/increment-scan", "/api/profile/log-export"]),
)
async def test_any_query(house: House, query: dict[str, str], path: str) -> None:
    anna = await somebody(house)
    fine(await anna.ask("GET" if path.endswith("activities") else "POST", path, params=query))


@many
@given(value=st.binary(max_size=200).filter(lambda raw: not {0, 10, 13} & set(raw)))
async def test_any_authorization(house: House, value: bytes) -> None:
    for header in (value, b"Bearer " + value, b"Bearer a." + value + b".c"):
        answer = await house.client.get("/api/auth/me", headers={"Authorization": header})
        fine(answer)
        assert answer.status_code == 401


@pytest.mark.parametrize("depth", [100, 900, 1100, 5000, 30_000])
@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"a":', "}")])
async def test_any_depth(house: House, depth: int, opened: str, closed: str) -> None:
    anna = await somebody(house)
    inner = opened * (depth // len(opened)) + "1" + closed * (depth // len(opened))
    for body in (inner, f'{{"action": "x", "metadata": {{"a": {inner}}}}}'):
        answer = await anna.ask(
            "POST", "/api/profile/activity", content=body.encode(), headers_more={"Content-Type": JSON}
        )
        fine(answer)
        assert answer.status_code in {400, 413, 422}


async def test_too_much_is_refused_before_it_is_read(house: House) -> None:
    anna = await somebody(house)
    for method, path in CALLS:
        answer = await anna.ask(method, path, content=b"x" * 70_000, headers_more={"Content-Type": JSON})
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large"), path


async def test_a_form_has_bounds(house: House) -> None:
    many_fields = "&".join(f"field{number}=1" for number in range(11))
    answer = await house.client.post("/api/auth/login/form", content=many_fields, headers={"Content-Type": FORM})
    assert answer.status_code == 400
    answer = await house.client.post("/api/auth/login/form", files={"username": b"anna", "password": b"x"})
    assert answer.status_code == 400
