"""The rules of jobs: who may do what to which, and what is told about it. Callers own the transaction."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from garaza.errors import GarazaError, not_found
from garaza.jobs.models import Job, JobEvent, JobFile
from garaza.jobs.repository import JobRepository
from garaza.jobs.states import JobState
from garaza.kit.clock import Clock, system_clock
from garaza.kit.database import ReadSession, WriteSession
from garaza.kit.ids import is_id
from garaza.kit.storage import Known
from garaza.settings import JobSettings

GUEST_PRIORITY = 30
"""Smaller is sooner; accounts will come before guests."""

CRASHED = {
    "reason": "crashed",
    "message": "The reconstruction stopped unexpectedly.",
    "advice": "Try again; if it happens again, please report it with the video.",
    "details": {},
}


DONE = {"stage": "export", "progress": 100.0, "current_frame": None, "total_frames": None, "message": "Done"}


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's right to do one attempt of a job. Void as soon as the row has another fence."""

    job_id: str
    fence: int
    attempt: int
    options: dict[str, Any]
    owner: str


class JobService:
    """See the module."""

    def __init__(self, settings: JobSettings, clock: Clock = system_clock) -> None:
        self._settings = settings
        self._clock = clock
        self._jobs = JobRepository()
        self._random = random.Random()

    # What clients cause ------------------------------------------------------------------------------------------

    async def create(
        self,
        session: WriteSession,
        job_id: str,
        original_name: str,
        source: dict[str, Any],
        expires_at: float | None,
    ) -> Job:
        """Note that a video has arrived."""
        job = Job(
            id=job_id,
            state=JobState.UPLOADED.value,
            priority=GUEST_PRIORITY,
            created_at=self._clock(),
            expires_at=expires_at,
            original_name=original_name,
            source=source,
        )
        await self._jobs.add(session, job)
        return job

    async def get(self, session: ReadSession, job_id: str) -> Job:
        """The job.

        Raises:
            GarazaError: 404 where there is none, or it has expired.
        """
        job = await self._jobs.get(session, job_id) if is_id(job_id) else None
        if job is None or self.has_expired(job):
            raise not_found()
        return job

    async def get_many(self, session: ReadSession, job_ids: list[str]) -> list[Job]:
        """Those that there are, in the order asked for."""
        found = {job.id: job for job in await self._jobs.get_many(session, filter(is_id, job_ids))}
        return [found[i] for i in dict.fromkeys(job_ids) if i in found and not self.has_expired(found[i])]

    def has_expired(self, job: Job) -> bool:
        """Whether a job counts as gone although its row is still there."""
        return job.expires_at is not None and job.expires_at <= self._clock()

    async def ask(self, session: WriteSession, job_id: str, options: dict[str, Any]) -> Job:
        """Queue a job that is uploaded, or has failed before.

        Raises:
            GarazaError: 404; 409 if it is queued, running or completed already; 503 if too many wait.
        """
        job = await self.get(session, job_id)
        waiting = (await self._jobs.queue_lengths(session)).get(JobState.QUEUED.value, 0)
        if waiting >= self._settings.max_queued:
            detail = "Too many scans are waiting. Try again in a few minutes."
            raise GarazaError(503, "queue_full", detail, {"Retry-After": "120"})
        now = self._clock()
        queued = {
            "state": JobState.QUEUED.value,
            "options": options,
            "attempts": 0,
            "queued_at": now,
            "available_at": now,
            "started_at": None,
            "finished_at": None,
            "progress": None,
            "failure": None,
        }
        if not await self._jobs.move(session, job_id, [JobState.UPLOADED, JobState.FAILED], queued):
            done = job.state == JobState.COMPLETED.value
            state = "done already: fetch its result" if done else "being processed already: follow its status"
            raise GarazaError(409, "already_done" if done else "already_processing", f"This scan is {state}.")
        await self._jobs.add_event(session, job_id, "queued", {}, now)
        await session.refresh(job)
        return job

    async def queue_position(self, session: ReadSession, job: Job) -> int | None:
        """One more than the jobs that run, or wait before it. None unless the job waits."""
        return await self._jobs.ahead_of(session, job) + 1 if job.state == JobState.QUEUED.value else None

    async def delete(self, session: WriteSession, job_id: str) -> None:
        """Forget the job. A worker that is at it notices at its next heartbeat, and none of its writes count."""
        await self.get(session, job_id)
        await self._jobs.delete(session, job_id)

    async def delete_expired(self, session: WriteSession, limit: int) -> list[str]:
        """Forget up to `limit` scans whose time has come; the caller removes their files."""
        ids = list(await self._jobs.expired(session, self._clock(), limit))
        for job_id in ids:
            await self._jobs.delete(session, job_id)
        return ids

    async def new_result_version(
        self,
        session: WriteSession,
        job: Job,
        version: str,
        files: list[dict[str, Any]],
    ) -> bool:
        """Put another version in the place of a completed job's result; False if it changed or went meanwhile."""
        current = await self._jobs.get(session, job.id)
        if current is None or current.result_version != job.result_version:
            return False
        values = {"result_version": version}
        if not await self._jobs.move(session, job.id, [JobState.COMPLETED], values):
            return False
        await self._jobs.replace_files(session, job.id, files)
        return True

    async def file_and_version(self, session: ReadSession, job_id: str, path: str) -> tuple[JobFile, str]:
        """A file of a result, and the version it belongs to.

        Raises:
            GarazaError: 404.
        """
        found = await self._jobs.file_and_version(session, job_id, path, self._clock()) if is_id(job_id) else None
        if found is None:
            raise not_found("file")
        return found

    async def files(self, session: ReadSession, job_id: str) -> dict[str, JobFile]:
        """All files of a result, by path."""
        return {file.path: file for file in await self._jobs.files(session, job_id)}

    async def events_after(
        self,
        session: ReadSession,
        event_id: int,
        limit: int,
        job_id: str | None = None,
    ) -> list[JobEvent]:
        """What happened since."""
        return list(await self._jobs.events_after(session, event_id, limit, job_id))

    async def latest_event(self, session: ReadSession, job_id: str) -> JobEvent | None:
        """What happened last to a job."""
        return await self._jobs.latest_event(session, job_id)

    async def last_event_id(self, session: ReadSession) -> int:
        """Of all jobs; 0 before the first."""
        return await self._jobs.last_event_id(session)

    async def queue_lengths(self, session: ReadSession) -> dict[str, int]:
        """Jobs queued and running."""
        return await self._jobs.queue_lengths(session)

    async def known(self, session: ReadSession) -> Known:
        """The files that some job knows of, those of attempts that are going on included."""
        jobs = await self._jobs.known(session)
        running = {(job_id, fence) for job_id, state, fence, _ in jobs if state == JobState.RUNNING.value}
        results = {(job_id, version) for job_id, _, _, version in jobs if version is not None}
        # A result is in place for a moment before its row says so.
        results |= {(job_id, str(fence)) for job_id, fence in running}
        return Known({job[0] for job in jobs}, results, running)

    async def still_there(self, session: ReadSession, job_ids: list[str]) -> set[str]:
        """Those of the jobs that clients may still ask about."""
        return await self._jobs.still_there(session, job_ids, self._clock())

    # What workers cause ------------------------------------------------------------------------------------------

    async def anything_due(self, session: ReadSession) -> bool:
        """Whether it is worth a write transaction to claim."""
        return await self._jobs.queue_due(session, self._clock())

    async def claim(self, session: WriteSession, owner: str) -> Claim | None:
        """Take the next job, after giving back those whose worker has not been heard of."""
        now = self._clock()
        for job in await self._jobs.expired_leases(session, now):
            await self._lost(session, job)
        taken = await self._jobs.claim(session, owner, now, now + self._settings.lease_seconds)
        if taken is None:
            return None
        await self._jobs.add_event(session, taken.id, "running", {"attempt": taken.attempts}, now)
        return Claim(taken.id, taken.fence, taken.attempts, taken.options or {}, owner)

    async def renew(self, session: WriteSession, claim: Claim, progress: dict[str, Any] | None = None) -> bool:
        """Keep the lease, and note the last report if there is a new one. False: the claim is void; stop."""
        now = self._clock()
        values: dict[str, Any] = {"lease_expires_at": now + self._settings.lease_seconds}
        if progress is not None:
            values["progress"] = progress
        if not await self._jobs.move(session, claim.job_id, [JobState.RUNNING], values, claim.fence):
            return False
        if progress is not None:
            await self._jobs.add_event(session, claim.job_id, "progress", progress, now)
        return True

    async def complete(self, session: WriteSession, claim: Claim, version: str, files: list[dict[str, Any]]) -> bool:
        """The result is in place. False: the claim is void, and the result is nobody's."""
        now = self._clock()
        values = {
            "state": JobState.COMPLETED.value,
            "finished_at": now,
            "lease_owner": None,
            "lease_expires_at": None,
            "result_version": version,
            "failure": None,
            "progress": DONE,
        }
        if not await self._jobs.move(session, claim.job_id, [JobState.RUNNING], values, claim.fence):
            return False
        await self._jobs.replace_files(session, claim.job_id, files)
        await self._jobs.add_event(session, claim.job_id, "completed", {}, now)
        return True

    async def fail(self, session: WriteSession, claim: Claim, failure: dict[str, Any], *, permanent: bool) -> bool:
        """The attempt failed; try again later unless that can't help. False: the claim is void."""
        return await self._end_attempt(session, claim.job_id, claim.fence, claim.attempt, failure, permanent=permanent)

    async def release(self, session: WriteSession, claim: Claim) -> bool:
        """Give a job back that this worker has to leave; the attempt doesn't count. False: the claim is void."""
        now = self._clock()
        values = {
            "state": JobState.QUEUED.value,
            "attempts": claim.attempt - 1,
            "progress": None,
            "started_at": None,
            "available_at": now,
            "lease_owner": None,
            "lease_expires_at": None,
        }
        if not await self._jobs.move(session, claim.job_id, [JobState.RUNNING], values, claim.fence):
            return False
        await self._jobs.add_event(session, claim.job_id, "queued", {}, now)
        return True

    async def release_leases_of(self, session: WriteSession, owner_prefix: str) -> int:
        """The workers whose names begin so are known to be dead: don't wait for their leases to expire."""
        jobs = await self._jobs.leases_of(session, owner_prefix)
        for job in jobs:
            await self._lost(session, job)
        return len(jobs)

    async def _lost(self, session: WriteSession, job: Job) -> None:
        await self._end_attempt(session, job.id, job.fence, job.attempts, CRASHED, permanent=False)

    async def _end_attempt(
        self,
        session: WriteSession,
        job_id: str,
        fence: int,
        attempt: int,
        failure: dict[str, Any],
        *,
        permanent: bool,
    ) -> bool:
        now = self._clock()
        values: dict[str, Any] = {"failure": failure, "lease_owner": None, "lease_expires_at": None}
        if permanent or attempt >= self._settings.max_attempts:
            values |= {"state": JobState.FAILED.value, "finished_at": now}
            kind = "failed"
        else:
            values |= {"state": JobState.QUEUED.value, "available_at": now + self._backoff(attempt), "progress": None}
            kind = "retrying"
        if not await self._jobs.move(session, job_id, [JobState.RUNNING], values, fence):
            return False
        await self._jobs.add_event(session, job_id, kind, {**failure, "attempt": attempt}, now)
        return True

    def _backoff(self, attempt: int) -> float:
        # Jitter, so that jobs that failed together (a full disk, say) don't come back together.
        delay: float = self._settings.backoff_seconds * 2 ** (attempt - 1)
        return delay * self._random.uniform(0.8, 1.2)
