"""What an attempt leaves behind, however it goes."""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL

from garaza.jobs.claims import Claim
from garaza.jobs.run_job import JobRunner
from garaza.jobs.service import JobService
from garaza.kit.blobs.local import LocalBlobs
from garaza.kit.database import Database, DatabaseUnavailableError, ReadSession, WriteSession
from garaza.kit.storage import DataDirectory
from garaza.reconstruction.failures import EngineCrashed, TooDark
from garaza.reconstruction.progress import Stage
from garaza.reconstruction.result import RESULT_FILE, Result, describe_file
from garaza.settings import DatabaseSettings, JobSettings
from garaza.wiring import pool_options
from tests.jobs.double import Call, Double
from tests.jobs.queue import Queue
from tests.service.harness import PATIENCE_SECONDS

pytestmark = pytest.mark.anyio


class Fragile(Database):
    """A database that can go away."""

    away = False
    lose_answers = 0
    """So many transactions are committed, and nobody hears of it."""

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadSession]:
        if self.away:
            raise DatabaseUnavailableError
        async with super().read() as session:
            yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[WriteSession]:
        if self.away:
            raise DatabaseUnavailableError
        async with super().write() as session:
            yield session
        if self.lose_answers:
            self.lose_answers -= 1
            raise DatabaseUnavailableError


@dataclass
class Bench:
    """A queue with somebody who works."""

    queue: Queue
    database: Fragile
    data: DataDirectory
    double: Double
    settings: JobSettings

    def __post_init__(self) -> None:
        self.stopping = asyncio.Event()
        self.runner = JobRunner(
            self.database, self.data, LocalBlobs(self.data), self.queue.jobs, self.settings, self.double
        )

    async def add(self) -> str:
        job_id = await self.queue.add()
        self.data.upload(job_id).write_bytes(b"video")
        return job_id

    async def run(self, claim: Claim) -> None:
        await self.runner.run(claim, self.stopping)

    async def begun(self) -> tuple[str, Call, asyncio.Task[None]]:
        """A job that is being worked on until its call is let go."""
        self.double.act = Call.wait
        job_id = await self.add()
        task = asyncio.create_task(self.run(await self.queue.claimed()))
        call = await self.next_call()
        await asyncio.to_thread(call.begun.wait)
        return job_id, call, task

    async def next_call(self) -> Call:
        assert await asyncio.to_thread(self.double.called.acquire, timeout=PATIENCE_SECONDS)
        return self.double.calls[-1]

    def left(self) -> list[str]:
        """What is in the work folder."""
        return sorted(path.name for path in self.data.work.iterdir())

    def results(self, job_id: str) -> list[str]:
        folder = self.data.results / job_id
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


MakeBench = Callable[..., Bench]


@pytest.fixture
async def make_bench(database_url: URL, tmp_path: Path) -> AsyncIterator[MakeBench]:
    database = Fragile(database_url, pool_options(DatabaseSettings(), database_url))
    data = DataDirectory(tmp_path / "data")
    data.create()

    def make(**settings: Any) -> Bench:
        chosen = JobSettings(**{"lease_seconds": 60, "heartbeat_seconds": 0.02, "backoff_seconds": 0, **settings})
        return Bench(Queue(database, JobService(chosen), None), database, data, Double(), chosen)  # type: ignore[arg-type]

    yield make
    database.away = False
    await database.close()


@pytest.fixture
def bench(make_bench: MakeBench) -> Bench:
    return make_bench()


async def eventually(probe: Callable[[], Any], what: str) -> None:
    for _ in range(100 * PATIENCE_SECONDS):
        answer = probe()
        if await answer if asyncio.iscoroutine(answer) else answer:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"did not happen: {what}")


async def test_a_result_is_in_place_and_nothing_else_is_left(bench: Bench) -> None:
    def act(call: Call) -> None:
        call.progress(Stage.FRAMES, 1)
        call.log("8 of 9 pictures chosen")
        call.progress(Stage.EXPORT, 99)
        call.log("said at the very end")

    bench.double.act = act
    job_id = await bench.add()
    claim = await bench.queue.claimed()
    await bench.run(claim)
    job = await bench.queue.get(job_id)
    assert (job.state, job.result_version) == ("completed", str(claim.fence))
    files = await bench.queue.read(bench.queue.jobs.files, job_id)
    folder = bench.data.result(job_id, str(claim.fence))
    assert sorted(files) == sorted(path.name for path in folder.iterdir()) == ["model.glb", "result.json"]
    assert job.result_bytes == sum(path.stat().st_size for path in folder.iterdir())
    assert bench.left() == []
    events = await bench.queue.read(bench.queue.jobs.events_after, 0, 100, job_id)
    told = [(event.kind, event.data.get("stage"), event.data.get("text")) for event in events]
    notes = [entry for entry in told if entry[0] in {"stage", "log"}]
    assert notes == [
        ("stage", "frames", None),
        ("log", "frames", "8 of 9 pictures chosen"),
        ("stage", "export", None),
        ("log", "export", "said at the very end"),
    ]
    assert told[-1][0] == "completed"
    (attempt,) = await bench.queue.read(bench.queue.jobs.attempts_of, job_id)
    assert (attempt.outcome, attempt.stage) == ("completed", "export")


@pytest.mark.parametrize("compress", [True, False])
async def test_files_are_kept_compressed_too_and_counted(bench: Bench, compress: bool) -> None:
    def reconstruct(source: Path, out: Path, *rest: Any, **more: Any) -> Result:
        made = bench.double(source, out, *rest, **more)
        (out / "cameras.json").write_text("[1, 2, 3]\n" * 1000, encoding="utf-8")
        made = made.with_files([*made.files, describe_file(out, out / "cameras.json")])
        (out / RESULT_FILE).write_text(made.to_json(), encoding="utf-8")
        return made

    runner = JobRunner(
        bench.database,
        bench.data,
        LocalBlobs(bench.data),
        bench.queue.jobs,
        bench.settings,
        reconstruct,
        compress=compress,
    )
    job_id = await bench.add()
    claim = await bench.queue.claimed()
    await runner.run(claim, asyncio.Event())
    files = await bench.queue.read(bench.queue.jobs.files, job_id)
    folder = bench.data.result(job_id, str(claim.fence))
    assert sorted(files) == sorted(path.name for path in folder.iterdir())
    assert ({"cameras.json.zst", "cameras.json.br"} <= set(files)) is compress
    job = await bench.queue.get(job_id)
    assert job.result_bytes == sum(path.stat().st_size for path in folder.iterdir())


async def test_a_hopeless_video_fails_with_a_reason_and_leaves_nothing(bench: Bench) -> None:
    def act(_call: Call) -> None:
        raise TooDark(brightness=3, log="/secret/path: said the program")

    bench.double.act = act
    job_id = await bench.add()
    await bench.run(await bench.queue.claimed())
    job = await bench.queue.get(job_id)
    assert (job.state, job.failure and job.failure["reason"]) == ("failed", "too_dark")
    assert job.failure is not None
    assert job.failure["details"] == {"brightness": 3}
    assert bench.left() == []


async def test_the_next_attempt_finds_what_the_first_one_kept(bench: Bench) -> None:
    def crash(call: Call) -> None:
        (call.checkpoints / "frames.npz").write_bytes(b"kept")
        raise EngineCrashed(exit_code=-9)

    found = []

    def act(call: Call) -> None:
        found.append((call.checkpoints / "frames.npz").read_bytes())

    bench.double.act = crash
    job_id = await bench.add()
    await bench.run(await bench.queue.claimed())
    assert bench.left() == [f"{job_id}.checkpoints"]
    bench.double.act = act
    await bench.run(await bench.queue.claimed())
    assert found == [b"kept"]
    assert await bench.queue.state(job_id) == "completed"
    assert bench.left() == []


async def test_checkpoints_go_with_the_last_attempt(bench: Bench) -> None:
    def crash(_call: Call) -> None:
        raise EngineCrashed(exit_code=-9)

    bench.double.act = crash
    job_id = await bench.add()
    for _ in range(3):
        await bench.run(await bench.queue.claimed())
    assert await bench.queue.state(job_id) == "failed"
    assert bench.left() == []


async def test_a_full_disk_is_told_as_such_and_tried_again(bench: Bench) -> None:
    def act(_call: Call) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    bench.double.act = act
    job_id = await bench.add()
    await bench.run(await bench.queue.claimed())
    job = await bench.queue.get(job_id)
    assert job.failure is not None
    assert (job.state, job.failure["reason"]) == ("queued", "disk_full")


async def test_a_bug_in_the_work_is_a_crash(bench: Bench) -> None:
    def act(_call: Call) -> None:
        raise KeyError("a bug")

    bench.double.act = act
    job_id = await bench.add()
    await bench.run(await bench.queue.claimed())
    job = await bench.queue.get(job_id)
    assert job.failure is not None
    assert (job.state, job.failure["reason"], job.failure["details"]) == (
        "queued",
        "engine_crashed",
        {"error": "KeyError"},
    )


@pytest.mark.parametrize("how", ["cancelled", "deleted"])
async def test_work_that_is_not_wanted_any_more_stops_and_leaves_nothing(bench: Bench, how: str) -> None:
    job_id, call, task = await bench.begun()
    jobs = bench.queue.jobs
    assert await bench.queue.write(jobs.cancel if how == "cancelled" else jobs.mark_deleted, job_id)
    await task
    assert not call.may_go_on.is_set()
    assert bench.left() == []
    assert bench.results(job_id) == []


async def test_a_result_that_comes_too_late_is_nobodys(bench: Bench) -> None:
    job_id, call, task = await bench.begun()
    call.cancelled = lambda: False
    await bench.queue.write(bench.queue.jobs.cancel, job_id)
    call.may_go_on.set()
    await task
    assert await bench.queue.state(job_id) == "cancelled"
    assert bench.left() == []
    assert not (bench.data.results / job_id).exists()


async def test_a_worker_that_lost_its_job_leaves_the_next_ones_things_alone(bench: Bench) -> None:
    job_id, _, slow = await bench.begun()
    await bench.queue.write(bench.queue.jobs.release_leases_of, "w")
    second = asyncio.create_task(bench.run(await bench.queue.claimed("second")))
    call = await bench.next_call()
    await slow
    assert call.checkpoints.exists()
    assert len(bench.double.calls) == 2
    call.may_go_on.set()
    await second
    assert await bench.queue.state(job_id) == "completed"
    assert bench.results(job_id) == [(await bench.queue.get(job_id)).result_version]
    assert bench.left() == []


async def test_what_killed_attempts_left_goes_when_the_next_one_begins(bench: Bench) -> None:
    job_id = await bench.add()
    # Before it was asked for last, an attempt may have had a result that somebody keeps.
    kept_by_a_room = bench.data.result(job_id, str((await bench.queue.claimed()).fence))
    await bench.queue.write(bench.queue.jobs.cancel, job_id)
    await bench.queue.ask(job_id)
    claim = await bench.queue.claimed()
    await bench.queue.write(bench.queue.jobs.release_leases_of, "w")
    left_result = bench.data.result(job_id, str(claim.fence))
    others = bench.data.work / "somebodyelses00000000.1"
    left = bench.data.working(job_id, claim.fence)
    hidden = bench.data.work / f".{job_id}.{claim.fence}.partial.77"
    later = bench.data.working(job_id, claim.fence + 2)
    for folder in (kept_by_a_room, left_result, others, left, hidden, later):
        folder.mkdir(parents=True)
    await bench.run(await bench.queue.claimed())
    assert [folder.exists() for folder in (kept_by_a_room, others, later)] == [True] * 3
    assert [folder.exists() for folder in (left_result, left, hidden)] == [False] * 3


async def test_a_worker_that_is_told_to_end_gives_its_job_back(bench: Bench) -> None:
    job_id, _, task = await bench.begun()
    bench.stopping.set()
    await task
    job = await bench.queue.get(job_id)
    assert (job.state, job.attempts) == ("queued", 0)
    assert await bench.queue.outcomes(job_id) == [(1, "released")]
    assert bench.left() == [f"{job_id}.checkpoints"]


async def test_work_that_takes_too_long_is_stopped_and_told_of(make_bench: MakeBench) -> None:
    bench = make_bench(max_seconds=0.3)
    bench.double.act = Call.wait
    job_id = await bench.add()
    # On a slow machine the time is over before the work has begun.
    await bench.run(await bench.queue.claimed())
    assert not any(call.may_go_on.is_set() for call in bench.double.calls)
    job = await bench.queue.get(job_id)
    assert job.failure is not None
    assert (job.state, job.failure["reason"]) == ("failed", "took_too_long")


async def test_a_finished_result_waits_for_the_database_to_come_back(bench: Bench) -> None:
    job_id, call, task = await bench.begun()
    bench.database.away = True
    call.may_go_on.set()
    await eventually(lambda: bench.results(job_id), "the result is in place")
    await asyncio.sleep(0.3)
    assert not task.done()
    bench.database.away = False
    await task
    job = await bench.queue.get(job_id)
    assert (job.state, bench.results(job_id)) == ("completed", [job.result_version])
    assert bench.left() == []


async def test_a_result_stays_when_the_answer_to_its_commit_is_lost(bench: Bench) -> None:
    def act(_call: Call) -> None:
        bench.database.lose_answers = 2

    bench.double.act = act
    job_id = await bench.add()
    await bench.run(await bench.queue.claimed())
    job = await bench.queue.get(job_id)
    assert (job.state, bench.results(job_id)) == ("completed", [job.result_version])
    assert (await bench.queue.kinds(job_id)).count("completed") == 1


async def test_work_stops_when_the_database_is_away_for_longer_than_the_lease(make_bench: MakeBench) -> None:
    bench = make_bench(lease_seconds=1)
    job_id, call, task = await bench.begun()
    bench.database.away = True
    await task
    assert not call.may_go_on.is_set()
    bench.database.away = False
    assert await bench.queue.state(job_id) == "running", "whose it is by now is for others to say"
    await eventually(lambda: bench.queue.claim("next"), "the next worker takes it")
    assert await bench.queue.outcomes(job_id) == [(1, "lost"), (2, None)]
    assert bench.left() == [f"{job_id}.checkpoints"]


async def test_work_goes_on_while_the_database_is_away_for_a_moment_and_loses_no_word(bench: Bench) -> None:
    job_id, call, task = await bench.begun()
    bench.database.away = True
    call.log("said in the dark")
    await asyncio.sleep(0.2)
    bench.database.away = False
    call.may_go_on.set()
    await task
    assert await bench.queue.state(job_id) == "completed"
    events = await bench.queue.read(bench.queue.jobs.events_after, 0, 100, job_id)
    assert [event.data["text"] for event in events if event.kind == "log"] == ["said in the dark"]


async def test_a_worker_does_not_wait_for_the_database_for_ever_once_told_to_end(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("garaza.jobs.run_job._FAREWELL_SECONDS", 0.1)
    job_id, _, task = await bench.begun()
    bench.database.away = True
    bench.stopping.set()
    await task
    bench.database.away = False
    assert await bench.queue.state(job_id) == "running", "its lease will tell"


async def test_what_an_attempt_says_is_bounded(bench: Bench) -> None:
    def act(call: Call) -> None:
        for number in range(1000):
            call.log(f"{number} " + "x" * 1000)

    bench.double.act = act
    job_id = await bench.add()
    await bench.run(await bench.queue.claimed())
    events = await bench.queue.read(bench.queue.jobs.events_after, 0, 2000, job_id)
    lines = [event.data["text"] for event in events if event.kind == "log"]
    assert len(lines) == 200
    assert max(map(len, lines)) == 300


async def test_as_many_jobs_run_at_once_as_the_worker_was_told(make_bench: MakeBench) -> None:
    """More than the event loop has threads for."""
    count = 40
    bench = make_bench(concurrency=count)
    together = threading.Barrier(count)
    bench.double.act = lambda _: together.wait(PATIENCE_SECONDS) and None
    for _ in range(count):
        await bench.add()
    claims = await bench.queue.write(bench.queue.jobs.claim_many, "w", count)
    await asyncio.gather(*(bench.run(claim) for claim in claims))
    assert {await bench.queue.state(claim.job_id) for claim in claims} == {"completed"}
