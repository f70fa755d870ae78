"""Speaking tus to the service in this process."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from typing import Any

import httpx2

from tests.api.whole import VIDEO, Visitor

TUS = {"Tus-Resumable": "1.0.0"}
PART = {**TUS, "Content-Type": "application/offset+octet-stream"}


def told(**values: str) -> str:
    """As Upload-Metadata."""
    return ",".join(f"{key} {b64encode(value.encode()).decode()}" for key, value in values.items())


def checksum(part: bytes, algorithm: str = "sha256") -> dict[str, str]:
    digest = hashlib.new(algorithm, part).digest()
    return {"Upload-Checksum": f"{algorithm} {b64encode(digest).decode()}"}


async def create(visitor: Visitor, length: int = len(VIDEO), **headers: str) -> httpx2.Response:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return await visitor.post("/api/uploads", headers={**TUS, "Upload-Length": str(length), **given})


async def begin(visitor: Visitor, length: int = len(VIDEO), **headers: str) -> str:
    """Where it is."""
    answer = await create(visitor, length, **headers)
    assert answer.status_code == 201, answer.text
    return str(answer.headers["Location"])


async def send(visitor: Visitor, place: str, offset: int, part: Any, **headers: str) -> httpx2.Response:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    head = {**PART, "Upload-Offset": str(offset), **given}
    return await visitor.call("PATCH", place, content=part, headers=head)


async def look(visitor: Visitor, place: str) -> httpx2.Response:
    return await visitor.call("HEAD", place, headers=TUS)


async def offset(visitor: Visitor, place: str) -> int:
    answer = await look(visitor, place)
    assert answer.status_code == 200, answer.status_code
    return int(answer.headers["Upload-Offset"])
