"""The tools work in applications that know nothing of Garaza: those in `examples`."""

from __future__ import annotations

import asyncio
import importlib.util
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType

import httpx2
import pytest
from fastapi import FastAPI

from garaza.kit.encoders import ZstdCompressor
from tests.conftest import ROOT

if ZstdCompressor.__module__.startswith("compression"):
    from compression import zstd
else:
    from backports import zstd

pytestmark = pytest.mark.anyio
EXAMPLES = [ROOT / "examples" / name for name in ("foreign_app.py", "foreign_files.py")]
SMALL, EXAMPLE = EXAMPLES


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def loaded(path: Path) -> ModuleType:
    """A new one each time: limits count in it."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def visiting(app: FastAPI) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=app, client=("203.0.113.9", 1234))
    return httpx2.AsyncClient(transport=transport, base_url="http://example.org")


@pytest.fixture
def example() -> ModuleType:
    return loaded(EXAMPLE)


@pytest.fixture
async def client(example: ModuleType) -> AsyncIterator[httpx2.AsyncClient]:
    async with visiting(example.app) as made:
        yield made


async def test_thirty_lines_are_enough() -> None:
    assert len(SMALL.read_text(encoding="utf-8").splitlines()) <= 30
    async with visiting(loaded(SMALL).app) as client:
        first = await client.get("/rows", headers={"Accept-Encoding": "zstd"})
        assert first.headers["content-encoding"] == "zstd"
        assert {"server-timing", "x-request-id", "etag", "ratelimit"} <= set(first.headers)
        asked = {"Accept-Encoding": "zstd", "If-None-Match": first.headers["etag"]}
        answers = [await client.get("/rows", headers=asked) for _ in range(5)]
    assert [(answer.status_code, len(answer.content) > 0) for answer in answers] == [(304, False)] * 4 + [(429, True)]
    assert answers[-1].headers["content-type"] == "application/problem+json"
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 12


async def test_answers_are_compressed_timed_numbered_and_safe(client: httpx2.AsyncClient) -> None:
    # Streamed, so that the bytes are those that were sent.
    headers = {"Accept-Encoding": "gzip, br, zstd", "X-Request-ID": "mine"}
    async with client.stream("GET", "/rows", headers=headers) as answer:
        body = b"".join([part async for part in answer.aiter_raw()])
    assert answer.headers["content-encoding"] == "zstd"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert len(body) == int(answer.headers["content-length"])
    assert zstd.decompress(body).startswith(b'[{"number":0,"square":0},')
    assert "total;dur=" in answer.headers["server-timing"]
    assert answer.headers["x-request-id"] == "mine"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["ratelimit-policy"] == '"reading";q=5;w=60'


async def test_what_the_client_has_isnt_sent_again(example: ModuleType, client: httpx2.AsyncClient) -> None:
    first = await client.get("/book", headers={"Accept-Encoding": "zstd"})
    assert first.content == EXAMPLE.read_bytes()
    assert first.headers["cache-control"] == "private, no-cache"
    again = await client.get("/book", headers={"Accept-Encoding": "zstd", "If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    part = await client.get("/book", headers={"Range": "bytes=0-9"})
    assert (part.status_code, part.content) == (206, EXAMPLE.read_bytes()[:10])
    kept = await client.get(example.ADDRESS)
    assert "immutable" in kept.headers["cache-control"]


async def test_nor_are_rows(client: httpx2.AsyncClient) -> None:
    first = await client.get("/rows")
    again = await client.get("/rows", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_too_much_is_refused_and_says_until_when(example: ModuleType, client: httpx2.AsyncClient) -> None:
    answers = [await client.get("/rows") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 12
    assert answers[-1].headers["ratelimit"].startswith('"reading";r=0;')
    # Refusals are watched and secured as all answers are.
    assert {"server-timing", "x-request-id", "x-content-type-options"} <= set(answers[-1].headers)
    assert example.COUNTED["reading"] == 1


async def test_work_that_takes_too_long_is_stopped(
    example: ModuleType, client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = False

    @example.app.get("/stuck")
    async def stuck() -> None:
        nonlocal stopped
        try:
            await asyncio.Event().wait()
        finally:
            stopped = True

    monkeypatch.setattr(example, "SECONDS", 0.01)
    answer = await client.get("/stuck")
    assert (answer.status_code, stopped, example.COUNTED["late"]) == (504, True, 1)


def test_they_load_nothing_of_garaza_but_its_tools() -> None:
    script = (
        f"import runpy, sys; [runpy.run_path(path) for path in {list(map(str, EXAMPLES))!r}]\n"
        "print(*(name for name in sys.modules if name.startswith('garaza.') and not name.startswith('garaza.kit')))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
