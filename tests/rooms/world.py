"""Rooms, housekeeping, departures and admin calls in this process, on a data directory with real results in it."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from fastapi import Depends, FastAPI
from sqlalchemy import URL, select, update

from garaza.accounts.dependencies import identify
from garaza.accounts.models import User
from garaza.accounts.oversight import Oversight
from garaza.accounts.routes import make_router as account_routes
from garaza.accounts.service import AccountService
from garaza.admin.disk import DiskUsage
from garaza.admin.routes import make_router as admin_routes
from garaza.admin.service import AdminService
from garaza.departures.routes import make_router as departure_routes
from garaza.departures.service import Departures
from garaza.errors import UnexpectedErrors, add_handlers
from garaza.housekeeping.leftovers import Leftovers
from garaza.housekeeping.lost_files import LostFiles
from garaza.housekeeping.neighbours import Neighbours
from garaza.housekeeping.pressure import Pressure
from garaza.housekeeping.removal import Removal
from garaza.housekeeping.service import Housekeeping
from garaza.jobs.models import Job
from garaza.jobs.run_job import file_rows, keep_compressed
from garaza.jobs.service import JobService
from garaza.jobs.upkeep import JobUpkeep
from garaza.kit.blobs.local import LocalBlobs
from garaza.kit.blobs.port import Blobs
from garaza.kit.database import Database
from garaza.kit.ids import new_id
from garaza.kit.storage import DataDirectory
from garaza.reconstruction.cameras.scale import Scale
from garaza.reconstruction.rescale import rescale
from garaza.reconstruction.result import Result
from garaza.rooms.models import Room
from garaza.rooms.routes import make_router as room_routes
from garaza.rooms.routes import make_shared_router
from garaza.rooms.service import RoomService
from garaza.rooms.share_tokens import ShareTokens
from garaza.rooms.sharing import ShareService
from garaza.rooms.usage import storage_used
from garaza.settings import AccountSettings, DatabaseSettings, JobSettings
from garaza.uploads.upkeep import UploadUpkeep
from garaza.wiring import pool_options
from tests.accounts.house import PASSWORD, CountingHasher, Keys, SettableClock

VIDEO = b"a video" * 100


class RoomyDisk(DataDirectory):
    """Has as much free space as a test says."""

    free = 1 << 40

    def free_bytes(self) -> int:
        return self.free


@dataclass
class World:
    """See the module."""

    url: URL
    data: RoomyDisk
    template: Path
    clock: SettableClock = field(default_factory=SettableClock)
    keys: Keys = field(default_factory=Keys)
    wanted_free_bytes: int = 0
    purges: dict[str, Any] = field(default_factory=dict)
    make_blobs: Callable[[DataDirectory], Blobs] = LocalBlobs

    def __post_init__(self) -> None:
        self.data.create()
        self.blobs = self.make_blobs(self.data)
        self.database = Database(self.url, pool_options(DatabaseSettings(), self.url))
        self.accounts = AccountService(
            AccountSettings(), self.database, self.keys, storage_used, self.clock, CountingHasher()
        )
        self.oversight = Oversight()
        self.ended: list[tuple[str, str]] = []
        self.jobs = JobService(JobSettings(), self.clock)
        self.upkeep = JobUpkeep(self.clock, self._note_end)
        self.rooms = RoomService(
            self.database, self.blobs, self.jobs, self.accounts.quota, self.accounts.activities, self.clock
        )
        self.shares = ShareService(
            self.rooms, ShareTokens(self.keys, self.clock), self.accounts.activities, self.clock, 365
        )
        self.removal = Removal(self.database, self.data, self.blobs, self.jobs, self.upkeep, self.rooms, self.accounts)
        neighbours = Neighbours(self.database, self.data, share_files=False, share_memory=False)
        self.housekeeping = Housekeeping(
            self.database,
            self.data,
            self.jobs,
            self.rooms,
            self.accounts,
            self.removal,
            Leftovers(self.database, self.data, self.blobs, self.jobs, self.rooms, self.clock),
            LostFiles(self.database, self.blobs, self.upkeep, self.rooms, neighbours),
            Pressure(self.database, self.data, self.blobs, self.upkeep, self.removal, self.wanted_free_bytes),
            self.purges,
            UploadUpkeep(self.database, self.data, self.clock),
            neighbours,
        )
        self.told_soon = 0
        self.departures = Departures(
            self.database, self.accounts, self.oversight, self.jobs, self.upkeep, self.rooms, self._soon
        )
        self.dropped = 0
        self.admin = AdminService(
            self.database,
            self.accounts,
            self.oversight,
            self.jobs,
            self.upkeep,
            self.rooms,
            self.shares,
            self.departures,
            DiskUsage(self.data, self.blobs, self.clock),
            self.clock,
            self._soon,
            {"something": lambda: 7},
            [self._drop],
        )
        self.app = FastAPI()
        self.app.state.database, self.app.state.accounts = self.database, self.accounts
        add_handlers(self.app)
        self.app.add_middleware(UnexpectedErrors)
        routers = [
            account_routes(self.accounts),
            departure_routes(self.departures),
            room_routes(self.rooms, self.shares, self.database, self.blobs, self.removal.remove_room),
            make_shared_router(self.shares, self.blobs),
            admin_routes(self.admin, self.clock),
        ]
        for router in routers:
            self.app.include_router(router, dependencies=[Depends(identify)])
        self.client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=self.app, raise_app_exceptions=False), base_url="http://garaza.test"
        )

    def _soon(self) -> None:
        self.told_soon += 1

    def _drop(self) -> None:
        self.dropped += 1

    async def _note_end(self, _session: Any, job: Job) -> None:
        self.ended.append((job.id, job.state))

    async def close(self) -> None:
        await self.client.aclose()
        self.accounts.close()
        await self.database.close()

    # People ------------------------------------------------------------------------------------------------------

    async def register(self, name: str = "anna", **values: Any) -> Visitor:
        """A new account; `values`: columns of its row."""
        body = {"email": f"{name}@example.com", "username": name, "password": PASSWORD}
        answer = await self.client.post("/api/auth/register", json=body)
        assert answer.status_code == 200, answer.text
        visitor = Visitor(self, name, answer.json()["user"]["id"], answer.json()["access_token"])
        if values:
            async with self.database.write() as session:
                await session.execute(update(User).where(User.id == visitor.id).values(**values))
        return visitor

    # Scans -------------------------------------------------------------------------------------------------------

    async def uploaded(self, owner: Visitor | None = None, video: bytes = VIDEO, guest: str = "somewhere") -> str:
        """A video that has arrived; without an owner a guest's."""
        job_id = new_id()
        self.data.upload(job_id).write_bytes(video)
        async with self.database.write() as session:
            await self.jobs.create(
                session,
                job_id,
                "room.mp4",
                {},
                expires_at=None if owner else self.clock() + 24 * 3600,
                user_id=owner.id if owner else None,
                guest=None if owner else guest,
                upload_bytes=len(video),
            )
        return job_id

    async def queued(self, owner: Visitor | None = None) -> str:
        """Asked for, and not begun."""
        job_id = await self.uploaded(owner)
        async with self.database.write() as session:
            await self.jobs.ask(session, job_id, {"quality": "draft"}, viewer=owner)
        return job_id

    async def finished(self, owner: Visitor | None = None, **options: Any) -> str:
        """A finished scan with a result as the exporter writes it."""
        job_id = await self.uploaded(owner, **options)
        async with self.database.write() as session:
            await self.jobs.ask(session, job_id, {"quality": "draft"}, viewer=owner)
            claim = await self.jobs.claim_job(session, "worker", job_id)
        assert claim is not None
        folder = self.data.result(job_id, str(claim.fence))
        shutil.copytree(self.template, folder)
        keep_compressed(folder, Result.read(folder))
        async with self.database.write() as session:
            assert await self.jobs.complete(session, claim, str(claim.fence), file_rows(folder, Result.read(folder)))
        return job_id

    async def rescale(self, job_id: str, metres_per_unit: float) -> str:
        """What PUT scale does; the new version."""
        job = await self.job(job_id)
        assert job is not None
        old, version = job.result_version or "", new_id()
        scale = Scale(metric=True, metres_per_unit=metres_per_unit, source="given_factor", uncertainty=0.01)
        folder = self.data.result(job_id, version)
        result = rescale(self.data.result(job_id, old), folder, scale)
        keep_compressed(folder, result, self.data.result(job_id, old))
        rows = file_rows(folder, result)
        async with self.database.write() as session:
            assert await self.jobs.new_result_version(session, job, version, rows)
        await self.removal.remove_version(job_id, old)
        return version

    async def delete_job(self, job_id: str) -> None:
        """What DELETE job does."""
        async with self.database.write() as session:
            assert await self.jobs.mark_deleted(session, job_id)
        await self.removal.remove_job(job_id)

    # What there is -----------------------------------------------------------------------------------------------

    async def job(self, job_id: str) -> Job | None:
        """The row, marked or not."""
        async with self.database.read() as session:
            return await session.get(Job, job_id)

    async def room_ids(self) -> list[int]:
        """Of all rows of rooms, marked or not."""
        async with self.database.read() as session:
            return list(await session.scalars(select(Room.id).order_by(Room.id)))

    async def used(self, user_id: int) -> int:
        """What the database says that an account takes on disk."""
        async with self.database.read() as session:
            return await session.scalar(select(storage_used(user_id))) or 0

    def on_disk(self) -> int:
        """What videos and results take on disk, counted by walking it."""
        sizes = self.data.usage()
        return sizes["uploads"] + sizes["results"]

    def names(self, folder: str) -> list[str]:
        place = self.data.root / folder
        return sorted(path.name for path in place.iterdir()) if place.exists() else []


@dataclass
class Visitor:
    """Somebody who has signed in."""

    world: World
    name: str
    id: int
    token: str

    @property
    def user_id(self) -> int:
        return self.id

    @property
    def is_admin(self) -> bool:
        return False

    async def renew(self) -> None:
        """Sign in again, when the clock has moved on."""
        body = {"email": f"{self.name}@example.com", "password": PASSWORD}
        self.token = (await self.world.client.post("/api/auth/login", json=body)).json()["access_token"]

    async def call(self, method: str, path: str, **options: Any) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return await self.world.client.request(method, path, headers=headers, **options)

    async def get(self, path: str, **options: Any) -> httpx2.Response:
        return await self.call("GET", path, **options)

    async def save(self, job_id: str, name: str = "Kitchen", **more: Any) -> dict[str, Any]:
        answer = await self.call("POST", "/api/rooms", json={"job_id": job_id, "name": name, **more})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def delete_room(self, room_id: int) -> None:
        answer = await self.call("DELETE", f"/api/rooms/{room_id}")
        assert answer.status_code == 204, answer.text

    async def share(self, room_id: int, days: float = 1) -> dict[str, Any]:
        answer = await self.call("POST", f"/api/rooms/{room_id}/shares", json={"expires_in_days": days})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())


def assert_problem(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = dict(json.loads(answer.text))
    assert body["code"] == code
    return body


logging.getLogger("httpx2").setLevel(logging.WARNING)
