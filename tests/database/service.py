"""The whole application in this process, whose calls and queries are noted."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
from pydantic import SecretStr
from sqlalchemy import URL, func, select

from garaza.app import create_app
from garaza.jobs.claims import Claim
from garaza.jobs.models import JobEvent
from garaza.jobs.run_job import file_rows
from garaza.jobs.upkeep import JobUpkeep
from garaza.kit.ids import new_id
from garaza.reconstruction.result import Result
from garaza.services import make_services
from garaza.settings import (
    AccountSettings,
    CacheSettings,
    DatabaseSettings,
    FurnitureSettings,
    JobSettings,
    MonitoringSettings,
    RateLimitSettings,
    Settings,
    UploadSettings,
    WebhookSettings,
)
from garaza.wiring import make_parts
from tests.database.recorder import Recorder
from tests.database.seed import NOW, PASSWORD
from tests.disk_touches import DiskTouches
from tests.limits import GENEROUS

logging.getLogger("httpx2").setLevel(logging.WARNING)

ADDRESS = "http://garaza.test"


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True, slots=True)
class Call:
    """One that was answered, and what it asked the database."""

    route: str
    who: str
    parameters: Mapping[str, Any]
    statements: tuple[str, ...]
    touches: tuple[str, ...]
    """Of the disk, by the event loop's own thread."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who has signed in."""

    id: int
    name: str
    token: str

    @property
    def user_id(self) -> int:
        return self.id

    @property
    def is_admin(self) -> bool:
        return False


def settings_for(url: URL, data_dir: Path) -> Settings:
    """Limits are so high that nobody meets them."""
    server = url.get_backend_name() != "sqlite"
    return Settings(
        data_dir=data_dir,
        database=DatabaseSettings(url=SecretStr(url.render_as_string(hide_password=False)) if server else None),
        jobs=JobSettings(embedded_worker=False, max_queued=1_000_000),
        accounts=AccountSettings(guests=True, guest_scans_per_day=1000, guest_storage_bytes=-1),
        uploads=UploadSettings(min_free_bytes=0, max_unfinished=10_000),
        webhooks=WebhookSettings(allow_private_addresses=True),
        # Plans that it asks for by itself, of what is slow on a busy machine, are no queries of the tour.
        monitoring=MonitoringSettings(slow_query_seconds=0),
        rate_limits=RateLimitSettings(**GENEROUS),
        # What is served is put there by the tour, and no picture is elsewhere.
        furniture=FurnitureSettings(sample=False, embedded_imports=False, fetch_pictures=False),
        # What copies save is saved of this.
        cache=CacheSettings(enabled=False),
    )


@dataclass
class Service:
    """On a database that has all tables; in the folder `settings.data_dir` where it is a file."""

    settings: Settings
    template: Path
    """A result's folder."""
    clip: bytes
    clock: Clock = field(default_factory=Clock)
    calls: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.parts = make_parts(self.settings, self.clock)
        self.data, self.database, self.jobs = self.parts.data, self.parts.database, self.parts.jobs
        self.app = create_app(self.settings, self.parts)
        # What runs beside the routes; the application has another set of these, which is as good.
        self.services = make_services(self.parts)
        self.upkeep = JobUpkeep(self.clock, self.parts.webhooks.on_end)
        self.recorder = Recorder(self.database)
        self.client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=self.app), base_url=ADDRESS)

    async def close(self) -> None:
        await self.client.aclose()
        self.services.accounts.close()
        self.app.state.accounts.close()
        await self.app.state.live.stop()
        await self.app.state.furniture.stop()
        await self.database.close()

    # Calls -------------------------------------------------------------------------------------------------------

    async def call(
        self,
        route: str,
        who: Person | None = None,
        *,
        path: Mapping[str, Any] | None = None,
        status: int | None = None,
        **options: Any,
    ) -> httpx2.Response:
        """`route`: "GET /api/rooms/{room_id}", whose places are filled from `path`. It has to succeed, or end so."""
        method, template = route.split(" ")
        place = template.replace(":path}", "}").format(**{name: quote(str(v)) for name, v in (path or {}).items()})
        headers = {**({"Authorization": f"Bearer {who.token}"} if who else {}), **options.pop("headers", {})}
        with self._noted(route, who, options.get("params") or {}):
            answer = await self.client.request(method, place, headers=headers, **options)
        well = answer.is_success if status is None else answer.status_code == status
        assert well, (route, answer.status_code, answer.text)
        return answer

    async def sign_in(self, user_id: int, name: str) -> Person:
        """As an account of the seed."""
        body = {"email": f"user{user_id}@example.com", "password": PASSWORD}
        answer = await self.call("POST /api/auth/login", json=body)
        return Person(user_id, name, answer.json()["access_token"])

    async def register(self, name: str) -> Person:
        body = {"email": f"{name}@example.org", "username": name, "password": PASSWORD}
        answer = (await self.call("POST /api/auth/register", json=body)).json()
        return Person(answer["user"]["id"], name, answer["access_token"])

    async def follow(self, job_id: str, who: Person | None) -> list[dict[str, Any]]:
        """What the WebSocket of a scan says until it is closed."""
        return await self._socket("WS /ws/{job_id}", f"/ws/{job_id}", b"last_event_id=0", who, lambda _said: True)

    async def follow_all(self, who: Person) -> list[dict[str, Any]]:
        """What the WebSocket of all scans says first, and of what was missed."""
        last = await self._last_event_of(who)
        query = b"last_event_id=%d" % max(0, last - 100)

        def wants_more(said: list[dict[str, Any]]) -> bool:
            return json.loads(said[-1].get("text", "{}")).get("event_id") != last

        return await self._socket("WS /ws", "/ws", query, who, wants_more)

    async def _last_event_of(self, who: Person) -> int:
        async with self.database.read() as session:
            return await session.scalar(select(func.max(JobEvent.id)).where(JobEvent.user_id == who.id)) or 0

    async def _socket(
        self,
        route: str,
        path: str,
        query: bytes,
        who: Person | None,
        wants_more: Callable[[list[dict[str, Any]]], bool],
    ) -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []
        first = [{"type": "websocket.connect"}]
        enough = asyncio.Event()

        async def receive() -> dict[str, Any]:
            if first:
                return first.pop()
            await enough.wait()
            return {"type": "websocket.disconnect", "code": 1000}

        async def send(message: Any) -> None:
            sent.append(dict(message))
            if not wants_more(sent):
                enough.set()

        headers = [(b"authorization", f"Bearer {who.token}".encode())] if who else []
        scope = {
            "type": "websocket",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "scheme": "ws",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query,
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "server": ("garaza.test", 80),
            "subprotocols": [],
            "state": {},
        }
        with self._noted(route, who, {}):
            await self.app(scope, receive, send)
        return sent

    @contextmanager
    def _noted(self, route: str, who: Person | None, parameters: Mapping[str, Any]) -> Iterator[None]:
        self.recorder.who = who.name if who else "guest"
        before = len(self.recorder.statements)
        with DiskTouches() as touches:
            yield
        statements = tuple(self.recorder.statements[before:])
        self.calls.append(Call(route, self.recorder.who, parameters, statements, tuple(touches.seen)))

    # Scans without their work ------------------------------------------------------------------------------------

    async def uploaded(self, owner: Person | None = None, **about: Any) -> str:
        job_id = new_id()
        self.data.upload(job_id).write_bytes(b"a video")
        about = {
            "upload_bytes": 7,
            "user_id": owner.id if owner else None,
            "guest": None if owner else "0" * 64,
        } | about
        async with self.database.write() as session:
            await self.jobs.create(session, job_id, "room.mp4", {}, self.clock() + 3600, **about)
        return job_id

    async def queued(self, owner: Person | None = None, **about: Any) -> str:
        job_id = await self.uploaded(owner, **about)
        async with self.database.write() as session:
            await self.jobs.ask(session, job_id, {"quality": "draft"}, viewer=owner)
        return job_id

    async def running(self, owner: Person | None = None, **about: Any) -> Claim:
        job_id = await self.queued(owner, **about)
        async with self.database.write() as session:
            claim = await self.jobs.claim_job(session, "worker-of-tests", job_id)
        assert claim is not None
        return claim

    async def finished(self, owner: Person | None = None, **about: Any) -> str:
        claim = await self.running(owner, **about)
        folder = self.data.result(claim.job_id, str(claim.fence))
        shutil.copytree(self.template, folder)
        rows = file_rows(folder, Result.read(folder))
        async with self.database.write() as session:
            assert await self.jobs.complete(session, claim, str(claim.fence), rows)
        return claim.job_id
