"""A list of 50 KB in JSON, compressed for a browser: what it costs the server, and what is left of it.

Before: Starlette's `GZipMiddleware` as it comes, level 9. After: Garaza's middleware, which of what the browser likes
takes what is cheapest here, zstd. Both around the same answer in the same process, without a server and without
sockets: what is measured is the compression and the middleware, and nothing else. Answers that aren't compressed go
through it too: that is measured beside none.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.report import Facts, Promise, Report, Row

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_BROWSER = b"gzip, deflate, br, zstd"
_TIMES_CHEAPER = 8
_SIZES = {"2 KB": 2_000, "50 KB": 50_000, "1 MB": 1_000_000}
_PICTURE = b"RIFF" + bytes(4000)
_ROUNDS = 7
_MICROSECONDS = 1e6
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"


@dataclass(frozen=True, slots=True)
class _Cost:
    """Of one answer."""

    cpu_us: float
    body_bytes: int


def run(*, quick: bool, place: Path) -> Report:  # noqa: ARG001 - nothing is written
    """See the module."""
    return asyncio.run(_run(0.05 if quick else 0.4, quick=quick))


async def _run(seconds: float, *, quick: bool) -> Report:
    from starlette.middleware.gzip import GZipMiddleware  # noqa: PLC0415 - none of the other benchmarks has a use for it

    from garaza.kit.compression import Compression  # noqa: PLC0415

    sizes = {name: size for name, size in _SIZES.items() if not quick or size <= _SIZES["50 KB"]}
    table, costs = [], {}
    for name, size in sizes.items():
        answer = _answering(_document(size), b"application/json")
        ways: dict[str, tuple[ASGIApp, bytes]] = {"GZipMiddleware": (GZipMiddleware(answer), b"gzip")}
        ours = Compression(answer)
        ways |= {coding: (ours, coding.encode()) for coding in ("zstd", "br", "gzip")}
        found = costs[name] = await _costs(ways, seconds)
        table += [
            [
                name,
                way,
                f"{cost.cpu_us:,.0f}",
                f"{cost.body_bytes:,}",
                f"{size / cost.body_bytes:.2f}",
                f"{found['GZipMiddleware'].cpu_us / cost.cpu_us:.1f}",
            ]
            for way, cost in found.items()
        ]
    before, after, program = (costs["50 KB"][way] for way in ("GZipMiddleware", "zstd", "gzip"))
    alone = await _left_alone(seconds)
    return Report(
        measured="an answer of 50 KB of JSON to a browser, compressed in this process; the best of "
        f"{_ROUNDS} rounds of {seconds} s",
        rows=[
            Row("CPU of an answer", before.cpu_us, after.cpu_us, "µs"),
            Row("bytes of the answer", before.body_bytes, after.body_bytes, "bytes"),
            Row("CPU for a client with gzip alone", before.cpu_us, program.cpu_us, "µs"),
            Row("its bytes", before.body_bytes, program.body_bytes, "bytes"),
        ],
        promises=[
            Promise(
                f"an answer to a browser costs {_TIMES_CHEAPER} times less CPU",
                before.cpu_us >= _TIMES_CHEAPER * after.cpu_us,
            ),
            Promise(
                f"so does one to a client with gzip alone: {_TIMES_CHEAPER} times less",
                before.cpu_us >= _TIMES_CHEAPER * program.cpu_us,
            ),
            Promise("and a browser is sent at most a twentieth more", after.body_bytes <= 1.05 * before.body_bytes),
        ],
        facts=[
            Facts("By coding", ["JSON", "", "CPU µs", "bytes", "times smaller", "times less CPU"], table),
            Facts(
                "Answers that are left alone: what the middleware itself takes",
                ["answer", "without, µs", "with, µs", "its own, µs"],
                [
                    [name, f"{bare:.1f}", f"{wrapped:.1f}", f"{wrapped - bare:.1f}"]
                    for name, (bare, wrapped) in alone.items()
                ],
            ),
        ],
        notes=[
            "The list has ids and times in it, which are random and can't become smaller. Times are of this process, "
            "threads included.",
        ],
    )


async def _left_alone(seconds: float) -> dict[str, tuple[float, float]]:
    from garaza.kit.compression import Compression  # noqa: PLC0415

    answers = {
        "a picture": (_answering(_PICTURE, b"image/webp"), _BROWSER),
        "short JSON": (_answering(b'{"status": "ok"}', b"application/json"), _BROWSER),
        "JSON, nothing accepted": (_answering(_document(2_000), b"application/json"), b""),
    }
    found = {}
    for name, (app, accepted) in answers.items():
        ways: dict[str, tuple[ASGIApp, bytes]] = {"bare": (app, accepted), "wrapped": (Compression(app), accepted)}
        costs = await _costs(ways, seconds / 4)
        found[name] = (costs["bare"].cpu_us, costs["wrapped"].cpu_us)
    return found


async def _costs(ways: dict[str, tuple[ASGIApp, bytes]], seconds: float) -> dict[str, _Cost]:
    """In turns, so that a busy machine is busy for all of them; of each the best turn."""
    best: dict[str, _Cost] = {}
    for _ in range(_ROUNDS):
        for name, (app, accepted) in ways.items():
            cost = await _cost(app, accepted, seconds / _ROUNDS)
            if name not in best or cost.cpu_us < best[name].cpu_us:
                best[name] = cost
    return best


async def _cost(app: ASGIApp, accepted: bytes, seconds: float) -> _Cost:
    received = 0

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal received
        received += len(message.get("body", b""))

    # As many as a browser sends.
    others = [(b"host", b"garaza"), (b"user-agent", b"benchmark"), (b"accept", b"*/*"), (b"cookie", b"a=b")]
    count, began = 0, time.process_time()
    while not count or time.process_time() - began < seconds:
        # Between looks at the clock, several: it takes as long as what is measured.
        for _ in range(10):
            scope = {"type": "http", "method": "GET", "path": "/api/jobs", "headers": [*others]}
            scope["headers"].append((b"accept-encoding", accepted))
            await app(scope, receive, send)
            count += 1
    return _Cost(_MICROSECONDS * (time.process_time() - began) / count, received // count)


def _answering(body: bytes, kind: bytes) -> ASGIApp:
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body))]

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [*headers]})
        await send({"type": "http.response.body", "body": body})

    return app


def _document(size: int) -> bytes:
    """A list of scans, as `GET /api/jobs` gives it, of about so many bytes."""
    chance, rows, length = random.Random(7), [], 0
    while length < size:
        began = 1_764_000_000 + 1e6 * chance.random()
        row = {
            "job_id": "".join(chance.choices(_LETTERS, k=22)),
            "status": chance.choice(["completed", "failed", "processing"]),
            "phase": chance.choice(["completed", "failed", "running"]),
            "progress": {"stage": "depth", "progress": chance.randrange(100), "message": "Measuring how far it is"},
            "error": None,
            "failure": None,
            "attempts": chance.randrange(3),
            "queue_position": None,
            "filename": f"{chance.choice(['living room', 'kitchen', 'IMG'])} {chance.randrange(9999)}.mp4",
            "created_at": began,
            "started_at": began + chance.random(),
            "finished_at": began + 100 * chance.random(),
            "expires_at": None,
        }
        rows.append(row)
        length += len(json.dumps(row, separators=(",", ":"))) + 1
    return json.dumps(rows, separators=(",", ":")).encode()
