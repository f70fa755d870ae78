"""What a read costs that the database would be asked for, and a copy in memory or at a Valkey answers.

Before: the same service with its cache turned off. After: the copy. Who signed in and how far a scan is, on both kinds
of databases: by themselves, and as requests to the application (no sockets). The processor time is this process's, its
threads included; what servers spend comes on top of the dearer ways.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from benchmarks.report import Facts, Promise, Report, Row
from garaza.accounts.service import AccountService
from garaza.app import create_app
from garaza.kit.ids import new_id
from garaza.scans.service import ScanService
from garaza.services import make_services
from garaza.settings import Settings
from garaza.wiring import Parts, make_parts

_ROUNDS = 15
_TIMES_CHEAPER = 10
_CROWD = 100

_Read = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class _Cost:
    """Microseconds of one, the least of all rounds."""

    cpu: float
    wall: float


@dataclass(frozen=True, slots=True)
class _Service:
    """One way to have it, with somebody who signed in and a scan of theirs."""

    parts: Parts
    app: FastAPI
    accounts: AccountService
    scans: ScanService
    token: str
    job_id: str

    async def who(self) -> object:
        return await self.accounts.identify_token(self.token)

    async def status(self) -> object:
        return await self.scans.status(self.job_id, await self.accounts.identify_token(self.token))

    async def request(self) -> object:
        statuses: list[int] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        path = f"/api/status/{self.job_id}"
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "scheme": "http",
            "headers": [(b"host", b"localhost"), (b"authorization", f"Bearer {self.token}".encode())],
            "client": ("192.0.2.1", 50_000),
            "server": ("localhost", 80),
        }
        await self.app(scope, receive, send)
        assert statuses == [200], statuses
        return statuses

    def forget(self) -> None:
        """What is in memory, so that the shared tier is asked."""
        assert self.parts.caching is not None
        memory = self.parts.caching.cache.memory
        for key in list(memory._entries):  # noqa: SLF001 - nobody else forgets without outdating
            memory.drop(key)


def run(*, quick: bool, place: Path) -> Report:
    """See the module."""
    return asyncio.run(_run(150 if quick else 900, place))


async def _run(count: int, place: Path) -> Report:
    rows: list[Row] = []
    facts: list[list[str]] = []
    cheaper: list[float] = []
    crowds: list[int] = []
    with _servers(place) as (postgres, valkey):
        for kind, url in (("SQLite", None), ("PostgreSQL", postgres)):
            if kind == "PostgreSQL" and (url is None or valkey is None):
                continue
            shared = None if kind == "SQLite" else valkey
            async with _service(place / kind, url, shared) as service, _off(service) as off:
                ways: dict[str, _Service] = {"database": off, "memory": service}
                reads: dict[str, Callable[[_Service], _Read]] = {
                    "who signed in": lambda one: one.who,
                    "who, and how far a scan is": lambda one: one.status,
                    "GET /api/status/{id}": lambda one: one.request,
                }
                for what, read in reads.items():
                    found = await _compared({name: read(one) for name, one in ways.items()}, count)
                    rows.append(Row(f"{kind}: {what}, CPU", found["database"].cpu, found["memory"].cpu, "µs"))
                    rows.append(Row(f"{kind}: {what}, wall", found["database"].wall, found["memory"].wall, "µs"))
                    if not what.startswith("GET"):
                        cheaper.append(found["database"].cpu / found["memory"].cpu)
                    if shared is not None:
                        found |= await _compared({"Valkey": _forgetting(service, read(service))}, count // 4)
                    facts += [[kind, what, name, f"{one.cpu:.0f}", f"{one.wall:.0f}"] for name, one in found.items()]
                crowds.append(await _crowd(service))
    return Report(
        measured=f"{count:,} reads, one by one; the least of {_ROUNDS} rounds",
        rows=rows,
        promises=[
            Promise(f"a copy in memory costs at most 1/{_TIMES_CHEAPER} of the CPU", min(cheaper) >= _TIMES_CHEAPER),
            Promise(f"{_CROWD} who ask at once for what nobody has kept find it out once", set(crowds) == {1}),
        ],
        facts=[Facts("From where", ["database", "what", "from", "CPU µs", "wall µs"], facts)],
        notes=["With what a copy can't save: verifying the token's signature and, in requests, everything around."],
    )


def _forgetting(service: _Service, read: _Read) -> _Read:
    async def forgetting() -> object:
        service.forget()
        return await read()

    return forgetting


async def _compared(reads: dict[str, _Read], count: int) -> dict[str, _Cost]:
    """The least of many short rounds, in which each has its turn: what else the machine does only ever adds to it."""
    cpu, wall = dict.fromkeys(reads, math.inf), dict.fromkeys(reads, math.inf)
    each = max(10, count // _ROUNDS)
    for _ in range(_ROUNDS):
        for name, read in reads.items():
            await read()
            cpu_began, began = time.process_time(), time.perf_counter()
            for _ in range(each):
                await read()
            cpu[name] = min(cpu[name], 1e6 * (time.process_time() - cpu_began) / each)
            wall[name] = min(wall[name], 1e6 * (time.perf_counter() - began) / each)
    return {name: _Cost(cpu[name], wall[name]) for name in reads}


async def _crowd(service: _Service) -> int:
    """How often it is found out who signed in, when many requests of theirs come at once."""
    assert service.parts.caching is not None
    cache = service.parts.caching.cache
    await cache.clear()
    # Until our own word has come back to us.
    await asyncio.sleep(0.1)
    before = cache.misses["identity"]
    await asyncio.gather(*(service.who() for _ in range(_CROWD)))
    return cache.misses["identity"] - before


@asynccontextmanager
async def _service(place: Path, database: str | None, redis: str | None) -> AsyncIterator[_Service]:
    settings = _settings(place, database, redis)
    parts = make_parts(settings)
    app = create_app(settings, parts)
    async with app.router.lifespan_context(app):
        services = make_services(parts)
        admission = await services.accounts.register(f"{new_id()}@example.org", new_id(), "correct horse")
        job_id = new_id()
        parts.data.upload(job_id).touch()
        async with parts.database.write() as session:
            await parts.jobs.create(session, job_id, "room.mp4", {}, user_id=admission.user.id)
        assert parts.caching is not None
        while not parts.caching.cache.is_told:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
        yield _Service(parts, app, services.accounts, services.scans, admission.access_token, job_id)
        services.accounts.close()


@asynccontextmanager
async def _off(other: _Service) -> AsyncIterator[_Service]:
    """The same without copies."""
    given = other.parts.settings
    settings = given.model_copy(update={"cache": given.cache.model_copy(update={"enabled": False})})
    parts = make_parts(settings)
    services = make_services(parts)
    yield _Service(parts, create_app(settings, parts), services.accounts, services.scans, other.token, other.job_id)
    services.accounts.close()
    await parts.database.close()


def _settings(place: Path, database: str | None, redis: str | None) -> Settings:
    return Settings(
        data_dir=place,
        database={"url": database},
        redis={"url": redis},
        cache={"account_seconds": 3600, "status_seconds": 3600},
        jobs={"embedded_worker": False},
        rate_limits={"polling_per_minute": 10_000_000, "general_per_minute": 10_000_000},
        logging={"access": False},
    )


@contextmanager
def _servers(place: Path) -> Iterator[tuple[str | None, str | None]]:
    """A PostgreSQL and a Valkey of our own; None where there is no wheel for this platform."""
    from tests.servers.postgres import Postgres, find_programs  # noqa: PLC0415 - a package for development
    from tests.servers.valkey import Valkey, find_program  # noqa: PLC0415

    if find_programs() is None or find_program() is None:
        yield None, None
        return
    with (
        Postgres(place / "postgres.log") as postgres,
        Valkey(place / "valkey.log") as valkey,
        postgres.database() as url,
    ):
        yield url, valkey.url
