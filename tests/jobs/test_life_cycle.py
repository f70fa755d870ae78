"""Any sequence of what clients, workers and time may do to jobs, held against a model that is simple enough to read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import URL, text

from garaza.errors import GarazaError
from garaza.jobs.claims import Claim, Note, Report
from garaza.jobs.models import Job
from garaza.jobs.service import JobService
from garaza.jobs.states import LEGAL, JobState
from garaza.kit.database import Database, WriteSession
from garaza.settings import DatabaseSettings, JobSettings
from garaza.wiring import pool_options
from tests.jobs.queue import FAILURE, OPTIONS, SettableClock

SETTINGS = JobSettings(lease_seconds=15, max_attempts=3, backoff_seconds=2, head_start_seconds=100)
AFTER = {
    "queued": JobState.QUEUED,
    "running": JobState.RUNNING,
    "retrying": JobState.QUEUED,
    "completed": JobState.COMPLETED,
    "failed": JobState.FAILED,
    "cancelled": JobState.CANCELLED,
}
"""The state that each event tells of."""

HOW = st.sampled_from(["failed", "completed", "hopeless", "released", "progress", "nothing new"])
"""How an attempt goes on or ends."""


@dataclass
class Model:
    """What a job is expected to be."""

    state: JobState = JobState.UPLOADED
    rank: float = 0
    available_at: float = 0
    lease_until: float = 0
    fence: int = 0
    attempts: int = 0
    key: str | None = None
    version: str | None = None
    deleted: bool = False
    gone: bool = False
    events: list[str] = field(default_factory=lambda: ["uploaded"])
    outcomes: list[str | None] = field(default_factory=list)
    ends: int = 0

    def holds(self, claim: Claim) -> bool:
        return self.state is JobState.RUNNING and self.fence == claim.fence and not self.deleted

    def end_attempt(self, outcome: str, event: str) -> None:
        self.outcomes[-1] = outcome
        self.events.append(event)
        self.state = AFTER[event]
        self.ends += event in {"completed", "failed", "cancelled"}


class LifeCycle(RuleBasedStateMachine):
    jobs = Bundle("jobs")

    def __init__(self, url: URL) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.database = Database(url, pool_options(DatabaseSettings(), url))
        self.clock = SettableClock()
        self.ended: list[str] = []

        async def on_end(_session: WriteSession, job: Job) -> None:
            self.ended.append(job.id)

        self.service = JobService(SETTINGS, self.clock, on_end)
        self.models: dict[str, Model] = {}
        self.issued: list[Claim] = []
        self.completed: dict[str, tuple[Any, ...]] = {}

    def teardown(self) -> None:
        async def clear() -> None:
            async with self.database.write() as session:
                await session.execute(text("DELETE FROM jobs"))
            await self.database.close()

        self.runner.run(clear())
        self.runner.close()

    def write(self, method: Callable[..., Awaitable[Any]], *arguments: Any, **more: Any) -> Any:
        async def written() -> Any:
            async with self.database.write() as session:
                return await method(session, *arguments, **more)

        return self.runner.run(written())

    def refused(self, method: Callable[..., Awaitable[Any]], *arguments: Any, **more: Any) -> str | None:
        """The code that a call is refused with; None if it isn't."""
        try:
            self.write(method, *arguments, **more)
        except GarazaError as error:
            return error.code
        return None

    # Clients -------------------------------------------------------------------------------------------------------

    @initialize(target=jobs)
    def begin(self) -> Any:
        # Few, so that much happens to each.
        return multiple(self.create(), self.create(), self.create())

    def create(self) -> str:
        # Not by chance: of two that are equal otherwise, the one with the lower id is first.
        job_id = f"{len(self.models):022}"
        self.write(self.service.create, job_id, "room.mp4", {})
        self.models[job_id] = Model()
        return job_id

    @rule(job_id=jobs, priority=st.sampled_from([0, 3, 6, 9]), key=st.sampled_from([None, "a", "b"]))
    def ask_for_one(self, job_id: str, priority: int, key: str | None) -> None:
        self.ask(job_id, priority, key)

    def ask(self, job_id: str, priority: int, key: str | None) -> None:
        model = self.models[job_id]
        code = self.refused(self.service.ask, job_id, OPTIONS, priority=priority, process_key=key)
        if model.deleted:
            assert code == "not_found"
        elif key is not None and key == model.key:
            assert code is None
        elif model.state in {JobState.UPLOADED, JobState.FAILED, JobState.CANCELLED}:
            assert code is None
            model.state, model.attempts, model.key = JobState.QUEUED, 0, key
            model.rank = self.clock.now + priority / 3 * SETTINGS.head_start_seconds
            model.available_at = self.clock.now
            model.events.append("queued")
        else:
            assert code == ("already_done" if model.state is JobState.COMPLETED else "already_processing")

    @rule(priorities=st.permutations([0, 3, 6, 9]))
    def ask_for_all(self, priorities: list[int]) -> None:
        there = [job_id for job_id, model in self.models.items() if not model.deleted]
        for job_id, priority in zip(there, priorities, strict=False):
            self.ask(job_id, priority, None)

    @rule(job_id=jobs)
    def cancel_one(self, job_id: str) -> None:
        self.cancel(job_id)

    def cancel(self, job_id: str) -> None:
        model = self.models[job_id]
        code = self.refused(self.service.cancel, job_id)
        if model.deleted:
            assert code == "not_found"
        elif model.state in {JobState.QUEUED, JobState.RUNNING}:
            assert code is None
            self.stop(model)
            model.ends += 1
        else:
            assert code == (None if model.state is JobState.CANCELLED else "not_processing")

    @rule(target=jobs, job_id=consumes(jobs), then=st.sampled_from(["ask", "cancel", "claim", "finish"]))
    def another_instead(self, job_id: str, then: str) -> str:
        """The one that is deleted is good for nothing any more."""
        self.delete(job_id)
        match then:
            case "ask":
                self.ask(job_id, 0, None)
            case "cancel":
                self.cancel(job_id)
            case "claim":
                self.claim_job(job_id)
            case "finish":
                self.finish_deleted(job_id)
        return self.create()

    def delete(self, job_id: str) -> None:
        model = self.models[job_id]
        assert not self.write(self.service.finish_deleted, job_id), "it isn't marked"
        assert self.write(self.service.mark_deleted, job_id) is not model.deleted
        if model.state in {JobState.QUEUED, JobState.RUNNING}:
            self.stop(model)
        model.events.append("deleted")
        model.deleted = True

    @staticmethod
    def stop(model: Model) -> None:
        if model.state is JobState.RUNNING:
            model.outcomes[-1] = "cancelled"
        model.state = JobState.CANCELLED
        model.events.append("cancelled")

    def finish_deleted(self, job_id: str) -> None:
        model = self.models[job_id]
        assert self.write(self.service.finish_deleted, job_id)
        model.gone, model.events, model.outcomes = True, [], []

    # Workers -------------------------------------------------------------------------------------------------------

    @rule(limit=st.integers(1, 3))
    def claim_some(self, limit: int) -> None:
        self.claim(limit)

    def claim(self, limit: int) -> None:
        self.lose_expired()
        due = sorted(model.rank for model in self.models.values() if self.is_due(model))
        claims: list[Claim] = self.write(self.service.claim_many, "w", limit)
        assert [self.models[claim.job_id].rank for claim in claims] == due[:limit]
        assert all(self.is_due(self.models[claim.job_id]) for claim in claims)
        for claim in claims:
            self.begin_attempt(claim)

    @rule(job_id=jobs)
    def claim_certain(self, job_id: str) -> None:
        self.claim_job(job_id)

    def claim_job(self, job_id: str) -> None:
        claim = self.write(self.service.claim_job, "w", job_id)
        assert (claim is not None) == self.is_due(self.models[job_id])
        if claim is not None:
            self.begin_attempt(claim)

    def is_due(self, model: Model) -> bool:
        return model.state is JobState.QUEUED and model.available_at <= self.clock.now

    def begin_attempt(self, claim: Claim) -> None:
        model = self.models[claim.job_id]
        model.fence, model.attempts = model.fence + 1, model.attempts + 1
        assert (claim.fence, claim.attempt) == (model.fence, model.attempts)
        model.state, model.lease_until = JobState.RUNNING, self.clock.now + SETTINGS.lease_seconds
        model.events.append("running")
        model.outcomes.append(None)
        self.issued.append(claim)

    @rule(times=st.integers(1, 3))
    def attempts_fail(self, times: int) -> None:
        """The way to the last attempt is long otherwise."""
        for _ in range(times):
            if claim := self.claim_next():
                self.fail(claim, permanent=False)

    @rule(how=st.sampled_from(["completed", "failed", "released", "progress"]))
    def a_worker_is_overtaken(self, how: str) -> None:
        if claim := self.claim_next():
            self.clock.now += SETTINGS.lease_seconds
            self.claim(3)
            self.say(claim, how)

    def claim_next(self) -> Claim | None:
        """The one that comes up next, be it only later."""
        queued = [model.available_at for model in self.models.values() if model.state is JobState.QUEUED]
        self.clock.now = max(self.clock.now, min(queued, default=0))
        before = len(self.issued)
        self.claim(1)
        return self.issued[-1] if len(self.issued) > before else None

    @rule(data=st.data(), how=HOW)
    def somebody_at_work_says(self, data: st.DataObject, how: str) -> None:
        holding = [claim for claim in self.issued if self.models[claim.job_id].holds(claim)]
        if holding:
            self.say(data.draw(st.sampled_from(holding)), how)

    @rule(data=st.data(), how=st.sampled_from(["completed", "failed", "released", "progress"]))
    def somebody_who_is_late_says(self, data: st.DataObject, how: str) -> None:
        void = [claim for claim in self.issued if not self.models[claim.job_id].holds(claim)]
        running = [claim for claim in void if self.models[claim.job_id].state is JobState.RUNNING]
        # Of a job that somebody else is at, if there is one: there it would do harm.
        if candidates := running or void:
            self.say(data.draw(st.sampled_from(candidates)), how)

    def say(self, claim: Claim, how: str) -> None:
        match how:
            case "completed":
                self.complete(claim)
            case "failed" | "hopeless":
                self.fail(claim, permanent=how == "hopeless")
            case "released":
                self.release(claim)
            case _:
                self.renew(claim, told=how == "progress")

    def renew(self, claim: Claim, told: bool) -> None:
        report = Report({"stage": "depth", "progress": 1}, (Note("log", {"text": "x"}),)) if told else None
        model = self.models[claim.job_id]
        assert self.write(self.service.renew, claim, report) is model.holds(claim)
        if model.holds(claim):
            model.lease_until = self.clock.now + SETTINGS.lease_seconds
            model.events += ["log", "progress"] if told else []

    def complete(self, claim: Claim) -> None:
        model = self.models[claim.job_id]
        # Whoever has done it before may say so again.
        mine = model.state is JobState.COMPLETED and model.version == str(claim.fence) and not model.gone
        assert self.write(self.service.complete, claim, str(claim.fence), []) is (model.holds(claim) or mine)
        if model.holds(claim):
            model.end_attempt("completed", "completed")
            model.version = str(claim.fence)

    def fail(self, claim: Claim, permanent: bool) -> None:
        model = self.models[claim.job_id]
        assert self.write(self.service.fail, claim, FAILURE, permanent=permanent) is model.holds(claim)
        if model.holds(claim):
            last = permanent or model.attempts == SETTINGS.max_attempts
            model.end_attempt("failed", "failed" if last else "retrying")
            self.learn_backoffs()

    def release(self, claim: Claim) -> None:
        model = self.models[claim.job_id]
        assert self.write(self.service.release, claim) is model.holds(claim)
        if model.holds(claim):
            model.end_attempt("released", "queued")
            model.attempts -= 1
            model.available_at = self.clock.now

    @rule()
    def requeue_expired(self) -> None:
        assert self.write(self.service.requeue_expired) == self.lose_expired()
        self.learn_backoffs()

    def lose_expired(self) -> int:
        count = 0
        for model in self.models.values():
            if model.state is JobState.RUNNING and model.lease_until <= self.clock.now:
                model.end_attempt("lost", "failed" if model.attempts == SETTINGS.max_attempts else "retrying")
                model.available_at = self.clock.now
                count += 1
        return count

    @rule(seconds=st.sampled_from([0.5, 5.0, 14.0, 20.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds

    # What always holds ---------------------------------------------------------------------------------------------

    def learn_backoffs(self) -> None:
        """When a failed job comes up again is drawn by lot; it has only to be within bounds."""
        for row in self.rows():
            model = self.models[row.id]
            if model.state is JobState.QUEUED and row.available_at != model.available_at:
                wait = row.available_at - self.clock.now
                expected = SETTINGS.backoff_seconds * 2 ** (model.attempts - 1)
                assert 0.8 * expected - 1e-3 <= wait <= 1.2 * expected + 1e-3
                model.available_at = row.available_at

    def rows(self) -> list[Any]:
        return self.query(JOBS)[0]

    def query(self, *statements: str) -> list[list[Any]]:
        async def asked() -> list[list[Any]]:
            async with self.database.read() as session:
                return [list((await session.execute(text(statement))).all()) for statement in statements]

        return self.runner.run(asked())

    @invariant()
    def everything_is_as_expected(self) -> None:
        rows, events, attempts = self.query(JOBS, EVENTS, ATTEMPTS)
        self.check_rows(rows)
        self.check_events(grouped(events))
        self.check_attempts(grouped(attempts))
        for job_id, model in self.models.items():
            assert self.ended.count(job_id) == model.ends, "each end is told of, and once"

    def check_rows(self, rows: list[Any]) -> None:
        assert {row.id for row in rows} == {job_id for job_id, model in self.models.items() if not model.gone}
        for row in rows:
            model = self.models[row.id]
            assert (row.state, row.fence, row.attempts) == (model.state.value, model.fence, model.attempts)
            assert (row.deleted_at is not None, row.result_version) == (model.deleted, model.version)
            assert row.attempts <= SETTINGS.max_attempts
            assert (row.lease_owner is not None) == (row.state == "running")
            if row.state == "completed":
                this = (row.fence, row.attempts, row.result_version, row.finished_at)
                assert self.completed.setdefault(row.id, this) == this, "what is completed stays as it is"

    def check_events(self, told: dict[str, list[Any]]) -> None:
        for job_id, model in self.models.items():
            events = told.get(job_id, [])
            assert events == model.events
            state = JobState.UPLOADED
            for event in events:
                if event in AFTER:
                    assert AFTER[event] in LEGAL[state], (events, event)
                    state = AFTER[event]
                elif event not in {"uploaded", "deleted"}:
                    assert state is JobState.RUNNING
            assert events.count("completed") <= 1
            assert not {"uploaded", "deleted"} & set(events[1:-1]), "the first and the last"

    def check_attempts(self, outcomes: dict[str, list[Any]]) -> None:
        for job_id, model in self.models.items():
            mine = outcomes.get(job_id, [])
            assert mine == model.outcomes
            assert mine.count(None) == (model.state is JobState.RUNNING), "one goes on at most"
            assert mine.count("completed") == (model.state is JobState.COMPLETED and not model.gone)


JOBS = "SELECT id, state, fence, attempts, available_at, deleted_at, result_version, finished_at, lease_owner FROM jobs"
EVENTS = "SELECT job_id, kind FROM job_events ORDER BY id"
ATTEMPTS = "SELECT job_id, outcome FROM job_attempts ORDER BY fence"


def grouped(rows: list[Any]) -> dict[str, list[Any]]:
    """By the first column."""
    found: dict[str, list[Any]] = {}
    for job_id, value in rows:
        found.setdefault(job_id, []).append(value)
    return found


def test_whatever_happens_to_jobs_they_stay_in_order(database_url: URL) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        lambda: LifeCycle(database_url),
        settings=settings(
            max_examples=40,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.slow
def test_whatever_happens_to_jobs_at_length(database_url: URL) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        lambda: LifeCycle(database_url),
        settings=settings(
            max_examples=120,
            stateful_step_count=60,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
