"""What parsers let through and databases choke on, in each place where something can be put, one at a time."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from tests.api.good_requests import GOOD, Good, filled_body, send
from tests.api.stage import Stage
from tests.api.whole import StartWhole

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Poison:
    """What is put where."""

    in_json: list[Any]
    in_addresses: list[str]
    in_headers: list[bytes]
    bodies: list[bytes]


DATABASES_CHOKE = Poison(
    ["a\0b", "\ud800", 2**63, 10**400, math.inf, math.nan, None],
    ["a%00b", "%ED%A0%80", "%FF", str(2**63), "NaN"],
    [b"\xff\xfe"],
    [b"[" * 16_000, b'{"a": ' * 2500],
)
ALL = Poison(
    [
        *DATABASES_CHOKE.in_json,
        *("\0", "\U0001f4a9", "", "x" * 20_000, "\u202e", "1", "NaN"),
        *(2**31, -1, -(2**63) - 1, 0, 1e308, 5e-324, -0.0, -math.inf, True),
        *([], {}, {"\0": "\ud800"}, [[["\0"]]]),
    ],
    [
        *DATABASES_CHOKE.in_addresses,
        *("", "%00", "%20", "%F0%9F%92%A9", "%", "+", "x" * 5000, "..%2F..%2Fgaraza.db", "%2F", "null", "[]"),
        *(str(2**31), "9" * 400, "-1", "0", "1e400", "-0.0", "1_0", "%D9%A1"),
    ],
    [*DATABASES_CHOKE.in_headers, b"a" * 300, b"", b" ", b"\x01", b"9" * 400, b"bytes=9-1", b"\xc3\xa9", b'W/"x", *'],
    [
        *DATABASES_CHOKE.bodies,
        *(b"", b" ", b"nonsense", b"\xff", b"\xef\xbb\xbf{}", b"\0", b"9" * 5000, b"1e999", b"{}{}", b"{" * 16_000),
        '{"email": "\u00e9"}'.encode("utf-16"),
    ],
)
"""The last address is an Arabic 1, which is a digit for many parsers."""


@pytest.fixture
async def stage(start: StartWhole, fake_probe: None, request: pytest.FixtureRequest) -> Stage:
    accounts = {"guest_scans_per_day": -1, "guest_storage_bytes": -1}
    # A catalogue takes seconds.
    with_catalogue = request.node.callspec.params.get("feature", "furniture") == "furniture"
    furniture = {"enabled": with_catalogue, "sample": with_catalogue}
    whole = await start(accounts=accounts, jobs={"max_queued": 1_000_000}, furniture=furniture)
    if with_catalogue:
        await whole.catalogue()
    return Stage(whole)


def assert_answered(answer: httpx2.Response, what: object) -> None:
    assert answer.status_code < 500, (what, answer.text)
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json", what
        assert answer.request.method == "HEAD" or answer.json()["status"] == answer.status_code


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where each value is, the ones that hold others too."""
    if path:
        yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in parts:
        yield from leaves(inner, (*path, key))


def replaced(body: dict[str, Any], path: tuple[Any, ...], value: object) -> dict[str, Any]:
    new = copy.deepcopy(body)
    place: Any = new
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return new


async def test_good_requests_are_good(stage: Stage) -> None:
    for good in GOOD:
        answer = await send(stage, good)
        expected = {200, 201, 202, 204, 206} if good.status is None else {good.status}
        assert answer.status_code in expected, (good.name, answer.text)


async def test_everything_that_is_taken_is_in_them(start: StartWhole) -> None:
    """By the description: a new call, parameter or field has to be put into the table, and so is tried with poison."""
    whole = await start()
    missing = []
    for path, item in whole.app.openapi()["paths"].items():
        for method, operation in item.items():
            mine = [good for good in GOOD if good.name == f"{method.upper()} {path}"]
            given = {name.lower() for good in mine for part in (good.things, good.query, good.headers) for name in part}
            given |= {name for good in mine for part in (good.body, good.form) for name in part or {}}
            wanted = {parameter["name"].lower() for parameter in operation.get("parameters", [])}
            for content in operation.get("requestBody", {}).get("content", {}).values():
                wanted |= set(fields_of(content["schema"], whole.app.openapi()))
            missing += [(method, path, name) for name in wanted - given]
            if not mine:
                missing.append((method, path, "the call"))
    assert missing == []


def fields_of(schema: dict[str, Any], document: dict[str, Any]) -> Iterator[str]:
    if reference := schema.get("$ref"):
        schema = document["components"]["schemas"][reference.rsplit("/", 1)[-1]]
    for option in schema.get("anyOf", []):
        yield from fields_of(option, document)
    yield from schema.get("properties", {})


FEATURES = sorted({good.path.split("/")[2] for good in GOOD if good.path.startswith("/api")})


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("what", [DATABASES_CHOKE, pytest.param(ALL, marks=pytest.mark.slow)], ids=["some", "all"])
async def test_poison_is_answered(stage: Stage, feature: str, what: Poison) -> None:
    for good in GOOD:
        if good.path.startswith(f"/api/{feature}"):
            await poison(stage, good, what)


async def poison(stage: Stage, good: Good, what: Poison) -> None:
    if good.body is not None:
        await poison_body(stage, good, what)
    for name in good.form or {}:
        for value in what.in_json:
            assert_answered(await send(stage, good, form={name: value}), (good.name, name, value))
    for text in what.in_addresses:
        for name in good.things:
            assert_answered(await send(stage, good, path={name: text}), (good.name, name, text))
        for name in good.query:
            assert_answered(await send(stage, good, query={name: text}), (good.name, name, text))
    for name in (*good.headers, "Authorization", "X-Request-ID", "Content-Type"):
        for value in what.in_headers:
            assert_answered(await send(stage, good, headers={name: value}), (good.name, name, value))


async def poison_body(stage: Stage, good: Good, what: Poison) -> None:
    for path in leaves(good.body):
        for value in what.in_json:
            body = replaced(await filled_body(stage, good), path, value)
            assert_answered(await send(stage, good, body=body), (good.name, path, value))
    for raw in [*what.bodies, *(json.dumps(value).encode() for value in what.in_json)]:
        assert_answered(await send(stage, good, raw=raw), (good.name, raw[:40]))
