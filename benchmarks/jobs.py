"""The queue: how soon a job begins, how many go through, and what is left when a process is killed.

Before: FastAPI's `BackgroundTasks` and a dict, as tutorials write it. After: the jobs table and the worker that
`garaza worker` starts, with a reconstruction that has nothing to do, or waits until it may end.

Run as a module this is that worker.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from benchmarks.filled_queue import add, fill, queue, start_all
from benchmarks.processes import PATIENCE_SECONDS, Process, plain_service
from benchmarks.report import Facts, Promise, Report, Row, percentile
from garaza.app import prepare
from garaza.cli.common import configure_logging
from garaza.cli.worker import run_worker
from garaza.jobs.models import Job, JobAttempt, JobEvent
from garaza.jobs.states import JobState
from garaza.kit.ids import new_id
from garaza.reconstruction.cameras.scale import Scale
from garaza.reconstruction.frames import SourceInfo
from garaza.reconstruction.options import Options
from garaza.reconstruction.progress import Cancelled
from garaza.reconstruction.result import RESULT_FILE, Result
from garaza.settings import Settings
from garaza.wiring import Parts, make_parts

if TYPE_CHECKING:
    from fastapi import BackgroundTasks, FastAPI

_PICK_UP_MS = 10
_HOLD = "hold"
"""While a file of this name is in the folder of a service, its jobs don't end."""
_BEGAN = "began"
"""Where a reconstruction notes when it did."""
_WAIT_SECONDS = 0.02
_LATER_SECONDS = 3600.0
_RECOVERY_SECONDS = 60.0
"""After a kill: a lease, the start of a worker, and a lot of patience."""
_SHORT_LEASE = {"GARAZA_JOBS__LEASE_SECONDS": "1", "GARAZA_JOBS__HEARTBEAT_SECONDS": "0.2"}


def run(*, quick: bool, place: Path) -> Report:
    """See the module."""
    picked_up, through, killed, queued = (20, 40, 3, 1000) if quick else (200, 300, 10, 10_000)
    plain_waits, plain_lost = _plain(place / "plain", picked_up, killed)
    alone = asyncio.run(_waits(place / "alone", picked_up, 0))
    beside = asyncio.run(_waits(place / "beside", picked_up, queued))
    drained = {count: asyncio.run(_drained(place / f"workers-{count}", through, count)) for count in (1, 2)}
    lost, recovery_seconds = asyncio.run(_killed(place / "killed", killed))
    twice = sum(claims > 1 for _, claims_of in drained.values() for claims in claims_of.values())
    many = f"{queued:,} queued for later"
    return Report(
        measured=f"{picked_up} jobs one by one, alone and beside {many}; {through} at once; kill -9 amid {killed}",
        rows=[
            *(
                Row(f"from asked to begun, {where}, p{percent}", *both, "ms")
                for where, waits in (("alone", alone), (f"{queued:,} queued", beside))
                for percent in (50, 95, 99)
                for both in [(percentile(plain_waits, percent), percentile(waits.until_begun, percent))]
            ),
            Row(f"jobs lost of {killed} by kill -9", plain_lost, lost, "jobs"),
        ],
        promises=[
            Promise("kill -9 loses no job", lost == 0),
            Promise("no job is claimed twice by workers that live", twice == 0),
            *(
                Promise(
                    f"an idle worker begins an attempt within {_PICK_UP_MS} ms of its being asked for, p95, {where}",
                    percentile(waits.until_attempt, 95) <= _PICK_UP_MS,
                )
                for where, waits in (("alone", alone), (f"beside {many}", beside))
            ),
        ],
        facts=[
            Facts(
                "Milliseconds from asked to",
                ["", "p50", "p95", "p99"],
                [
                    [f"{what}, {where}", *(f"{percentile(times, percent):.1f}" for percent in (50, 95, 99))]
                    for where, waits in (("alone", alone), (f"beside {many}", beside))
                    for what, times in (("attempt", waits.until_attempt), ("reconstruction", waits.until_begun))
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
            f"{1000 * Settings().jobs.poll_seconds:.0f} ms. An attempt begins with the claim, its reconstruction a "
            "little later; both from the moment that is in the job's row, before the commit that queues it.",
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


# After ---------------------------------------------------------------------------------------------------------------


async def _until(
    parts: Parts, reached: Callable[[Counter[str]], bool], *, of: str | None = None, patience: float = PATIENCE_SECONDS
) -> None:
    """Wait until the number of jobs in each state is as wanted.

    Args:
        of: only this job counts.

    Raises:
        RuntimeError: a job has failed, so that waiting is no use.
        TimeoutError: there is no more patience.
    """
    # Only counted: reading hundreds of rows again and again would slow down those who are measured.
    counted = select(Job.state, func.count(), func.max(Job.id)).group_by(Job.state)
    if of is not None:
        counted = counted.where(Job.id == of)
    end = time.monotonic() + patience
    while time.monotonic() < end:
        async with parts.database.read() as session:
            rows = (await session.execute(counted)).all()
            states = Counter({row[0]: row[1] for row in rows})
            if states[JobState.FAILED.value]:
                failed = next(row[2] for row in rows if row[0] == JobState.FAILED.value)
                job = await parts.jobs.get(session, failed, any=True)
                msg = f"job {failed} failed: {job.failure}\n{_log(parts.data.root)}"
                raise RuntimeError(msg)
        if reached(states):
            return
        await asyncio.sleep(_WAIT_SECONDS)
    msg = f"after {patience:.0f} s the jobs are {dict(states)}\n{_log(parts.data.root)}"
    raise TimeoutError(msg)


def _log(data_dir: Path) -> str:
    """The end of what the workers have said."""
    return (data_dir / "log").read_text(encoding="utf-8", errors="replace")[-4000:]


def _all_done(states: Counter[str]) -> bool:
    return states[JobState.COMPLETED.value] == states.total()


async def _done(parts: Parts) -> list[Job]:
    async with parts.database.read() as session:
        return list(await session.scalars(select(Job).where(Job.state == JobState.COMPLETED.value)))


@dataclass(frozen=True, slots=True)
class _Waits:
    """Milliseconds since a job was asked for."""

    until_attempt: list[float]
    until_begun: list[float]
    """Until the first line of its reconstruction."""


async def _waits(data_dir: Path, count: int, later: int) -> _Waits:
    """Of jobs that are asked for one by one, of an idle worker, beside so many that may not begin yet."""
    async with queue(data_dir) as parts:
        await fill(parts, later, _LATER_SECONDS)
        with ExitStack() as stack:
            _start_workers(stack, data_dir)
            for _ in range(count):
                # At any moment between two of the worker's looks, not always just after one.
                await asyncio.sleep(random.uniform(0, 10 * parts.settings.jobs.poll_seconds))
                (job_id,) = await add(parts, 1)
                await _until(parts, _all_done, of=job_id)
        done = {job.id: job for job in await _done(parts)}
        asked = {job.id: job.queued_at or 0.0 for job in done.values()}
        async with parts.database.read() as session:
            began = await session.execute(select(JobAttempt.job_id, JobAttempt.began_at))
            attempts = [1000 * (row[1] - asked[row[0]]) for row in began]
        begun = []
        for job in done.values():
            noted = (parts.data.result(job.id, job.result_version or "") / _BEGAN).read_text(encoding="ascii")
            begun.append(1000 * (float(noted) - asked[job.id]))
    assert len(attempts) == len(begun) == count
    return _Waits(attempts, begun)


async def _drained(data_dir: Path, count: int, workers: int) -> tuple[float, Counter[str]]:
    """Jobs a second from the first claim to the last completion, and how often each job was claimed."""
    async with queue(data_dir) as parts:
        with ExitStack() as stack:
            _start_workers(stack, data_dir, workers)
            await add(parts, count)
            await _until(parts, _all_done)
        jobs = await _done(parts)
        async with parts.database.read() as session:
            claimed = await session.scalars(select(JobEvent.job_id).where(JobEvent.kind == "running"))
            claims = Counter(claimed)
    seconds = max(job.finished_at or 0 for job in jobs) - min(job.started_at or 0 for job in jobs)
    return count / seconds, claims


async def _killed(data_dir: Path, count: int) -> tuple[int, float]:
    """How many jobs are never done after kill -9 of the worker that had begun, and how long all the others took."""
    async with queue(data_dir) as parts:
        hold = data_dir / _HOLD
        hold.touch()
        with ExitStack() as stack:
            (worker,) = _start_workers(stack, data_dir, environment=_SHORT_LEASE)
            await add(parts, count)
            await _until(parts, lambda states: states[JobState.RUNNING.value] == 1)
            worker.kill()
            killed_at = time.time()
        hold.unlink()
        with ExitStack() as stack:
            _start_workers(stack, data_dir, environment=_SHORT_LEASE)
            # Those that aren't done by then are lost.
            with contextlib.suppress(TimeoutError):
                await _until(parts, _all_done, patience=_RECOVERY_SECONDS)
        done = await _done(parts)
    return count - len(done), max(((job.finished_at or 0) - killed_at for job in done), default=0.0)


def _start_workers(
    stack: ExitStack, data_dir: Path, count: int = 1, environment: dict[str, str] | None = None
) -> list[Process]:
    """Workers that are about to look for their first job; they end with the stack."""
    return start_all(stack, count, ["benchmarks.jobs", str(data_dir)], data_dir / "log", **(environment or {}))


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


def main() -> None:
    """`garaza worker` with `_reconstruct`. Argument: the data directory."""
    configure_logging()
    parts = replace(make_parts(Settings(data_dir=Path(sys.argv[1]))), reconstruct=_reconstruct)
    prepare(parts)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    run_worker(parts, None, supervised=True)


if __name__ == "__main__":
    main()
