"""Whatever carries jobs to workers, they are done: once, in their order, and whoever dies or is away meanwhile."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from garaza.jobs.claims import Waiting
from garaza.jobs.models import Job
from garaza.jobs.sweeper import Sweeper
from garaza.kit.ids import new_id
from garaza.settings import DatabaseSettings, JobSettings, Settings
from garaza.wiring import Parts, make_parts
from tests.accounts.conftest import migrated
from tests.contract.worker_process import CONTROL
from tests.jobs.queue import OPTIONS
from tests.servers.valkey import Valkey
from tests.service.harness import PATIENCE_SECONDS, ROOT, is_gone

pytestmark = pytest.mark.anyio

FAST = {"lease_seconds": 3, "heartbeat_seconds": 0.1, "republish_seconds": 1}
"""A lease outlasts any moment in which the machine does something else: without it a job is done again."""


@dataclass
class Carried:
    """A queue, the part of the service that looks after it, and workers as processes."""

    parts: Parts
    control: Path
    sweeper: Sweeper
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    async def ask(self, priority: int = 0, *, held: bool = False) -> str:
        job_id = new_id()
        self.parts.data.upload(job_id).write_bytes(b"video")
        if held:
            self.hold(job_id)
        async with self.parts.database.write() as session:
            await self.parts.jobs.create(session, job_id, "room.mp4", {})
            await self.parts.jobs.ask(session, job_id, OPTIONS, priority=priority)
        return job_id

    def start_worker(self, concurrency: int = 1) -> int:
        """The process's number."""
        settings = self.parts.settings
        jobs = settings.jobs
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GARAZA_")},
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")]),
            CONTROL: str(self.control),
            "GARAZA_DATA_DIR": str(self.parts.data.root),
            **{f"GARAZA_JOBS__{name}".upper(): str(value) for name, value in FAST.items()},
        }
        if settings.database.url is not None:
            environment["GARAZA_DATABASE__URL"] = settings.database.url.get_secret_value()
        if jobs.broker_url is not None:
            environment["GARAZA_JOBS__BROKER_URL"] = jobs.broker_url.get_secret_value()
        with (self.control / "log").open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "tests.contract.worker_process", f"worker-{new_id()}", str(concurrency)],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )
        self.workers.append(worker)
        return worker.pid

    def hold(self, job_id: str) -> None:
        (self.control / f"{job_id}.hold").touch()

    def let_go(self, job_id: str) -> None:
        (self.control / f"{job_id}.hold").unlink()

    def attempts(self) -> list[dict[str, Any]]:
        """Job and process of each call of the reconstruction, in their order."""
        log = self.control / "attempts"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    async def job(self, job_id: str) -> Job:
        async with self.parts.database.read() as session:
            return await self.parts.jobs.get(session, job_id, any=True)

    async def eventually(self, probe: Callable[[], Any], what: str) -> Any:
        for _ in range(50 * PATIENCE_SECONDS):
            answer = probe()
            if answer := (await answer if asyncio.iscoroutine(answer) else answer):
                return answer
            await asyncio.sleep(0.02)
        raise AssertionError(f"did not happen: {what}\n{(self.control / 'log').read_text()[-10_000:]}")

    async def done(self, *job_ids: str) -> None:
        async def all_done() -> bool:
            return {(await self.job(job_id)).state for job_id in job_ids} == {"completed"}

        await self.eventually(all_done, f"{job_ids} done")

    async def begun(self, count: int) -> list[dict[str, Any]]:
        """The first `count` attempts, once there are so many."""

        def enough() -> list[dict[str, Any]] | None:
            found = self.attempts()
            return found[:count] if len(found) >= count else None

        return list(await self.eventually(enough, f"{count} attempts"))

    async def published(self, job_id: str) -> None:
        """Until the broker has been told, where there is one."""

        async def told() -> bool:
            job = await self.job(job_id)
            return job.published_at is not None or self.parts.settings.jobs.broker_url is None

        await self.eventually(told, "the broker is told")

    def stop(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.terminate()
        for worker in self.workers:
            try:
                worker.wait(20)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait(PATIENCE_SECONDS)
            assert worker.stdin is not None
            worker.stdin.close()


Carry = Callable[[JobSettings], Any]


@pytest.fixture
def database_settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DatabaseSettings]:
    """Of the adapter under test."""
    (tmp_path / "data").mkdir()
    if request.node.callspec.params["adapter"] == "database on SQLite":
        shutil.copy(request.getfixturevalue("empty_file"), tmp_path / "data" / "garaza.db")
        yield DatabaseSettings()
        return
    server = request.getfixturevalue("postgres")
    with server.database(server.template(migrated)) as url:
        yield DatabaseSettings(url=SecretStr(url))


async def carried_by(broker_url: str | None, database: DatabaseSettings, place: Path) -> AsyncIterator[Carried]:
    jobs = JobSettings(**FAST, broker_url=None if broker_url is None else SecretStr(broker_url))  # type: ignore[arg-type]
    parts = make_parts(Settings(data_dir=place / "data", database=database, jobs=jobs))
    parts.data.create()
    (place / "control").mkdir()
    carried = Carried(parts, place / "control", parts.sweeper(parts.dispatcher()))
    carried.sweeper.start()
    yield carried
    carried.stop()
    await carried.sweeper.stop()
    await parts.database.close()


@pytest.fixture(params=["database on SQLite", "database on PostgreSQL", "Celery"])
def adapter(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def carried(
    adapter: str, database_settings: DatabaseSettings, request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[Carried]:
    broker_url = None
    if adapter == "Celery":
        valkey = request.getfixturevalue("valkey")
        valkey.flush()
        broker_url = valkey.url
    async for carried in carried_by(broker_url, database_settings, tmp_path):
        yield carried


async def test_a_job_that_is_asked_for_is_done_once(carried: Carried) -> None:
    carried.start_worker()
    job_ids = [await carried.ask() for _ in range(5)]
    await carried.done(*job_ids)
    assert Counter(attempt["job"] for attempt in carried.attempts()) == Counter(job_ids)
    await carried.eventually(lambda: not list(carried.parts.data.work.iterdir()), "nothing is left")


async def test_jobs_are_done_in_the_order_of_their_priorities(carried: Carried) -> None:
    job_ids = {priority: await carried.ask(priority) for priority in (9, 6, 3, 0)}
    for job_id in job_ids.values():
        await carried.published(job_id)
    carried.start_worker()
    await carried.done(*job_ids.values())
    assert [attempt["job"] for attempt in carried.attempts()] == [job_ids[p] for p in (0, 3, 6, 9)]


async def test_telling_workers_twice_does_nothing_twice(carried: Carried) -> None:
    dispatcher = carried.sweeper._dispatcher
    job_id = await carried.ask(held=True)
    message = Waiting(job_id, 0, again=False)
    await dispatcher.publish([message] * 3)
    carried.start_worker(2)
    await carried.begun(1)
    await dispatcher.publish([message] * 3)
    other = await carried.ask()
    await carried.done(other)
    carried.let_go(job_id)
    await carried.done(job_id)
    await dispatcher.publish([message] * 3)
    last = await carried.ask()
    await carried.done(last)
    assert [attempt["job"] for attempt in carried.attempts()] == [job_id, other, last]


async def test_a_worker_does_as_many_jobs_at_once_as_it_was_told(carried: Carried) -> None:
    job_ids = [await carried.ask(held=True) for _ in range(3)]
    waiting = await carried.ask()
    pid = carried.start_worker(3)
    begun = await carried.begun(3)
    assert {attempt["pid"] for attempt in begun} == {pid}
    assert {attempt["job"] for attempt in begun} == set(job_ids)
    assert (await carried.job(waiting)).state == "queued"
    for job_id in job_ids:
        carried.let_go(job_id)
    await carried.done(*job_ids, waiting)


async def test_the_job_of_a_killed_worker_is_done_by_another(carried: Carried) -> None:
    victim = carried.start_worker()
    job_id = await carried.ask(held=True)
    await carried.begun(1)
    os.kill(victim, signal.SIGKILL)
    survivor = carried.start_worker()
    begun = await carried.begun(2)
    assert [(attempt["job"], attempt["pid"]) for attempt in begun] == [(job_id, victim), (job_id, survivor)]
    carried.let_go(job_id)
    await carried.done(job_id)
    job = await carried.job(job_id)
    assert (job.attempts, job.result_version) == (2, "2")
    await carried.eventually(lambda: not list(carried.parts.data.work.iterdir()), "nothing is left")


async def test_a_worker_that_is_told_to_end_gives_its_jobs_back(carried: Carried) -> None:
    first = carried.start_worker(2)
    job_ids = [await carried.ask(held=True) for _ in range(2)]
    await carried.begun(2)
    os.kill(first, signal.SIGTERM)
    await carried.eventually(lambda: carried.workers[0].poll() is not None, "the worker ends")
    assert carried.workers[0].returncode == 0
    for job_id in job_ids:
        assert (await carried.job(job_id)).state == "queued"
        carried.let_go(job_id)
    carried.start_worker()
    await carried.done(*job_ids)
    assert {(await carried.job(job_id)).attempts for job_id in job_ids} == {1}


async def test_a_worker_ends_with_whoever_started_it(carried: Carried) -> None:
    pid = carried.start_worker()
    job_id = await carried.ask(held=True)
    await carried.begun(1)
    stdin = carried.workers[0].stdin
    assert stdin is not None
    stdin.close()
    await carried.eventually(lambda: carried.workers[0].poll() is not None and is_gone(pid), "the worker ends")
    assert (await carried.job(job_id)).state == "queued"


async def test_a_cancelled_job_is_stopped_and_leaves_nothing(carried: Carried) -> None:
    carried.start_worker()
    job_id = await carried.ask(held=True)
    await carried.begun(1)
    async with carried.parts.database.write() as session:
        await carried.parts.jobs.cancel(session, job_id)
    await carried.eventually(lambda: not list(carried.parts.data.work.iterdir()), "nothing is left")
    other = await carried.ask()
    await carried.done(other)
    assert (await carried.job(job_id)).state == "cancelled"
    async with carried.parts.database.write() as session:
        await carried.parts.jobs.ask(session, job_id, OPTIONS)
    carried.let_go(job_id)
    await carried.done(job_id)


async def test_many_workers_do_many_jobs_once_each(carried: Carried) -> None:
    for _ in range(2):
        carried.start_worker(2)
    job_ids = [await carried.ask() for _ in range(20)]
    await carried.done(*job_ids)
    assert Counter(attempt["job"] for attempt in carried.attempts()) == Counter(job_ids)


# A broker that goes away ------------------------------------------------------------------------------------------


@pytest.fixture
async def own_broker(
    database_settings: DatabaseSettings, valkey: Valkey, tmp_path: Path
) -> AsyncIterator[tuple[Carried, Valkey]]:
    """`valkey` only says whether there are any."""
    with Valkey(tmp_path / "broker") as own:
        async for carried in carried_by(own.url, database_settings, tmp_path):
            yield carried, own


@pytest.mark.parametrize("adapter", ["Celery"])
async def test_a_broker_that_is_away_delays_jobs_and_loses_none(
    adapter: str, own_broker: tuple[Carried, Valkey]
) -> None:
    carried, broker = own_broker
    carried.start_worker()
    first = await carried.ask()
    await carried.done(first)
    broker.kill()
    job_ids = [await carried.ask() for _ in range(3)]
    await asyncio.sleep(0.5)
    assert [(await carried.job(job_id)).published_at for job_id in job_ids] == [None] * 3
    broker.restart()
    await carried.done(*job_ids)
    assert Counter(attempt["job"] for attempt in carried.attempts()) == Counter([first, *job_ids])


@pytest.mark.parametrize("adapter", ["Celery"])
async def test_a_worker_that_could_not_say_that_it_is_done_takes_the_next_job(
    adapter: str, own_broker: tuple[Carried, Valkey]
) -> None:
    carried, broker = own_broker
    carried.start_worker()
    first = await carried.ask(held=True)
    await carried.begun(1)
    broker.kill()
    carried.let_go(first)
    await carried.done(first)
    # Long enough for the answer to the broker to fail.
    await asyncio.sleep(0.5)
    broker.restart()
    second = await carried.ask()
    await carried.done(second)
    assert [attempt["job"] for attempt in carried.attempts()] == [first, second]


@pytest.mark.parametrize("adapter", ["Celery"])
async def test_messages_that_the_broker_forgot_are_sent_again(adapter: str, own_broker: tuple[Carried, Valkey]) -> None:
    carried, broker = own_broker
    job_ids = [await carried.ask() for _ in range(3)]
    for job_id in job_ids:
        await carried.published(job_id)
    broker.kill()
    broker.restart()
    carried.start_worker()
    await carried.done(*job_ids)


@pytest.mark.parametrize("adapter", ["Celery"])
async def test_a_job_that_waits_long_does_not_fill_the_broker(adapter: str, own_broker: tuple[Carried, Valkey]) -> None:
    carried, _ = own_broker
    job_id = await carried.ask()
    for _ in range(3):
        before = (await carried.job(job_id)).published_at

        async def looked_at(before: float | None = before) -> bool:
            return (await carried.job(job_id)).published_at != before

        await carried.eventually(looked_at, "the sweeper sees to it")
    assert await carried.sweeper._dispatcher.backlog() == 1
