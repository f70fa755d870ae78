"""Every list, filtered in every way that its description in OpenAPI names, read by number and by cursor both ways."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import httpx2

from tests.database.service import Person, Service

_PAGING = {"page", "page_size", "limit", "cursor"}
_SHAPE = {"fields"}
"""What changes the answer, and no query."""
_WORDS = {"action": ["login", "password_change"]}
"""Values of filters that take any word: something common, and something rare."""
SIZES = (1, 100)


async def tour(service: Service, people: list[Person], admin: Person) -> None:
    for route, filters in lists_of(service):
        for who in [admin] if "/admin/" in route else people:
            for wanted in filters:
                await _read(service, route, who, wanted)


def lists_of(service: Service) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Each list that is read by pages, and what it can be filtered by."""
    for path, operations in service.app.openapi()["paths"].items():
        parameters = operations.get("get", {}).get("parameters", [])
        # What is a list of something else is read where that is.
        if "{" not in path and any(parameter["name"] == "cursor" for parameter in parameters):
            chosen = [_values(parameter) for parameter in parameters if parameter["name"] not in _PAGING | _SHAPE]
            yield f"GET {path}", [dict(filter(None, wanted)) for wanted in itertools.product(*chosen)]


def _values(parameter: dict[str, Any]) -> list[tuple[str, Any] | None]:
    """Nothing, and each value that a filter can have."""
    name, schema = parameter["name"], parameter["schema"]
    kinds = schema.get("anyOf", [schema])
    values = [value for kind in kinds for value in kind.get("enum", [])]
    if any("$ref" in kind for kind in kinds):
        values += {"plan": ["free", "pro", "enterprise"]}[name]
    if any(kind.get("type") == "boolean" for kind in kinds):
        values += ["true", "false"]
    return [None, *((name, value) for value in values or _WORDS[name])]


async def _read(service: Service, route: str, who: Person, wanted: dict[str, Any]) -> None:
    for size in SIZES:
        await service.call(route, who, params={**wanted, "page": 1, "page_size": size})
    await service.call(route, who, params={**wanted, "page": 100, "page_size": 100})
    first = await service.call(route, who, params={**wanted, "page_size": 20})
    after = _link(first, "next")
    if after is None:
        return
    second = await service.call(route, who, params=after)
    before = _link(second, "prev")
    assert before is not None, (route, wanted)
    await service.call(route, who, params=before)


def _link(answer: httpx2.Response, name: str) -> dict[str, str] | None:
    found = re.search(rf'<[^>]*\?([^>]*)>; rel="{name}"', answer.headers["link"])
    return dict(parse_qsl(found[1])) if found else None
