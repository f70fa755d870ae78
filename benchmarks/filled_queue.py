"""A queue of its own, with jobs in it, and processes that work on them."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import insert

from benchmarks.processes import Process, child
from garaza.app import prepare
from garaza.jobs.models import Job
from garaza.jobs.priorities import STEPS, rank
from garaza.jobs.states import JobState
from garaza.kit.ids import new_id
from garaza.scans.schemas import ProcessRequest
from garaza.settings import DatabaseSettings, JobSettings, Settings
from garaza.wiring import Parts, make_parts


@asynccontextmanager
async def queue(data_dir: Path, url: str | None = None) -> AsyncIterator[Parts]:
    """The parts of a service with an empty queue, in PostgreSQL where there is a `url`."""
    # Nobody is refused: how many may wait is not what is measured.
    jobs = JobSettings(max_queued=1_000_000)
    database = DatabaseSettings(url=None if url is None else SecretStr(url))
    parts = make_parts(Settings(data_dir=data_dir, jobs=jobs, database=database))
    await asyncio.to_thread(prepare, parts)
    try:
        yield parts
    finally:
        await parts.database.close()


async def add(parts: Parts, count: int) -> list[str]:
    """Queue jobs as the service does, in one transaction; returns their ids."""
    ids = [new_id() for _ in range(count)]
    async with parts.database.write() as session:
        for job_id in ids:
            parts.data.upload(job_id).touch()
            await parts.jobs.create(session, job_id, "room.mp4", {})
            await parts.jobs.ask(session, job_id, ProcessRequest().model_dump(mode="json"))
    return ids


async def fill(parts: Parts, count: int, available_in: float = -1.0) -> None:
    """Queue many jobs, of all priorities, in no order, that may begin in so many seconds."""
    now = time.time()
    rows: list[dict[str, Any]] = [
        {
            "id": new_id(),
            "state": JobState.QUEUED.value,
            "original_name": "room.mp4",
            "source": {},
            "options": ProcessRequest().model_dump(mode="json"),
            "created_at": now,
            "queued_at": now - random.uniform(0, 3600),
            "available_at": now + available_in,
            "priority": random.choice(STEPS),
        }
        for _ in range(count)
    ]
    head_start = parts.settings.jobs.head_start_seconds
    for row in rows:
        row["rank"] = rank(row["queued_at"], row["priority"], head_start)
    if rows:
        async with parts.database.write() as session:
            await session.execute(insert(Job), rows)
    if parts.database.dialect == "postgresql":
        # As autovacuum does, which the servers of tests are without: a plan hangs on statistics.
        outside = parts.database.engine.execution_options(isolation_level="AUTOCOMMIT")
        async with outside.connect() as connection:
            await connection.exec_driver_sql("VACUUM ANALYZE")


def start_all(stack: ExitStack, count: int, arguments: list[str], log: Path, **environment: str) -> list[Process]:
    """Processes of a module of benchmarks, once each has said that it is ready; they end with the stack."""
    processes = [stack.enter_context(child(arguments, log, **environment)) for _ in range(count)]
    for process in processes:
        assert process.popen.stdout is not None
        assert process.popen.stdout.readline() == "ready\n", log.read_text(encoding="utf-8")
    return processes
