"""The rules of work on jobs: who may do which, and whose writes count. Callers own the transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from garaza.jobs.models import Job
from garaza.jobs.priorities import priority_at
from garaza.jobs.repository import JobRepository
from garaza.jobs.states import JobState
from garaza.kit.backoff import backoff
from garaza.kit.clock import Clock, system_clock
from garaza.kit.database import ReadSession, WriteSession
from garaza.settings import JobSettings

CRASHED = {
    "reason": "crashed",
    "message": "The reconstruction stopped unexpectedly.",
    "advice": "Try again; if it happens again, please report it with the video.",
    "details": {},
}

DISK_FULL = {
    "reason": "disk_full",
    "message": "There was no room left on the server for the model.",
    "advice": "Delete old scans, or try again later.",
    "details": {},
}

DONE = {"stage": "export", "progress": 100.0, "current_frame": None, "total_frames": None, "message": "Done"}

_LONGEST_BACKOFF_SECONDS = 600.0
_LEASES_AT_ONCE = 100
"""Taken back in one transaction; others want to write meanwhile."""

_MESSAGES_AT_ONCE = 500

EndHook = Callable[[WriteSession, Job], Awaitable[None]]
"""Called in the transaction in which a job completes, fails for good or is cancelled, with the row as it is then."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's right to do one attempt of a job. Void as soon as the row has another fence."""

    job_id: str
    fence: int
    attempt: int
    options: dict[str, Any]
    owner: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something about an attempt that is worth keeping."""

    kind: str
    """stage or log."""
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Report:
    """What a worker has to tell since it did so last."""

    progress: dict[str, Any] | None = None
    """The newest one; None: none since."""
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job that a broker has to be told of."""

    id: str
    priority: int
    """As of now: the longer it has waited, the smaller."""
    again: bool
    """It has been told of this one, with this priority, a while ago."""


class ClaimService:
    """What workers cause. What they are told False by, they have to drop: the job is somebody else's, or nobody's."""

    def __init__(
        self,
        settings: JobSettings,
        clock: Clock = system_clock,
        on_end: EndHook | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._on_end = on_end
        self._jobs = JobRepository()

    # Claiming ----------------------------------------------------------------------------------------------------

    async def due_in(self, session: ReadSession) -> float | None:
        """Seconds until a claim finds something, 0 or less if it does now. None: there is nothing to wait for.

        A read: who looks takes no lock for it.
        """
        due = await self._jobs.next_due(session)
        return None if due is None else due - self._clock()

    async def lease_due_in(self, session: ReadSession) -> float | None:
        """Seconds until a job may have to be taken back from its worker, if nothing is heard of that till then."""
        due = await self._jobs.next_lease_end(session)
        return None if due is None else due - self._clock()

    async def claim(self, session: WriteSession, owner: str) -> Claim | None:
        """`claim_many` for a worker that has time for one."""
        return next(iter(await self.claim_many(session, owner, 1)), None)

    async def claim_many(self, session: WriteSession, owner: str, limit: int) -> list[Claim]:
        """Take up to `limit` jobs that are due, in their order, after giving back those that workers have lost."""
        await self.requeue_expired(session)
        return await self._claim(session, owner, limit)

    async def claim_job(self, session: WriteSession, owner: str, job_id: str) -> Claim | None:
        """Take this job. None: it doesn't wait, or not for now; whoever said so was late."""
        return next(iter(await self._claim(session, owner, 1, job_id)), None)

    async def _claim(self, session: WriteSession, owner: str, limit: int, job_id: str | None = None) -> list[Claim]:
        now = self._clock()
        until = now + self._settings.lease_seconds
        claimed = await self._jobs.claim(session, owner, now, until, limit, job_id)
        if not claimed:
            return []
        await self._jobs.add_attempts(session, claimed, owner, now)
        begun = [{"job_id": job.id, "kind": "running", "data": {"attempt": job.attempt}, "at": now} for job in claimed]
        await self._jobs.add_events(session, begun)
        return [Claim(job.id, job.fence, job.attempt, job.options or {}, owner) for job in claimed]

    # While an attempt goes on ------------------------------------------------------------------------------------

    async def renew(self, session: WriteSession, claim: Claim, report: Report | None = None) -> bool:
        """Keep the lease, and keep what there is to tell. False: the claim is void; stop."""
        report = report or Report()
        now = self._clock()
        values: dict[str, Any] = {"lease_expires_at": now + self._settings.lease_seconds}
        if report.progress is not None:
            values["progress"] = report.progress
        if not await self._jobs.move(session, claim.job_id, [JobState.RUNNING], values, claim.fence):
            return False
        told = [(note.kind, note.data) for note in report.notes]
        if report.progress is not None:
            told.append(("progress", report.progress))
        if told:
            events = [{"job_id": claim.job_id, "kind": kind, "data": data, "at": now} for kind, data in told]
            await self._jobs.add_events(session, events)
        stages = [note.data["stage"] for note in report.notes if note.kind == "stage"]
        if stages:
            await self._jobs.change_attempt(session, claim.job_id, claim.fence, {"stage": stages[-1]})
        return True

    # The end of an attempt ---------------------------------------------------------------------------------------

    async def complete(self, session: WriteSession, claim: Claim, version: str, files: list[dict[str, Any]]) -> bool:
        """The result is in place. False: the claim is void, and the result is nobody's.

        May be said again by who can't know whether it was heard: the connection broke during the commit.
        """
        now = self._clock()
        values = {
            "state": JobState.COMPLETED.value,
            "finished_at": now,
            "lease_owner": None,
            "lease_expires_at": None,
            "result_version": version,
            "result_bytes": sum(file["size_bytes"] for file in files),
            "failure": None,
            "progress": DONE,
        }
        if not await self._jobs.move(session, claim.job_id, [JobState.RUNNING], values, claim.fence):
            return await self._jobs.has_result(session, claim.job_id, claim.fence, version)
        await self._jobs.replace_files(session, claim.job_id, files)
        await self._close_attempt(session, claim.job_id, claim.fence, "completed", now)
        await self._jobs.add_event(session, claim.job_id, "completed", {}, now)
        await self._ended(session, claim.job_id)
        return True

    async def fail(self, session: WriteSession, claim: Claim, failure: dict[str, Any], *, permanent: bool) -> bool:
        """The attempt failed; try again later unless that can't help. False: the claim is void."""
        wait = backoff(claim.attempt, self._settings.backoff_seconds, _LONGEST_BACKOFF_SECONDS)
        last = permanent or claim.attempt >= self._settings.max_attempts
        return await self._failed(session, claim.job_id, claim.fence, claim.attempt, failure, None if last else wait)

    async def release(self, session: WriteSession, claim: Claim) -> bool:
        """Give a job back that this worker has to leave; the attempt doesn't count. False: the claim is void."""
        now = self._clock()
        values = {**self._waiting(now), "attempts": claim.attempt - 1, "started_at": None}
        if not await self._jobs.move(session, claim.job_id, [JobState.RUNNING], values, claim.fence):
            return False
        await self._close_attempt(session, claim.job_id, claim.fence, "released", now)
        await self._jobs.add_event(session, claim.job_id, "queued", {}, now)
        return True

    async def requeue_expired(self, session: WriteSession) -> int:
        """Take jobs back whose worker has not been heard of; returns how many."""
        leases = await self._jobs.expired_leases(session, self._clock(), _LEASES_AT_ONCE)
        return await self._lost(session, leases)

    async def release_leases_of(self, session: WriteSession, owner_prefix: str) -> int:
        """The workers whose names begin so are known to be dead: don't wait for their leases to expire."""
        return await self._lost(session, await self._jobs.leases_of(session, owner_prefix))

    async def _lost(self, session: WriteSession, leases: Sequence[tuple[str, int, int]]) -> int:
        """Their workers died. That is hardly a job's fault, so that it need not wait; but it may be, so it counts."""
        for job_id, fence, attempt in leases:
            wait = 0.0 if attempt < self._settings.max_attempts else None
            await self._failed(session, job_id, fence, attempt, CRASHED, wait, outcome="lost")
        return len(leases)

    async def _failed(
        self,
        session: WriteSession,
        job_id: str,
        fence: int,
        attempt: int,
        failure: dict[str, Any],
        wait: float | None,
        outcome: str = "failed",
    ) -> bool:
        """`wait`: before the next attempt, in seconds; None: there is none."""
        now = self._clock()
        if wait is None:
            values = {"state": JobState.FAILED.value, "finished_at": now, "lease_owner": None, "lease_expires_at": None}
        else:
            values = self._waiting(now + wait)
        values["failure"] = failure
        if not await self._jobs.move(session, job_id, [JobState.RUNNING], values, fence):
            return False
        await self._close_attempt(session, job_id, fence, outcome, now, failure)
        kind = "failed" if wait is None else "retrying"
        await self._jobs.add_event(session, job_id, kind, {**failure, "attempt": attempt}, now)
        if wait is None:
            await self._ended(session, job_id)
        return True

    @staticmethod
    def _waiting(available_at: float) -> dict[str, Any]:
        """What the row of a job says that goes back to the queue, where it keeps its place."""
        return {
            "state": JobState.QUEUED.value,
            "available_at": available_at,
            "published_at": None,
            "progress": None,
            "lease_owner": None,
            "lease_expires_at": None,
        }

    async def _close_attempt(
        self,
        session: WriteSession,
        job_id: str,
        fence: int,
        outcome: str,
        now: float,
        failure: dict[str, Any] | None = None,
    ) -> None:
        values = {"ended_at": now, "outcome": outcome, "failure": failure}
        await self._jobs.change_attempt(session, job_id, fence, values)

    async def is_active(self, session: ReadSession, job_id: str) -> bool:
        """Whether a job waits or runs."""
        return await self._jobs.is_in(session, job_id, [JobState.QUEUED, JobState.RUNNING])

    async def _ended(self, session: WriteSession, job_id: str) -> None:
        if self._on_end is None:
            return
        job = await self._jobs.as_it_is(session, job_id)
        assert job is not None, "this transaction has just changed it"
        await self._on_end(session, job)

    # A broker's messages -----------------------------------------------------------------------------------------

    async def to_publish(self, session: ReadSession) -> list[Waiting]:
        """Jobs that are due and that the broker hasn't been told of, or not lately; those to be done first come first.

        A message keeps the priority that it was sent with. So that nobody starves, a job that has waited long enough to
        come before those of the next step is told of again, as one of that step.
        """
        now = self._clock()
        step = self._settings.head_start_seconds
        before = now - self._settings.republish_seconds
        waiting = []
        for job_id, rank, published_at in await self._jobs.to_publish(session, now, before, _MESSAGES_AT_ONCE):
            priority = priority_at(rank, now, step)
            again = published_at is not None and priority_at(rank, published_at, step) == priority
            waiting.append(Waiting(job_id, priority, again))
        return waiting

    async def published(self, session: ReadSession) -> int:
        """How many messages the broker has to have, unless it has lost some."""
        return await self._jobs.published(session, self._clock())

    async def mark_published(self, session: WriteSession, job_ids: Iterable[str]) -> None:
        """The broker has taken the messages."""
        await self._jobs.mark_published(session, job_ids, self._clock())
