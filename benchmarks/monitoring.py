"""What watching requests costs: the same application without it, with each part of it, and with all.

Before: a Starlette application in an ASGI call of its own, with no middleware. After: the same behind what the service
puts around its routes for monitoring and for browsers. No network, no server: what is compared is CPU time, in rounds
taken in turns. Log lines are formatted and written to a file.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message

from benchmarks.report import Facts, Promise, Report, Row
from garaza.browsers import ANSWERED_WITH, ASKED_WITH, METHODS
from garaza.kit.access_log import AccessLog, access
from garaza.kit.asgi import AnswerHeaders
from garaza.kit.client_address import digest_of_host
from garaza.kit.database import Database, sqlite_url
from garaza.kit.logs import HumanFormatter, JsonFormatter
from garaza.kit.query_times import QueryTimes
from garaza.kit.security_headers import SecurityHeaders
from garaza.kit.slow_queries import SlowQueries
from garaza.kit.tracing import RequestSpans, trusting
from garaza.kit.traffic import Traffic
from garaza.kit.watching import Watching
from garaza.settings import DatabaseSettings
from garaza.wiring import pool_options

_BUDGET_US = 60.0
"""For all that is around the routes, of which this is a part."""
_ROUNDS = 7
_HEADERS = [
    (b"host", b"127.0.0.1:8000"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"),
    (b"accept", b"application/json"),
    (b"accept-encoding", b"gzip, deflate, br, zstd"),
    (b"authorization", b"Bearer " + b"x" * 300),
    (b"origin", b"https://app.example.org"),
]
_SCOPE = {
    "type": "http",
    "asgi": {"version": "3.0"},
    "http_version": "1.1",
    "method": "GET",
    "scheme": "http",
    "path": "/api/status/abc",
    "raw_path": b"/api/status/abc",
    "query_string": b"",
    "root_path": "",
    "headers": _HEADERS,
    "client": ("192.0.2.1", 50000),
    "server": ("127.0.0.1", 8000),
}

Make = Callable[[ASGIApp], ASGIApp]


def run(*, quick: bool, place: Path) -> Report:
    """See the module."""
    count = 500 if quick else 5000
    place.mkdir(exist_ok=True)
    handler = logging.FileHandler(place / "log")
    access.addHandler(handler)
    level, propagate = access.level, access.propagate
    access.setLevel(logging.INFO)
    access.propagate = False
    try:
        costs = asyncio.run(_costs(_ways(handler), count))
        statements = asyncio.run(_statements(place, count))
    finally:
        access.removeHandler(handler)
        access.setLevel(level)
        access.propagate = propagate
        handler.close()
    plain, whole = costs["nothing"], costs["all, JSON lines"]
    own = {name: cost - plain for name, cost in costs.items() if name != "nothing"}
    return Report(
        measured=f"{count} requests to one route, a fifth as many statements on SQLite; the best of {_ROUNDS} rounds",
        rows=[
            Row("CPU of a request", plain, whole, "µs"),
            Row("a statement", *statements, "µs"),
        ],
        promises=[
            Promise(f"all of it costs at most {_BUDGET_US:.0f} µs a request", own["all, JSON lines"] <= _BUDGET_US),
            Promise("counting a statement costs less than a twentieth of it", statements[1] < 1.05 * statements[0]),
        ],
        facts=[
            Facts(
                "What each part costs",
                ["", "µs a request", "times the plain one"],
                [[name, f"{cost:.1f}", f"{(plain + cost) / plain:.2f}"] for name, cost in own.items()],
            )
        ],
        notes=["The plain application answers 200 bytes and does nothing else: real routes do far more."],
    )


def _ways(handler: logging.Handler) -> dict[str, Make]:
    json_lines, human = JsonFormatter(), HumanFormatter()

    def name(host: str) -> str:
        return digest_of_host(host)[:16]

    def watching(formatter: logging.Formatter | None, **options: Any) -> Make:
        def make(app: ASGIApp) -> ASGIApp:
            if formatter is not None:
                handler.setFormatter(formatter)
            log = AccessLog(every=formatter is not None, name_client=name)
            return Watching(app, traffic=Traffic(), told=log, **options)

        return make

    def cors(app: ASGIApp) -> ASGIApp:
        from starlette.middleware.cors import CORSMiddleware  # noqa: PLC0415 - only here

        return CORSMiddleware(
            app,
            allow_origins=["https://app.example.org"],
            allow_methods=METHODS,
            allow_headers=ASKED_WITH,
            expose_headers=ANSWERED_WITH,
        )

    def whole(app: ASGIApp) -> ASGIApp:
        return AnswerHeaders(watching(json_lines)(SecurityHeaders(app)))

    return {
        "nothing": lambda app: app,
        "request id": AnswerHeaders,
        "security headers": SecurityHeaders,
        "CORS (Starlette's), where it is set": cors,
        "times and figures": watching(None),
        "times, figures, trace ids of trusted callers": watching(None, spans=RequestSpans(trusting("10.0.0.0/8"))),
        "times, figures, human lines": watching(human),
        "times, figures, JSON lines": watching(json_lines),
        "all, JSON lines": whole,
    }


async def _costs(ways: dict[str, Make], count: int) -> dict[str, float]:
    """Microseconds of CPU a request, by the way."""

    async def answer(_request: Request) -> Response:
        return Response(b"x" * 200, media_type="application/json")

    best: dict[str, float] = {}
    for _ in range(_ROUNDS):
        for name, make in ways.items():
            app = make(Starlette(routes=[Route("/api/status/{job_id}", answer)]))
            await _ask(app, count // 10)
            began = time.process_time()
            await _ask(app, count)
            best[name] = min(best.get(name, float("inf")), 1e6 * (time.process_time() - began) / count)
    return best


async def _ask(app: ASGIApp, count: int) -> None:
    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_message: Message) -> None:
        pass

    for _ in range(count):
        await app({**_SCOPE, "state": {}}, receive, send)


async def _statements(place: Path, count: int) -> tuple[float, float]:
    """Microseconds a statement, without being counted and with."""
    url = sqlite_url(place / "x.db")
    databases = [Database(url, pool_options(DatabaseSettings(), url)) for _ in range(2)]
    QueryTimes(databases[1].engine, [SlowQueries(databases[1], 10.0)])
    best = [float("inf")] * 2
    for _ in range(_ROUNDS):
        for number, database in enumerate(databases):
            async with database.read() as session:
                connection = await session.connection()
                began = time.perf_counter()
                for _ in range(count // 5):
                    await connection.execute(text("SELECT 1"))
                best[number] = min(best[number], 5e6 * (time.perf_counter() - began) / count)
    for database in databases:
        await database.close()
    return best[0], best[1]
