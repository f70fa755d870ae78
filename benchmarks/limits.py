"""What limits cost a request that meets none of them: rates, time and room, counted in memory and at a Valkey.

Before: an application without them, called as a server calls it (no sockets: they cost more than all of this, and
would hide it). After: the same with the middleware that the service has, on the calls and the tokens that it has. A
request with a token is one of a page that sends the same one again and again: the signature is verified once.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from benchmarks.report import Facts, Promise, Report, Row
from garaza.accounts.tokens import AccessTokens
from garaza.kit.ids import new_id
from garaza.limits.stack import Limits
from garaza.settings import Settings
from garaza.wiring import make_parts

_BUDGET_US = 60
_ROUNDS = 60
_PATH = "/api/rooms"
_MANY = {"general_per_minute": 10_000_000}

_App = Callable[..., Any]


class _Answer(BaseModel):
    rooms: list[str]


@dataclass(frozen=True, slots=True)
class _Keys:
    """A secret for tokens."""

    def signing(self) -> tuple[str, bytes]:
        return "benchmark", b"k" * 32

    def verifying(self, kid: str) -> bytes | None:
        return b"k" * 32 if kid == "benchmark" else None


def run(*, quick: bool, place: Path) -> Report:
    """See the module."""
    return asyncio.run(_run(2_000 if quick else 20_000, place))


async def _run(count: int, place: Path) -> Report:
    token = AccessTokens(_Keys(), time.time).issue(1, new_id(), 3600)
    headers = {
        "by address": [],
        "with a token": [(b"authorization", f"Bearer {token}".encode())],
    }
    plain = _application(place, None)
    apps = {
        "room": _application(place, {"shedding"}),
        "rates": _application(place, {"rate_limits"}),
        "time": _application(place, {"timeouts"}),
        "all": _application(place, {"shedding", "rate_limits", "timeouts"}),
    }
    rows: list[Row] = []
    facts: list[list[str]] = []
    costs: dict[str, float] = {}
    for name, given in headers.items():
        measured = await _compared({"plain": plain, **apps}, given, count)
        before = measured["plain"]
        rows.append(Row(f"a request {name}, in memory", before, measured["all"], "µs"))
        for part, after in measured.items():
            if part != "plain":
                costs[f"{part} {name}"] = after - before
                facts.append([f"{part}, {name}", f"{after - before:.1f}", f"{after / before:.2f}"])
    with _valkey(place) as url:
        if url is not None:
            shared = _application(place, {"shedding", "rate_limits", "timeouts"}, url)
            both = {"plain": plain, "all": shared}
            for what, clock in (("CPU", time.thread_time), ("with waiting", time.perf_counter)):
                measured = await _compared(both, headers["by address"], count // 4, clock)
                rows.append(Row(f"a request by address, at a Valkey, {what}", measured["plain"], measured["all"], "µs"))
                cost, ratio = measured["all"] - measured["plain"], measured["all"] / measured["plain"]
                facts.append([f"all, at a Valkey, {what}", f"{cost:.1f}", f"{ratio:.2f}"])
            await shared.state.close()
    dearest = max(costs["all by address"], costs["all with a token"])
    return Report(
        measured=f"{count:,} GETs of a small JSON document by FastAPI, one by one; the least of {_ROUNDS} rounds",
        rows=rows,
        promises=[
            Promise(f"in memory all limits together cost {_BUDGET_US} µs a request at most", dearest <= _BUDGET_US)
        ],
        facts=[Facts("What each part adds", ["", "µs a request", "times the request without"], facts)],
    )


def _application(place: Path, parts: set[str] | None, redis_url: str | None = None) -> FastAPI:
    """A small one, with these parts of the stack switched on."""
    wanted = parts or set()
    settings = Settings(
        data_dir=place / "data",
        redis={"url": redis_url},
        rate_limits={"enabled": "rate_limits" in wanted, **_MANY},
        timeouts={"enabled": "timeouts" in wanted},
        shedding={"enabled": "shedding" in wanted},
    )
    found = make_parts(settings)
    app = FastAPI()

    @app.get(_PATH)
    async def rooms() -> _Answer:
        return _Answer(rooms=["kitchen", "hall"])

    limits = Limits(found, AccessTokens(_Keys(), found.clock))
    limits.add_inner(app)
    limits.add_outer(app)
    app.state.close = found.shared_limits.close if found.shared_limits is not None else None
    return app


async def _compared(
    apps: dict[str, FastAPI],
    headers: list[tuple[bytes, bytes]],
    count: int,
    clock: Callable[[], float] = time.thread_time,
) -> dict[str, float]:
    """Microseconds of a request: of CPU, unless there is something to wait for.

    The least of many short rounds, in which each has its turn: whatever else the machine does only ever adds to it.
    """
    least = dict.fromkeys(apps, math.inf)
    each = max(20, count // _ROUNDS)
    for _ in range(_ROUNDS):
        for name, app in apps.items():
            least[name] = min(least[name], 1e6 * await _timed(app, headers, each, clock) / each)
    return least


async def _timed(app: _App, headers: list[tuple[bytes, bytes]], count: int, clock: Callable[[], float]) -> float:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    statuses: Counter[int] = Counter()

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses[message["status"]] += 1

    usual = [(b"host", b"localhost"), (b"accept", b"*/*"), (b"user-agent", b"benchmark"), (b"cookie", b"a=b"), *headers]
    began = clock()
    for _ in range(count):
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "path": _PATH,
            "raw_path": _PATH.encode(),
            "query_string": b"",
            "root_path": "",
            "scheme": "http",
            "headers": usual,
            "client": ("192.0.2.1", 50_000),
            "server": ("localhost", 80),
        }
        await app(scope, receive, send)
    seconds = clock() - began
    assert statuses == {200: count}, statuses
    return seconds


@contextmanager
def _valkey(place: Path) -> Iterator[str | None]:
    """One of our own; None where there is no wheel for this platform."""
    from tests.servers.valkey import Valkey, find_program  # noqa: PLC0415 - a package for development

    if find_program() is None:
        yield None
        return
    with Valkey(place / "valkey.log") as server:
        yield server.url
