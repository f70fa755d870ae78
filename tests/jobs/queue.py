"""A queue on a fresh database, with a clock that tests set."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import URL

from garaza.accounts.models import User
from garaza.jobs.claims import Claim
from garaza.jobs.models import Job
from garaza.jobs.service import JobService
from garaza.kit.database import Database, WriteSession
from garaza.kit.ids import new_id
from garaza.settings import DatabaseSettings, JobSettings
from garaza.wiring import pool_options

OPTIONS = {"quality": "draft", "engine": "geometric", "max_frames": 8, "known_length": None}
FAILURE = {"reason": "too_dark", "message": "Too dark.", "advice": "Light.", "details": {}}


class SettableClock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Somebody:
    user_id: int
    is_admin: bool = False


@dataclass
class Queue:
    database: Database
    jobs: JobService
    clock: SettableClock
    ended: list[tuple[str, str]] = field(default_factory=list)
    """Job and state of what `on_end` was called with."""

    async def add(self, *, queued: bool = True, priority: int = 0, **about: Any) -> str:
        job_id = new_id()
        async with self.database.write() as session:
            await self.jobs.create(session, job_id, "room.mp4", {}, **about)
        if queued:
            await self.ask(job_id, priority=priority)
        return job_id

    async def ask(self, job_id: str, **request: Any) -> bool:
        """Whether it was asked before."""
        async with self.database.write() as session:
            job = await self.jobs.get(session, job_id, any=True)
            viewer = None if job.user_id is None else Somebody(job.user_id)
            return (await self.jobs.ask(session, job_id, OPTIONS, viewer=viewer, **request)).already

    async def claim(self, owner: str = "w") -> Claim | None:
        async with self.database.write() as session:
            return await self.jobs.claim(session, owner)

    async def claimed(self, owner: str = "w") -> Claim:
        claim = await self.claim(owner)
        assert claim is not None
        return claim

    async def write(self, method: Any, *arguments: Any, **more: Any) -> Any:
        """What a method of the service gives in a transaction of its own."""
        async with self.database.write() as session:
            return await method(session, *arguments, **more)

    async def read(self, method: Any, *arguments: Any, **more: Any) -> Any:
        async with self.database.read() as session:
            return await method(session, *arguments, **more)

    async def get(self, job_id: str) -> Job:
        job = await self.read(self.jobs.get, job_id, any=True)
        assert isinstance(job, Job)
        return job

    async def state(self, job_id: str) -> str:
        return (await self.get(job_id)).state

    async def kinds(self, job_id: str) -> list[str]:
        """What has happened to it since it was uploaded."""
        return [event.kind for event in await self.read(self.jobs.events_after, 0, 1000, job_id)][1:]

    async def outcomes(self, job_id: str) -> list[tuple[int, str | None]]:
        """Number and outcome of each attempt, the first one first."""
        attempts = await self.read(self.jobs.attempts_of, job_id)
        return [(attempt.number, attempt.outcome) for attempt in reversed(attempts)]

    async def user(self, name: str = "ada") -> Somebody:
        user = User(
            email=f"{name}@example.org",
            email_key=f"{name}@example.org",
            username=name,
            username_key=name,
            password_hash="x",
            role="user",
            plan="free",
            is_active=True,
            created_at=self.clock(),
            scans_month=0,
            scans_this_month=0,
            total_scans=0,
        )
        async with self.database.write() as session:
            session.add(user)
            await session.flush()
            return Somebody(user.id)


@pytest.fixture
async def queue(database_url: URL) -> AsyncIterator[Queue]:
    database = Database(database_url, pool_options(DatabaseSettings(), database_url))
    clock = SettableClock()
    ended: list[tuple[str, str]] = []

    async def on_end(_session: WriteSession, job: Job) -> None:
        ended.append((job.id, job.state))

    settings = JobSettings(lease_seconds=15, max_attempts=3, head_start_seconds=1000)
    yield Queue(database, JobService(settings, clock, on_end), clock, ended)
    await database.close()
