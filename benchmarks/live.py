"""Being told live: what thousands who only listen take, and what it costs to tell them.

Before: a WebSocket of Starlette that echoes, on what uvicorn takes for WebSockets by itself; and clients that ask for
the state of a scan again and again. After: the WebSocket of a scan of `garaza serve`. Clients offer compression, as
browsers do.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.listeners import Crowd
from benchmarks.processes import Process, garaza_service, plain_service, until_idle
from benchmarks.report import Facts, Promise, Report, Row, percentile
from garaza.cli.descriptors import raise_limit
from garaza.jobs.claims import Claim
from garaza.jobs.claims import Report as Progress
from garaza.kit.ids import new_id
from garaza.settings import RedisSettings, Settings
from garaza.wiring import Parts, make_parts

if TYPE_CHECKING:
    from starlette.applications import Starlette

_MOST_BYTES = 35_000
_MANY = {"GARAZA_LIVE__MAX_SOCKETS": "100000", "GARAZA_LIVE__MAX_SOCKETS_PER_USER": "100000"}
_SETTLE_SECONDS = 2.0
_PAUSE_SECONDS = 0.05


def run(*, quick: bool, place: Path) -> Report:
    """See the module."""
    raise_limit()
    idle, listeners, events = (200, 50, 5) if quick else (5000, 1000, 20)
    echo_bytes, echo_us = _echo(place, idle)
    with _service(place / "memory", {}) as (process, parts):
        job_id = asyncio.run(_job(parts))
        idle_bytes, idle_us, beat_us = _idle(process, f"/ws/{job_id}", idle)
    with _service(place / "file", {}) as (process, parts):
        cost, latency = _tell(process, parts, listeners, events)
        poll = _poll(process, asyncio.run(_job(parts)), listeners)
    facts = [["SQLite", *_milliseconds(latency)]]
    for name, more in _stores(place):
        with _service(place / name, more) as (process, parts):
            facts.append([name, *_milliseconds(_tell(process, parts, min(listeners, 50), events)[1])])
    rows = [
        Row("memory of an idle WebSocket", echo_bytes / 1000, idle_bytes / 1000, "KB"),
        Row("CPU to open one", echo_us, idle_us, "µs"),
        Row(f"CPU to tell {listeners} clients of an event; before, they ask once", poll * 1e3, cost * 1e3, "ms"),
    ]
    promises = [Promise(f"an idle WebSocket takes {_MOST_BYTES // 1000} KB at most", idle_bytes <= _MOST_BYTES)]
    title = "From before the commit of an event until a client has it, ms"
    return Report(
        f"{idle} idle WebSockets; {events} events to {listeners} who listen",
        rows,
        promises,
        [Facts(title, ["told by", "median", "95 %"], facts)],
        [f"Pings to {idle} clients, each 20 s, and their answers: {beat_us:.0f} µs of CPU each."],
    )


def echo(_folder: Path) -> Starlette:
    """The plain service."""
    from starlette.applications import Starlette  # noqa: PLC0415 - for the child
    from starlette.routing import WebSocketRoute  # noqa: PLC0415
    from starlette.websockets import WebSocket  # noqa: PLC0415

    async def answer(socket: WebSocket) -> None:
        await socket.accept()
        async for text in socket.iter_text():
            await socket.send_text(text)

    return Starlette(routes=[WebSocketRoute("/", answer)])


def _echo(place: Path, count: int) -> tuple[float, float]:
    with plain_service("benchmarks.live:echo", place, place / "echo.log") as process:
        return _idle(process, "/", count)[:2]


def _idle(process: Process, path: str, count: int) -> tuple[float, float, float]:
    """Bytes of each, µs to open one, and µs of a ping."""
    until_idle(process)
    # What the first ones need, all need once.
    with Crowd(process.address, path, count // 10):
        time.sleep(_SETTLE_SECONDS)
    before, cpu = process.rss_bytes(), process.cpu_seconds()
    with Crowd(process.address, path, count) as crowd:
        opened = process.cpu_seconds()
        time.sleep(_SETTLE_SECONDS)
        size = (process.rss_bytes() - before) / count
        began = process.cpu_seconds()
        time.sleep(20 if count > 1000 else 0)
        beats = process.cpu_seconds() - began
        size = max(size, (process.rss_bytes() - before) / count)
        del crowd
    return size, (opened - cpu) / count * 1e6, beats / count * 1e6


@contextmanager
def _service(place: Path, more: dict[str, str]) -> Iterator[tuple[Process, Parts]]:
    place.mkdir()
    data = place / "data"
    redis = more.get("GARAZA_REDIS__URL")
    with garaza_service(data, place / "log", **_MANY, **more) as process:
        parts = make_parts(Settings(data_dir=data, redis=RedisSettings.model_validate({"url": redis})))
        yield process, parts


def _stores(place: Path) -> Iterator[tuple[str, dict[str, str]]]:
    from tests.servers.valkey import Valkey, find_program  # noqa: PLC0415 - only here

    if find_program() is not None:
        store = Valkey(place / "valkey.log")
        try:
            yield "SQLite and Valkey", {"GARAZA_REDIS__URL": store.url}
        finally:
            store.stop()


async def _job(parts: Parts) -> str:
    job_id = new_id()
    # Without it housekeeping would take it for a scan whose video was lost.
    parts.data.upload(job_id).touch()
    async with parts.database.write() as session:
        await parts.jobs.create(session, job_id, "room.mp4", {})
        await parts.jobs.ask(session, job_id, {})
    await parts.database.close()
    return job_id


def _tell(process: Process, parts: Parts, listeners: int, events: int) -> tuple[float, list[float]]:
    """CPU seconds of an event, and how long each client waited for each."""
    return asyncio.run(_told(process, parts, listeners, events))


async def _told(process: Process, parts: Parts, listeners: int, events: int) -> tuple[float, list[float]]:
    job_id = await _job(parts)
    claim = None
    while claim is None:
        # A clock that was set back meanwhile has it wait.
        async with parts.database.write() as session:
            claim = await parts.jobs.claim_job(session, "benchmark", job_id)
    waits: list[float] = []
    with Crowd(process.address, f"/ws/{job_id}", listeners) as crowd:
        await asyncio.to_thread(crowd.until, listeners)
        cpu = process.cpu_seconds()
        for number in range(events):
            await asyncio.sleep(_PAUSE_SECONDS)
            began = time.perf_counter()
            await _report(parts, claim, number)
            await asyncio.to_thread(crowd.until, listeners * (number + 2))
            waits += [at - began for at in crowd.heard[-listeners:]]
        spent = process.cpu_seconds() - cpu
    if parts.broadcaster is not None:
        await parts.broadcaster.close()
    await parts.database.close()
    return spent / events, waits


async def _report(parts: Parts, claim: Claim, number: int) -> None:
    progress = {"stage": "depth", "progress": number, "current_frame": 1, "total_frames": 2, "message": "Measuring"}
    async with parts.database.write() as session:
        assert await parts.jobs.renew(session, claim, Progress(progress))


def _poll(process: Process, job_id: str, count: int) -> float:
    """CPU seconds in which so many clients are told the state once."""
    connection = process.connect()
    before = process.cpu_seconds()
    for _ in range(count):
        connection.request("GET", f"/api/status/{job_id}")
        connection.getresponse().read()
    connection.close()
    return process.cpu_seconds() - before


def _milliseconds(waits: list[float]) -> list[str]:
    return [f"{1000 * percentile(waits, percent):.1f}" for percent in (50, 95)]
