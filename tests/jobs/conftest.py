"""A queue on a fresh database, with a clock that tests set."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from garaza.jobs.service import Claim, JobService
from garaza.kit.database import Database, sqlite_url
from garaza.kit.ids import new_id
from garaza.kit.migrate import upgrade
from garaza.migrations import PACKAGE
from garaza.settings import DatabaseSettings, JobSettings
from garaza.wiring import pool_options


class SettableClock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Queue:
    database: Database
    jobs: JobService
    clock: SettableClock

    async def add(self, *, queued: bool = True, expires_at: float | None = None) -> str:
        job_id = new_id()
        async with self.database.write() as session:
            await self.jobs.create(session, job_id, "room.mp4", {}, expires_at)
            if queued:
                await self.jobs.ask(session, job_id, {"quality": "draft"})
        return job_id

    async def claim(self, owner: str = "w") -> Claim | None:
        async with self.database.write() as session:
            return await self.jobs.claim(session, owner)

    async def state(self, job_id: str) -> str:
        async with self.database.read() as session:
            return (await self.jobs.get(session, job_id)).state

    async def kinds(self, job_id: str) -> list[str]:
        async with self.database.read() as session:
            return [event.kind for event in await self.jobs.events_after(session, 0, 1000, job_id)]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def queue(tmp_path: Path) -> AsyncIterator[Queue]:
    url = sqlite_url(tmp_path / "garaza.db")
    upgrade(url, PACKAGE)
    database = Database(url, pool_options(DatabaseSettings(), url))
    clock = SettableClock()
    yield Queue(database, JobService(JobSettings(lease_seconds=15, max_attempts=3), clock), clock)
    await database.close()
