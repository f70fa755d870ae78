"""A thousand clients at once, each with its own mix of requests, for a minute: what they get, and what is left.

Before: `garaza serve` with every part of the stack off that can be. After: as it is by default, with limits that a
thousand clients of one address don't meet. Clients ask as people and pages do, a second or so after the last answer,
which is more than two cores can answer: what is looked at is what a service does that has too much to do.
"""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.finished_scan import add_finished_scan, write_room
from benchmarks.processes import Process, garaza_service
from benchmarks.report import Facts, Promise, Report, Row, percentile
from benchmarks.visitors import Tally, Wish, visit
from garaza.app import prepare
from garaza.services import make_services
from garaza.settings import Settings
from garaza.wiring import make_parts

_OFF = {
    f"GARAZA_{part}__ENABLED": "false"
    for part in (
        "COMPRESSION",
        "RATE_LIMITS",
        "TIMEOUTS",
        "SHEDDING",
        "MONITORING",
        "SECURITY",
        "CORS",
        "CACHE",
        "CONDITIONAL",
    )
}
_PASSWORD = "correct horse battery"
_LONGEST_SECONDS = 10.0
_GROWTH_BYTES = 32 << 20
_SETTLED = 1 / 3
"""Of the time: by then everything has been used once, and memory should grow no more."""


@dataclass(frozen=True, slots=True)
class _Owner:
    number: int
    token: str
    job: str
    etag: str


@dataclass(slots=True)
class _Found:
    tally: Tally = field(default_factory=Tally)
    memory: list[int] = field(default_factory=list)
    """Resident bytes, each second."""
    cpu_seconds: float = 0


def run(*, quick: bool, place: Path) -> Report:
    """See the module."""
    visitors, seconds, owners = (50, 4, 2) if quick else (1000, 60, 20)
    place.mkdir(exist_ok=True)
    people = _people(place / "data", owners)
    wishes = [_wishes(people[number % owners]) for number in range(visitors)]
    plain = _crowded(lambda: garaza_service(place / "data", place / "log", **_OFF), wishes, seconds)
    own = _crowded(lambda: garaza_service(place / "data", place / "log"), wishes, seconds)
    return Report(
        measured=f"{visitors} clients for {seconds} s, of {owners} accounts with a scan each",
        rows=[
            Row("answered as asked", _good(plain) / seconds, _good(own) / seconds, "1/s", "more"),
            Row("until the last byte, p50", *_waits(plain, own, 50), "ms"),
            Row("until the last byte, p99", *_waits(plain, own, 99), "ms"),
            Row("bytes of an answer", *(found.tally.bytes / max(1, _all(found)) for found in (plain, own)), ""),
            Row("CPU of the server an answer", *(_cpu_ms(found) for found in (plain, own)), "ms"),
        ],
        promises=[
            Promise("no 5xx but 503 that say when to come back", not _wrong(own)),
            Promise(
                f"99 of 100 answers are there within {_LONGEST_SECONDS:.0f} s",
                percentile(own.tally.seconds, 99) <= _LONGEST_SECONDS,
            ),
            Promise(
                f"after a third of the time memory grows by at most {_GROWTH_BYTES >> 20} MiB",
                _growth(own) <= _GROWTH_BYTES,
            ),
        ],
        facts=[_answers(plain, own)],
        notes=[
            "Clients share the machine with the server: on two cores each has one of them.",
            f"Memory grew by {_growth(own) / 1e6:.1f} MB after the first third, to {max(own.memory) / 1e6:.0f} MB; "
            f"with everything off by {_growth(plain) / 1e6:.1f} MB, to {max(plain.memory) / 1e6:.0f} MB.",
            f"Turned away with 503 and a time to come back: {own.tally.count('busy')}; with everything off "
            f"{plain.tally.count('busy')}. Lost: {own.tally.count('lost')} and {plain.tally.count('lost')}.",
        ],
    )


# What they ask for ------------------------------------------------------------------------------------------------


def _people(data: Path, count: int) -> list[_Owner]:
    found = []
    write = functools.partial(write_room, frames=3, width=64, height=48, corners=30_000)
    for number, (user_id, token) in enumerate(asyncio.run(_register(data, count))):
        job = add_finished_scan(data, write, user_id)
        found.append(_Owner(number, token, job, ""))
    return found


async def _register(data: Path, count: int) -> list[tuple[int, str]]:
    parts = make_parts(Settings(data_dir=data))
    await asyncio.to_thread(prepare, parts)
    accounts = make_services(parts, None).accounts
    admissions = [
        await accounts.register(f"visitor{number}@example.com", f"visitor{number}", _PASSWORD)
        for number in range(count)
    ]
    found = [(admission.user.id, admission.access_token) for admission in admissions]
    accounts.close()
    await parts.database.close()
    return found


def _wishes(owner: _Owner) -> list[Wish]:
    job = owner.job
    model = f"/api/assets/{job}/model.glb"
    login = {"email": f"visitor{owner.number}@example.com", "password": _PASSWORD}
    return [
        Wish("status", 40, _get(f"/api/status/{job}", owner)),
        Wish("model, again", 25, _get(model, owner, **{"If-None-Match": "*"})),
        Wish("result", 8, _get(f"/api/result/{job}", owner)),
        Wish("scans", 8, _get("/api/jobs", owner)),
        Wish("page", 5, _get("/", None)),
        Wish("cameras", 5, _get(f"/api/assets/{job}/cameras.json", owner)),
        Wish("profile", 4, _get("/api/profile/stats", owner)),
        Wish("rooms", 3, _get("/api/rooms", owner)),
        Wish("me", 1.5, _get("/api/auth/me", owner)),
        Wish("sign in", 0.5, _post("/api/auth/login", json.dumps(login).encode())),
    ]


def _get(path: str, owner: _Owner | None, **headers: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "Accept-Encoding: gzip, deflate, br, zstd"]
    if owner is not None:
        lines.append(f"Authorization: Bearer {owner.token}")
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def _post(path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


# What they get ----------------------------------------------------------------------------------------------------


def _crowded(start: Callable[[], AbstractContextManager[Process]], wishes: list[list[Wish]], seconds: float) -> _Found:
    with start() as service:
        return asyncio.run(_visited(service, wishes, seconds))


async def _visited(service: Process, wishes: list[list[Wish]], seconds: float) -> _Found:
    found = _Found()

    async def watch() -> None:
        while True:
            found.memory.append(service.rss_bytes())
            await asyncio.sleep(1)

    before = service.cpu_seconds()
    watching = asyncio.create_task(watch())
    found.tally = await visit(int(service.address.rsplit(":", 1)[1]), wishes, seconds)
    watching.cancel()
    found.cpu_seconds = service.cpu_seconds() - before
    return found


def _all(found: _Found) -> int:
    return sum(found.tally.statuses.values())


def _good(found: _Found) -> int:
    return found.tally.count("200", "304")


def _wrong(found: _Found) -> dict[str, int]:
    good = ("200", "304", "busy")
    return {key: count for key, count in found.tally.statuses.items() if not key.endswith(good)}


def _waits(plain: _Found, own: _Found, percent: float) -> tuple[float, float]:
    return 1000 * percentile(plain.tally.seconds, percent), 1000 * percentile(own.tally.seconds, percent)


def _cpu_ms(found: _Found) -> float:
    return 1000 * found.cpu_seconds / max(1, _all(found))


def _growth(found: _Found) -> int:
    settled = found.memory[round(_SETTLED * len(found.memory)) :]
    return max(settled) - settled[0]


def _answers(plain: _Found, own: _Found) -> Facts:
    keys = sorted({*plain.tally.statuses, *own.tally.statuses})
    rows = [[key, f"{plain.tally.statuses.get(key, 0):,}", f"{own.tally.statuses.get(key, 0):,}"] for key in keys]
    return Facts("What they asked for, and the answer", ["", "all off", "default"], rows)
