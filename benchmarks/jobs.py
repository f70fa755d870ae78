"""The queue: how soon a job begins, how many go through, in which order, and what is left when a process is killed.

Before: FastAPI's `BackgroundTasks` and a dict, as tutorials write it; and for claiming, a table as tutorials make one,
without an index and with SQLite as it comes. After: the jobs table and the worker that `garaza worker` starts, with a
reconstruction that has nothing to do, or waits until it may end.

Run as a module this is that worker, or somebody who only claims.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import itertools
import json
import random
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select

from benchmarks.processes import PATIENCE_SECONDS, Process, child, plain_service
from benchmarks.report import Facts, Promise, Report, Row, percentile
from garaza.app import prepare
from garaza.cli.common import configure_logging
from garaza.cli.worker import run_worker
from garaza.jobs.claims import Claim
from garaza.jobs.models import Job, JobEvent
from garaza.jobs.priorities import STEPS, rank
from garaza.jobs.states import JobState
from garaza.kit.ids import new_id
from garaza.reconstruction.cameras.scale import Scale
from garaza.reconstruction.frames import SourceInfo
from garaza.reconstruction.options import Options
from garaza.reconstruction.progress import Cancelled
from garaza.reconstruction.result import RESULT_FILE, Result
from garaza.scans.schemas import ProcessRequest
from garaza.settings import Settings
from garaza.wiring import Parts, make_parts

if TYPE_CHECKING:
    from fastapi import BackgroundTasks, FastAPI

_PICK_UP_MS = 10
_CLAIMS_PER_SECOND = 1000
_TOGETHER = 16
"""Jobs that a large worker claims at once, when it has time for so many."""
_PLAIN_SECONDS = 2.0
_HOLD = "hold"
"""While a file of this name is in the folder of a service, its jobs don't end."""
_BEGAN = "began"
"""Where a reconstruction notes when it did."""
_WAIT_SECONDS = 0.02
_SHORT_LEASE = {"GARAZA_JOBS__LEASE_SECONDS": "1", "GARAZA_JOBS__HEARTBEAT_SECONDS": "0.2"}

_LONG_LEASE = {"GARAZA_JOBS__LEASE_SECONDS": "3600"}
"""For who claims without ever doing anything."""


def run(*, quick: bool, place: Path) -> Report:
    """See the module."""
    picked_up, through, killed, queued = (20, 40, 3, 1000) if quick else (200, 300, 10, 10_000)
    plain_waits, plain_lost = _plain(place / "plain", picked_up, killed)
    waits, begins = asyncio.run(_waits(place / "waits", picked_up))
    plain_rate = _plain_claims(place / "plain.db", queued)
    claimed = [
        (workers, limit, asyncio.run(_claimed(place / f"claims-{workers}-{limit}", queued, workers, limit)))
        for workers in (1, 4)
        for limit in (1, _TOGETHER)
    ]
    drained = {count: asyncio.run(_drained(place / f"workers-{count}", through, count)) for count in (1, 2)}
    lost, recovery_seconds = asyncio.run(_killed(place / "killed", killed))
    twice = sum(claims > 1 for _, claims_of in drained.values() for claims in claims_of.values())
    rates = {(workers, limit): found.rate for workers, limit, found in claimed}
    return Report(
        measured=f"{picked_up} jobs one by one, {through} at once, {queued} claimed, kill -9 in the middle of {killed}",
        rows=[
            Row("a job waits for an idle worker, p50", percentile(plain_waits, 50), percentile(waits, 50), "ms"),
            Row("a job waits for an idle worker, p95", percentile(plain_waits, 95), percentile(waits, 95), "ms"),
            Row("a job waits for an idle worker, p99", percentile(plain_waits, 99), percentile(waits, 99), "ms"),
            Row("claims, one at a time", plain_rate, rates[1, 1], "a second", "more"),
            Row(f"claims, {_TOGETHER} at a time", plain_rate, rates[1, _TOGETHER], "a second", "more"),
            Row(f"jobs lost of {killed} by kill -9", plain_lost, lost, "jobs"),
        ],
        promises=[
            Promise("kill -9 loses no job", lost == 0),
            Promise("no job is claimed twice by workers that live", twice + sum(c.twice for _, _, c in claimed) == 0),
            Promise("jobs are claimed in their order, by however many", sum(c.disorder for _, _, c in claimed) == 0),
            Promise(
                f"an idle worker has a job within {_PICK_UP_MS} ms, p95",
                percentile(waits, 95) <= _PICK_UP_MS,
            ),
            Promise(
                f"{_CLAIMS_PER_SECOND} claims a second with {queued} queued, by a worker with time for {_TOGETHER}",
                rates[1, _TOGETHER] >= _CLAIMS_PER_SECOND,
            ),
        ],
        facts=[
            Facts(
                f"Claiming {queued} queued jobs, and nothing else",
                ["workers", "at a time", "claims/s", "claimed twice", "out of order"],
                [
                    [str(workers), str(limit), f"{found.rate:.0f}", str(found.twice), str(found.disorder)]
                    for workers, limit, found in claimed
                ],
            ),
            Facts(
                "Through the table: claim, heartbeat, result in place, complete",
                ["workers", "jobs/s", "ms a job", "claimed twice"],
                [
                    [str(count), f"{rate:.0f}", f"{1000 / rate:.1f}", str(sum(n > 1 for n in claims.values()))]
                    for count, (rate, claims) in drained.items()
                ],
            ),
        ],
        notes=[
            "A worker waits for a change of the database, which it looks for every "
            f"{1000 * Settings().jobs.poll_seconds:.0f} ms. From the commit that queues a job to the first line of its "
            f"reconstruction it took {percentile(begins, 50):.1f} ms (p50) and {percentile(begins, 95):.1f} ms (p95).",
            f"The killed worker held a lease of 1 s (15 s by default, and none to wait for beside `garaza serve`); the "
            f"next one had done all jobs {recovery_seconds:.1f} s after the kill, its own start included.",
        ],
    )


# Before --------------------------------------------------------------------------------------------------------------


def plain_jobs(folder: Path) -> FastAPI:
    """The plain service."""
    from fastapi import BackgroundTasks, FastAPI, HTTPException  # noqa: PLC0415 - only its process needs them

    app = FastAPI()
    jobs: dict[str, dict[str, float]] = {}

    def reconstruct(job_id: str) -> None:
        jobs[job_id]["began_at"] = time.time()
        while (folder / _HOLD).exists():
            time.sleep(_WAIT_SECONDS)
        jobs[job_id]["ended_at"] = time.time()

    async def process(tasks: BackgroundTasks) -> dict[str, str]:
        job_id = new_id()
        jobs[job_id] = {"queued_at": time.time()}
        tasks.add_task(reconstruct, job_id)
        return {"job_id": job_id}

    # Annotations are text here, and FastAPI would look for this one among the module's names.
    process.__annotations__["tasks"] = BackgroundTasks
    app.post("/process")(process)

    @app.get("/status/{job_id}")
    async def status(job_id: str) -> dict[str, float]:
        if job_id not in jobs:
            raise HTTPException(404)
        return jobs[job_id]

    return app


def _plain(place: Path, picked_up: int, killed: int) -> tuple[list[float], int]:
    """Milliseconds that jobs waited, and how many were lost."""
    place.mkdir()
    waits = []
    with plain_service("benchmarks.jobs:plain_jobs", place, place / "log") as service:
        for _ in range(picked_up):
            job_id = _plain_ask(service, "POST", "/process")["job_id"]
            status = _plain_ask(service, "GET", f"/status/{job_id}")
            while "ended_at" not in status:
                status = _plain_ask(service, "GET", f"/status/{job_id}")
            waits.append(1000 * (status["began_at"] - status["queued_at"]))
        (place / _HOLD).touch()
        job_ids = [_plain_ask(service, "POST", "/process")["job_id"] for _ in range(killed)]
        service.kill()
    (place / _HOLD).unlink()
    with plain_service("benchmarks.jobs:plain_jobs", place, place / "log") as service:
        lost = sum(_plain_ask(service, "GET", f"/status/{job_id}") is None for job_id in job_ids)
    return waits, lost


def _plain_ask(service: Process, method: str, path: str) -> Any:
    """The answer's JSON, or None for 404."""
    connection = service.connect()
    connection.request(method, path)
    response = connection.getresponse()
    body = json.loads(response.read())
    connection.close()
    return None if response.status == http.client.NOT_FOUND else body


def _plain_claims(path: Path, queued: int) -> float:
    """Claims a second from a table without an index, each with its own commit, until a second or two are over."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE jobs (id TEXT PRIMARY KEY, state TEXT, priority INTEGER, queued_at REAL)")
        connection.execute("BEGIN")
        rows = [(new_id(), "queued", random.choice(STEPS), float(number)) for number in range(queued)]
        connection.executemany("INSERT INTO jobs VALUES (?, ?, ?, ?)", rows)
        connection.execute("COMMIT")
        count, began = 0, time.perf_counter()
        while count < queued and time.perf_counter() - began < _PLAIN_SECONDS:
            connection.execute("BEGIN IMMEDIATE")
            (job_id,) = connection.execute(
                "SELECT id FROM jobs WHERE state = 'queued' ORDER BY priority, queued_at LIMIT 1"
            ).fetchone()
            connection.execute("UPDATE jobs SET state = 'running' WHERE id = ?", (job_id,))
            connection.execute("COMMIT")
            count += 1
        return count / (time.perf_counter() - began)


# After ---------------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _queue(data_dir: Path) -> AsyncIterator[Parts]:
    parts = make_parts(Settings(data_dir=data_dir))
    await asyncio.to_thread(prepare, parts)
    try:
        yield parts
    finally:
        await parts.database.close()


async def _add(parts: Parts, count: int) -> None:
    """Queue jobs, in one transaction."""
    async with parts.database.write() as session:
        for _ in range(count):
            job_id = new_id()
            parts.data.upload(job_id).touch()
            await parts.jobs.create(session, job_id, "room.mp4", {})
            await parts.jobs.ask(session, job_id, ProcessRequest().model_dump(mode="json"))


async def _until(parts: Parts, reached: Callable[[Counter[str]], bool]) -> None:
    """Wait until the number of jobs in each state is as wanted, or there is no more patience."""
    end = time.monotonic() + PATIENCE_SECONDS
    # Only counted: reading hundreds of rows again and again would slow down those who are measured.
    counted = select(Job.state, func.count()).group_by(Job.state)
    while time.monotonic() < end:
        async with parts.database.read() as session:
            if reached(Counter({row[0]: row[1] for row in await session.execute(counted)})):
                return
        await asyncio.sleep(_WAIT_SECONDS)


def _all_done(states: Counter[str]) -> bool:
    return states[JobState.COMPLETED.value] == states.total()


async def _done(parts: Parts) -> list[Job]:
    async with parts.database.read() as session:
        return list(await session.scalars(select(Job).where(Job.state == JobState.COMPLETED.value)))


async def _waits(data_dir: Path, count: int) -> tuple[list[float], list[float]]:
    """Milliseconds from the commit that queues a job to its claim, by a worker that is idle, and to its beginning."""
    committed = []
    async with _queue(data_dir) as parts:
        with ExitStack() as stack:
            _start_worker(stack, data_dir)
            for _ in range(count):
                # At any moment between two of the worker's looks, not always just after one.
                await asyncio.sleep(random.uniform(0, 10 * parts.settings.jobs.poll_seconds))
                await _add(parts, 1)
                committed.append(time.time())
                await _until(parts, _all_done)
        done = sorted(await _done(parts), key=lambda job: job.started_at or 0)
        claimed = [job.started_at or 0 for job in done]
        begun = [
            float((parts.data.result(job.id, job.result_version or "") / _BEGAN).read_text(encoding="ascii"))
            for job in done
        ]

    def waits(until: list[float]) -> list[float]:
        # Never negative: the worker may see the commit before this process has returned from it.
        return [1000 * max(0.0, end - commit) for commit, end in zip(committed, until, strict=True)]

    return waits(claimed), waits(begun)


@dataclass(frozen=True, slots=True)
class _Claims:
    """What came of claiming all there is."""

    rate: float
    """A second."""
    twice: int
    """Jobs that were claimed more than once."""
    disorder: int
    """Jobs that were claimed before one that should have come first."""


async def _claimed(data_dir: Path, queued: int, workers: int, limit: int) -> _Claims:
    """Let so many processes claim all jobs, each `limit` at a time."""
    async with _queue(data_dir) as parts:
        await _fill(parts, queued)
        with ExitStack() as stack:
            arguments = ["benchmarks.jobs", str(data_dir), str(limit)]
            claimers = [_started(stack, data_dir, arguments, **_LONG_LEASE) for _ in range(workers)]
            for claimer in claimers:
                assert claimer.popen.stdin is not None
                claimer.popen.stdin.write("go\n")
                claimer.popen.stdin.flush()
            times = [await asyncio.to_thread(_times, claimer) for claimer in claimers]
        seconds = max(end for _, end in times) - min(begin for begin, _ in times)
        async with parts.database.read() as session:
            # In the order of the events' ids, which is that of the commits here.
            begun = select(Job.id, Job.rank).join(JobEvent, JobEvent.job_id == Job.id).order_by(JobEvent.id)
            rows = (await session.execute(begun.where(JobEvent.kind == "running"))).all()
    ranks = [row[1] or 0.0 for row in rows]
    disorder = sum(later < earlier for earlier, later in itertools.pairwise(ranks))
    claims = Counter(row[0] for row in rows)
    assert len(claims) == queued
    return _Claims(queued / seconds, sum(count > 1 for count in claims.values()), disorder)


def _times(claimer: Process) -> tuple[float, float]:
    """When a claimer began and ended."""
    assert claimer.popen.stdout is not None
    begin, end = claimer.popen.stdout.readline().split()
    return float(begin), float(end)


async def _fill(parts: Parts, count: int) -> None:
    """Queue many jobs, of all priorities, in no order."""
    now = time.time()
    rows = [
        {
            "id": new_id(),
            "state": JobState.QUEUED.value,
            "original_name": "room.mp4",
            "source": {},
            "options": ProcessRequest().model_dump(mode="json"),
            "created_at": now,
            "queued_at": now - random.uniform(0, 3600),
            "available_at": now - 1,
            "priority": random.choice(STEPS),
        }
        for _ in range(count)
    ]
    head_start = parts.settings.jobs.head_start_seconds
    for row in rows:
        row["rank"] = rank(row["queued_at"], row["priority"], head_start)
    async with parts.database.write() as session:
        await session.execute(insert(Job), rows)


async def _drained(data_dir: Path, count: int, workers: int) -> tuple[float, Counter[str]]:
    """Jobs a second from the first claim to the last completion, and how often each job was claimed."""
    async with _queue(data_dir) as parts:
        with ExitStack() as stack:
            for _ in range(workers):
                _start_worker(stack, data_dir)
            await _add(parts, count)
            await _until(parts, _all_done)
        jobs = await _done(parts)
        async with parts.database.read() as session:
            claimed = await session.scalars(select(JobEvent.job_id).where(JobEvent.kind == "running"))
            claims = Counter(claimed)
    seconds = max(job.finished_at or 0 for job in jobs) - min(job.started_at or 0 for job in jobs)
    return count / seconds, claims


async def _killed(data_dir: Path, count: int) -> tuple[int, float]:
    """How many jobs are never done after kill -9 of the worker that had begun, and how long all the others took."""
    async with _queue(data_dir) as parts:
        hold = data_dir / _HOLD
        hold.touch()
        with ExitStack() as stack:
            worker = _start_worker(stack, data_dir, **_SHORT_LEASE)
            await _add(parts, count)
            await _until(parts, lambda states: states[JobState.RUNNING.value] == 1)
            worker.kill()
            killed_at = time.time()
        hold.unlink()
        with ExitStack() as stack:
            _start_worker(stack, data_dir, **_SHORT_LEASE)
            await _until(parts, _all_done)
        done = await _done(parts)
    return count - len(done), max(((job.finished_at or 0) - killed_at for job in done), default=0.0)


def _start_worker(stack: ExitStack, data_dir: Path, **environment: str) -> Process:
    """A worker that is about to look for its first job; it ends with the stack."""
    return _started(stack, data_dir, ["benchmarks.jobs", str(data_dir)], **environment)


def _started(stack: ExitStack, data_dir: Path, arguments: list[str], **environment: str) -> Process:
    """A process of this module, once it has said that it is ready."""
    process = stack.enter_context(child(arguments, data_dir / "log", **environment))
    assert process.popen.stdout is not None
    assert process.popen.stdout.readline() == "ready\n", (data_dir / "log").read_text(encoding="utf-8")
    return process


def _reconstruct(
    source: Path,
    out: Path,
    _options: Options,
    _on_progress: object,
    cancelled: Callable[[], bool],
    **_more: object,
) -> Result:
    """In the place of the reconstruction: a result without files."""
    began = time.time()
    while (source.parent.parent / _HOLD).exists():
        if cancelled():
            raise Cancelled
        time.sleep(_WAIT_SECONDS)
    result = Result(
        engine="none",
        quality="draft",
        source=SourceInfo("video", 320, 240, 1.0, 30.0, 30, "h264"),
        keyframes=0,
        frames=[],
        scale=Scale(metric=False, metres_per_unit=1.0, source="assumed_camera_height", uncertainty=0.15),
        floor_found=False,
        room=None,
        models=[],
        points=0,
        files=[],
        stages=[],
        warnings=[],
    )
    out.mkdir()
    (out / _BEGAN).write_text(str(began), encoding="ascii")
    (out / RESULT_FILE).write_text(result.to_json(), encoding="utf-8")
    return result


async def _claim_all(parts: Parts, limit: int) -> None:
    """Claim until there is nothing left."""
    owner = new_id()
    async with parts.database.read() as reading:
        await parts.jobs.due_in(reading)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    began = time.time()
    claims: list[Claim] | None = None
    while claims is None or claims:
        async with parts.database.write() as session:
            claims = await parts.jobs.claim_many(session, owner, limit)
    sys.stdout.write(f"{began} {time.time()}\n")
    sys.stdout.flush()
    await parts.database.close()


def main() -> None:
    """`garaza worker` with `_reconstruct`, or with a second argument `_claim_all`.

    Arguments: the data directory; how many to claim at a time.
    """
    configure_logging()
    parts = replace(make_parts(Settings(data_dir=Path(sys.argv[1]))), reconstruct=_reconstruct)
    prepare(parts)
    if len(sys.argv) > 2:
        asyncio.run(_claim_all(parts, int(sys.argv[2])))
        return
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    run_worker(parts, None, supervised=True)


if __name__ == "__main__":
    main()
