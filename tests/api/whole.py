"""The whole service in this process, as `create_app` puts it together, with people and scans in it.

Exchanged are the cost of hashing, as tests make many accounts; whoever delivers webhooks, as made-up addresses may
belong to somebody; and, where a test wants it, the clock. No worker runs: tests finish scans themselves.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import httpx2
from sqlalchemy import URL, update

from garaza.accounts.models import User
from garaza.app import create_app
from garaza.jobs.run_job import file_rows
from garaza.kit.clock import Clock, system_clock
from garaza.kit.ids import new_id
from garaza.reconstruction.failures import NotAVideo
from garaza.reconstruction.result import Result
from garaza.settings import Settings
from garaza.uploads.probe import Prober
from garaza.webhooks.deliverer import Deliverer
from garaza.wiring import make_parts
from tests.accounts.house import PASSWORD, CountingHasher
from tests.limits import GENEROUS
from tests.service.harness import PATIENCE_SECONDS

VIDEO = b"a video" * 100
SOURCE = {
    "kind": "video",
    "width": 320,
    "height": 240,
    "duration_s": 2.0,
    "frame_rate": 15.0,
    "frame_count": 30,
    "codec": "h264",
}
"""What a probe would find in it."""
HOME = "192.0.2.1"
"""Where clients come from who don't say otherwise."""

logging.getLogger("httpx2").setLevel(logging.WARNING)


@dataclass(frozen=True)
class Visitor:
    """Somebody who calls the service, signed in or not."""

    name: str
    client: httpx2.AsyncClient
    user_id: int | None = None
    token: str | None = None
    refresh_token: str | None = None

    @property
    def email(self) -> str:
        return f"{self.name}@example.com"

    @property
    def is_admin(self) -> bool:
        # As the viewer of a job, for whom nothing but this and the id matters.
        return False

    @property
    def authorization(self) -> dict[str, str]:
        return {} if self.token is None else {"Authorization": f"Bearer {self.token}"}

    async def call(self, method: str, path: str, **options: Any) -> httpx2.Response:
        headers = {**self.authorization, **options.pop("headers", {})}
        return await self.client.request(method, path, headers=headers, **options)

    async def get(self, path: str, **options: Any) -> httpx2.Response:
        return await self.call("GET", path, **options)

    async def post(self, path: str, **options: Any) -> httpx2.Response:
        return await self.call("POST", path, **options)


class Whole:
    """See the module. Made by `whole_service`."""

    def __init__(self, settings: Settings, template: Path, clock: Clock) -> None:
        self.settings = settings
        self._template = template
        self.clock = clock
        self._parts = make_parts(settings, clock)
        self.app = create_app(settings, self._parts)
        self.app.state.accounts._passwords._hasher = CountingHasher()
        self.database = self._parts.database
        self.data = self._parts.data
        self.jobs = self._parts.jobs
        self._clients: dict[str, httpx2.AsyncClient] = {}
        self._numbers = itertools.count(1)

    # People ------------------------------------------------------------------------------------------------------

    def guest(self, address: str = HOME) -> Visitor:
        """Somebody at this address who hasn't signed in."""
        return Visitor("guest", self._client(address))

    def _client(self, address: str) -> httpx2.AsyncClient:
        if address not in self._clients:
            transport = httpx2.ASGITransport(app=self.app, raise_app_exceptions=False, client=(address, 50_000))
            self._clients[address] = httpx2.AsyncClient(transport=transport, base_url="http://garaza.test")
        return self._clients[address]

    async def register(self, name: str | None = None, **values: Any) -> Visitor:
        """A new account; `values`: columns of its row."""
        name = name or f"person{next(self._numbers)}"
        body = {"email": f"{name}@example.com", "username": name, "password": PASSWORD}
        answer = await self.guest().post("/api/auth/register", json=body)
        assert answer.status_code == 200, answer.text
        told = answer.json()
        if values:
            async with self.database.write() as session:
                await session.execute(update(User).where(User.id == told["user"]["id"]).values(**values))
        return Visitor(name, self._client(HOME), told["user"]["id"], told["access_token"], told["refresh_token"])

    async def signed_in(self, visitor: Visitor) -> Visitor:
        """Somebody who signs in again, as time has passed."""
        body = {"email": visitor.email, "password": PASSWORD}
        told = (await self.guest().post("/api/auth/login", json=body)).json()
        return replace(visitor, token=told["access_token"], refresh_token=told["refresh_token"])

    def again(self, visitor: Visitor) -> Visitor:
        """Somebody who signed in at another service on the same database, at this one."""
        return replace(visitor, client=self._client(HOME))

    # Scans -------------------------------------------------------------------------------------------------------

    async def uploaded(self, owner: Visitor | None = None, guest: str = "somewhere") -> str:
        """A video that has arrived; without an owner a guest's."""
        job_id = new_id()
        self.data.upload(job_id).write_bytes(VIDEO)
        async with self.database.write() as session:
            await self.jobs.create(
                session,
                job_id,
                "room.mp4",
                {},
                expires_at=None if owner else self.clock() + self.settings.accounts.guest_hours * 3600,
                user_id=owner.user_id if owner else None,
                guest=None if owner else guest,
                upload_bytes=len(VIDEO),
            )
        return job_id

    async def queued(self, owner: Visitor | None = None) -> str:
        """Asked for, and not begun."""
        job_id = await self.uploaded(owner)
        async with self.database.write() as session:
            await self.jobs.ask(session, job_id, {"quality": "draft"}, viewer=owner)
        return job_id

    async def finished(self, owner: Visitor | None = None) -> str:
        """A finished scan with a result as the exporter writes it."""
        job_id = await self.queued(owner)
        async with self.database.write() as session:
            claim = await self.jobs.claim_job(session, "worker", job_id)
        assert claim is not None
        folder = self.data.result(job_id, str(claim.fence))
        # Links: what is stored never changes.
        shutil.copytree(self._template, folder, copy_function=os.link)
        async with self.database.write() as session:
            assert await self.jobs.complete(session, claim, str(claim.fence), file_rows(folder, Result.read(folder)))
        return job_id

    async def catalogue(self) -> None:
        """Until searches are answered, by words and by meaning."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (await self.guest().get("/api/furniture/health")).json()["semantic"]:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.05)

    async def close(self) -> None:
        for client in self._clients.values():
            await client.aclose()


StartWhole = Callable[..., Awaitable[Whole]]
"""Starts one with these groups of settings; a second time: another process on the same database and directory."""


@contextmanager
def fake_probes() -> Iterator[None]:
    """Uploads of `VIDEO` are taken, and no others, without a process for each."""

    async def probe(_self: Prober, path: Path) -> dict[str, Any]:
        if path.read_bytes() != VIDEO:
            raise NotAVideo(cause="made up")
        return dict(SOURCE)

    with mock.patch.object(Prober, "probe", probe):
        yield


@asynccontextmanager
async def whole_service(
    database: URL, data: Path, template: Path, clock: Clock = system_clock, **groups: Any
) -> AsyncIterator[Whole]:
    """The service while it runs.

    Args:
        database: one that has its tables. SQLite: the file in `data` that the service looks for.
        groups: settings.
    """
    url = None if database.get_backend_name() == "sqlite" else database.render_as_string(hide_password=False)
    settings = Settings(
        data_dir=data,
        # Many requests at once on a slow machine have to wait for a connection, and none is to be told so.
        database={"url": url, "pool_timeout_seconds": 60, "busy_timeout_seconds": 60},
        jobs={"embedded_worker": False, "pressure_free_bytes": 0, **groups.pop("jobs", {})},
        uploads={"min_free_bytes": 0, "max_unfinished": 10_000, **groups.pop("uploads", {})},
        furniture={"embedded_imports": False, **groups.pop("furniture", {})},
        rate_limits={**GENEROUS, **groups.pop("rate_limits", {})},
        # An answer is had when it has ended.
        live={"stream_seconds": 0.05, **groups.pop("live", {})},
        **groups,
    )
    with mock.patch.object(Deliverer, "start"):
        whole = Whole(settings, template, clock)
        async with whole.app.router.lifespan_context(whole.app):
            yield whole
            await whole.close()
