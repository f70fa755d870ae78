"""The rules of jobs: who may do what to which, and what is told about it. Callers own the transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement

from garaza.errors import GarazaError, not_found
from garaza.jobs.claims import ClaimService
from garaza.jobs.models import Job, JobAttempt, JobEvent, JobFile
from garaza.jobs.news import LOOK_BACK, Mark
from garaza.jobs.priorities import GUEST_PRIORITY, rank
from garaza.jobs.repository import JobRepository
from garaza.jobs.states import JobState, states_of
from garaza.jobs.viewer import Viewer, may_see
from garaza.kit.database import ReadSession, WriteSession
from garaza.kit.ids import is_id
from garaza.kit.pagination import Page, Paging
from garaza.kit.storage import Known
from garaza.kit.tracing import carried

_NEWS_AT_ONCE = 1000
_ASKABLE = (JobState.UPLOADED, JobState.FAILED, JobState.CANCELLED)
_ACTIVE = (JobState.QUEUED, JobState.RUNNING)


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of asking for a job to be done."""

    job: Job
    already: bool
    """This very request was made before: nothing has changed by it."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a result, and where it is."""

    file: JobFile
    job: Job
    version: str
    """Of the result that it belongs to."""


@dataclass(frozen=True, slots=True)
class JobHappening:
    """Something that happened to a job."""

    job_id: str
    kind: str
    data: dict[str, Any]
    at: float


class JobService(ClaimService):
    """What clients cause, and what workers do, of which see `ClaimService`.

    `viewer` is who asks; None: nobody has signed in. `any`: the caller has the right to everything.
    """

    # One job -----------------------------------------------------------------------------------------------------

    async def create(
        self,
        session: WriteSession,
        job_id: str,
        original_name: str,
        source: dict[str, Any],
        expires_at: float | None = None,
        *,
        user_id: int | None = None,
        guest: str | None = None,
        upload_bytes: int = 0,
        upload_key: str | None = None,
        webhook_url: str | None = None,
    ) -> Job:
        """Note that a video has arrived.

        Args:
            expires_at: of guests' videos. None for an account's: that is kept as long as settings say.
            user_id: the account that sent it.
            guest: digest of the address that it came from, if nobody had signed in.
            upload_key: idempotency key of the upload.

        Raises:
            sqlalchemy.exc.IntegrityError: the same sender has used the key before, see `by_upload_key`.
        """
        now = self._clock()
        if user_id is not None and expires_at is None:
            expires_at = now + self._settings.unprocessed_hours * 3600
        if upload_key is not None:
            await self._jobs.free_upload_key(session, user_id, guest, upload_key, now)
        job = Job(
            id=job_id,
            state=JobState.UPLOADED.value,
            user_id=user_id,
            guest=guest,
            created_at=now,
            expires_at=expires_at,
            original_name=original_name,
            source=source,
            upload_bytes=upload_bytes,
            upload_key=upload_key,
            webhook_url=webhook_url,
        )
        await self._jobs.add(session, job)
        await self._jobs.add_event(session, job_id, "uploaded", {"filename": original_name}, now)
        return job

    async def by_upload_key(
        self,
        session: ReadSession,
        upload_key: str,
        *,
        user_id: int | None = None,
        guest: str | None = None,
    ) -> Job | None:
        """What an account's or a guest's earlier upload with this key became."""
        job = await self._jobs.by_upload_key(session, user_id, guest, upload_key)
        return None if job is None or self._has_gone(job) else job

    async def get(
        self,
        session: ReadSession,
        job_id: str,
        viewer: Viewer | None = None,
        *,
        any: bool = False,  # noqa: A002 - reads best where it is used
    ) -> Job:
        """The job.

        Raises:
            GarazaError: 404 where there is none, or it has expired, or it is somebody else's.
        """
        job = await self._jobs.get(session, job_id) if is_id(job_id) else None
        if job is None or self._has_gone(job) or not (any or may_see(viewer, job)):
            raise not_found()
        return job

    async def get_many(
        self,
        session: ReadSession,
        job_ids: list[str],
        viewer: Viewer | None = None,
        *,
        any: bool = False,  # noqa: A002
    ) -> list[Job]:
        """Those that there are, in the order asked for."""
        found = {job.id: job for job in await self._jobs.get_many(session, filter(is_id, job_ids))}
        there = [found[i] for i in dict.fromkeys(job_ids) if i in found and not self._has_gone(found[i])]
        return [job for job in there if any or may_see(viewer, job)]

    async def is_owned(self, session: ReadSession, job_id: str) -> bool:
        """Whether it is an account's, so that who asks for it has to say who it is."""
        job = await self._jobs.get(session, job_id) if is_id(job_id) else None
        return job is not None and job.user_id is not None

    def _has_gone(self, job: Job) -> bool:
        """Whether a job counts as gone although its row is still there."""
        return job.deleted_at is not None or (job.expires_at is not None and job.expires_at <= self._clock())

    async def still_there(self, session: ReadSession, job_ids: list[str]) -> set[str]:
        """Those of the jobs that clients may still ask about."""
        return await self._jobs.still_there(session, job_ids, self._clock())

    # Asking for it, and no longer wanting it ---------------------------------------------------------------------

    async def ask(
        self,
        session: WriteSession,
        job_id: str,
        options: dict[str, Any],
        *,
        viewer: Viewer | None = None,
        priority: int = GUEST_PRIORITY,
        process_key: str | None = None,
        webhook_url: str | None = None,
    ) -> Asked:
        """Queue a job that is uploaded, or has failed or been cancelled before.

        Args:
            priority: one of `priorities.STEPS`.
            process_key: idempotency key of the request. The one that queued it last queues it no second time, whatever
                has become of it.
            webhook_url: who is to be told of the end; None: whoever was named at the upload.

        Raises:
            GarazaError: 404; 409 if it is queued, running or completed already; 503 if too many wait.
        """
        job = await self.get(session, job_id, viewer)
        if _is_same(job, process_key):
            return Asked(job, already=True)
        if job.state in {state.value for state in _ASKABLE}:
            await self._refuse_if_full(session)
        now = self._clock()
        queued = {
            "state": JobState.QUEUED.value,
            "options": {**options, **carried()},
            "priority": priority,
            "rank": rank(now, priority, self._settings.head_start_seconds),
            "attempts": 0,
            "queued_at": now,
            "available_at": now,
            "published_at": None,
            "started_at": None,
            "finished_at": None,
            "progress": None,
            "failure": None,
            "process_key": process_key,
        }
        if webhook_url is not None:
            queued["webhook_url"] = webhook_url
        if job.user_id is not None:
            queued["expires_at"] = now + self._settings.finished_days * 24 * 3600
        moved = await self._jobs.move(session, job_id, _ASKABLE, queued)
        job = await self._as_it_is(session, job_id)
        if moved:
            await self._jobs.add_event(session, job_id, "queued", {}, now)
            return Asked(job, already=False)
        # Somebody may have been faster, since the row was read.
        if _is_same(job, process_key):
            return Asked(job, already=True)
        done = job.state == JobState.COMPLETED.value
        state = "done already: fetch its result" if done else "being processed already: follow its status"
        raise GarazaError(409, "already_done" if done else "already_processing", f"This scan is {state}.")

    async def _refuse_if_full(self, session: ReadSession) -> None:
        waiting = (await self._jobs.queue_lengths(session))[JobState.QUEUED.value]
        if waiting >= self._settings.max_queued:
            detail = "Too many scans are waiting. Try again in a few minutes."
            raise GarazaError(503, "queue_full", detail, {"Retry-After": "120"})

    async def count_once(self, session: WriteSession, job: Job) -> bool:
        """Whether a job is to be counted now: True the first time that this is asked, however often it is tried."""
        return await self._jobs.count(session, job.id, self._clock())

    async def cancel(
        self,
        session: WriteSession,
        job_id: str,
        viewer: Viewer | None = None,
        *,
        any: bool = False,  # noqa: A002
    ) -> Job:
        """Stop it. A worker that is at it notices at its next heartbeat, and none of its writes count from now on.

        What was uploaded stays, and it can be asked for again. What attempts have left in `DataDirectory.checkpoints`
        is for the caller to remove, once this is committed; a worker that is at it still will do so too.

        Raises:
            GarazaError: 404; 409 if it neither waits nor runs, and hasn't been cancelled before.
        """
        await self.get(session, job_id, viewer, any=any)
        now = self._clock()
        cancelled = await self._stop(session, job_id, now)
        job = await self._as_it_is(session, job_id)
        if cancelled:
            await self._ended(session, job_id)
        elif job.state != JobState.CANCELLED.value:
            raise GarazaError(409, "not_processing", "This scan is not being processed, so there is nothing to cancel.")
        return job

    async def _stop(self, session: WriteSession, job_id: str, now: float) -> bool:
        values = {
            "state": JobState.CANCELLED.value,
            "finished_at": now,
            "lease_owner": None,
            "lease_expires_at": None,
        }
        if not await self._jobs.move(session, job_id, _ACTIVE, values):
            return False
        await self._jobs.close_attempts(session, job_id, "cancelled", now)
        await self._jobs.add_event(session, job_id, "cancelled", {}, now)
        return True

    async def _as_it_is(self, session: ReadSession, job_id: str) -> Job:
        """The row, read again.

        Raises:
            GarazaError: 404, it has gone since it was read.
        """
        job = await self._jobs.as_it_is(session, job_id)
        if job is None or self._has_gone(job):
            raise not_found()
        return job

    # Lists -------------------------------------------------------------------------------------------------------

    async def list_own(
        self, session: ReadSession, user_id: int, wanted: Paging, status: str | None = None
    ) -> Page[Job]:
        """An account's jobs, newest first. `status`: as clients know it, or a state."""
        return await self._jobs.page(session, user_id, states_of(status), self._clock(), wanted)

    async def list_all(self, session: ReadSession, wanted: Paging, status: str | None = None) -> Page[Job]:
        """Everybody's jobs, newest first."""
        return await self._jobs.page(session, None, states_of(status), self._clock(), wanted)

    async def attempts_of(self, session: ReadSession, job_id: str, limit: int = 100) -> list[JobAttempt]:
        """How it was tried, the last attempt first."""
        return list(await self._jobs.attempts(session, job_id, limit))

    # The queue ---------------------------------------------------------------------------------------------------

    async def queue_position(self, session: ReadSession, job: Job) -> int | None:
        """One more than the jobs that run, or wait before it. None unless the job waits."""
        return (await self.queue_positions(session, [job])).get(job.id)

    async def queue_positions(self, session: ReadSession, jobs: Iterable[Job]) -> dict[str, int]:
        """`queue_position` of those that wait, in one query, or in none if none waits."""
        waiting = [job.id for job in jobs if job.state == JobState.QUEUED.value]
        return await self._jobs.queue_positions(session, waiting) if waiting else {}

    async def queue_lengths(self, session: ReadSession) -> dict[str, int]:
        """Jobs queued and running."""
        return await self._jobs.queue_lengths(session)

    async def oldest_waiting(self, session: ReadSession) -> float | None:
        """Since when the job could have been begun that has waited the longest; None: none waits."""
        return await self._jobs.oldest_waiting(session)

    # Deleting ----------------------------------------------------------------------------------------------------

    async def mark_deleted(self, session: WriteSession, job_id: str) -> bool:
        """Make a job gone for every client, and stop the work on it. Its files have to follow, and then its row.

        Returns:
            False if there is none such, or it was marked before.
        """
        now = self._clock()
        await self._stop(session, job_id, now)
        if not await self._jobs.mark_deleted(session, job_id, now):
            return False
        await self._jobs.add_event(session, job_id, "deleted", {}, now)
        return True

    async def mark_deleted_of(self, session: WriteSession, user_id: int, limit: int) -> list[str]:
        """Mark up to `limit` jobs of an account; which ones."""
        return await self._mark(session, await self._jobs.ids_of_user(session, user_id, limit))

    async def mark_expired(self, session: WriteSession, limit: int) -> list[str]:
        """Mark up to `limit` jobs whose time has come; which ones."""
        return await self._mark(session, await self._jobs.expired(session, self._clock(), limit))

    async def _mark(self, session: WriteSession, job_ids: Iterable[str]) -> list[str]:
        # In the order of their ids: two who mark the same ones would otherwise wait for each other.
        return [job_id for job_id in sorted(job_ids) if await self.mark_deleted(session, job_id)]

    async def marked(self, session: ReadSession, limit: int) -> list[str]:
        """Jobs that are marked, whose files and rows may be there still."""
        return list(await self._jobs.marked(session, limit))

    async def finish_deleted(self, session: WriteSession, job_id: str) -> bool:
        """Take the row of a marked job, with all that was written of it. False if there is none such."""
        return await self._jobs.delete(session, job_id)

    # Files -------------------------------------------------------------------------------------------------------

    async def new_result_version(
        self,
        session: WriteSession,
        job: Job,
        version: str,
        files: list[dict[str, Any]],
    ) -> bool:
        """Put another version in the place of a completed job's result; False if it changed or went meanwhile."""
        values = {"result_version": version, "result_bytes": sum(file["size_bytes"] for file in files)}
        if not await self._jobs.replace_result(session, job.id, job.result_version, values):
            return False
        await self._jobs.replace_files(session, job.id, files)
        return True

    async def file_and_version(self, session: ReadSession, job_id: str, path: str) -> StoredFile:
        """A file of a result, and the version it belongs to, in one query; whoever asks.

        Raises:
            GarazaError: 404.
        """
        # PostgreSQL refuses to look for some names that can't be.
        plausible = is_id(job_id) and path.isprintable()
        found = await self._jobs.file_and_job(session, job_id, path) if plausible else None
        if found is not None:
            file, job = found
            if job.result_version is not None and not self._has_gone(job):
                return StoredFile(file, job, job.result_version)
        raise not_found("file")

    async def files(self, session: ReadSession, job_id: str) -> dict[str, JobFile]:
        """All files of a result, by path."""
        return {file.path: file for file in await self._jobs.files(session, job_id)}

    async def known(self, session: ReadSession, job_ids: Iterable[str] | None = None) -> Known:
        """The files that these jobs, or all, know of, those of attempts that are going on included."""
        jobs = await self._jobs.known(session, job_ids)
        running = {(job_id, fence) for job_id, state, fence, _ in jobs if state == JobState.RUNNING.value}
        results = {(job_id, version) for job_id, _, _, version in jobs if version is not None}
        # A result is in place for a moment before its row says so.
        results |= {(job_id, str(fence)) for job_id, fence in running}
        active = {job_id for job_id, state, _, _ in jobs if state in {s.value for s in _ACTIVE}}
        return Known({job[0] for job in jobs}, results, running, active)

    @staticmethod
    def stored_bytes(user_id: ColumnElement[int] | int) -> ColumnElement[int]:
        """What an account's videos and results take on disk, as an expression: a scalar subquery."""
        return JobRepository.stored_bytes(user_id)

    async def lock_guest_storage(
        self, session: WriteSession, guest: str, promised: ColumnElement[int] | int = 0
    ) -> int:
        """What the videos and results of guests at one address take on disk, and what is promised to them. Until this
        transaction ends nobody else gets an answer for the same address, so that two can't both take the last of the
        room.
        """
        return await self._jobs.lock_guest_storage(session, guest, promised)

    # Events ------------------------------------------------------------------------------------------------------

    async def events_after(
        self,
        session: ReadSession,
        event_id: int,
        limit: int,
        job_id: str | None = None,
    ) -> list[JobEvent]:
        """What happened since, to one job or to all. Of one job, no event comes after one with a larger id."""
        return list(await self._jobs.events_after(session, event_id, limit, job_id))

    async def latest_event(self, session: ReadSession, job_id: str) -> JobEvent | None:
        """What happened last to a job."""
        return await self._jobs.latest_event(session, job_id)

    async def last_event_id(self, session: ReadSession) -> int:
        """Of all jobs; 0 before the first."""
        return await self._jobs.last_event_id(session)

    async def news_mark(self, session: ReadSession) -> Mark:
        """Where `happenings_since` begins for who has read everything just before, or will do so from now on."""
        return Mark(max(await self._jobs.last_event_id(session) - LOOK_BACK, 0))

    async def happenings_since(self, session: ReadSession, mark: Mark) -> tuple[list[JobHappening], Mark, bool]:
        """What has happened since, the mark for next time, and whether there is more already. Nothing is missed, see
        `news`. The first answer after `news_mark` also tells of what isn't new.
        """
        found = await self._jobs.events_and_others(session, mark.last, mark.missing, _NEWS_AT_ONCE)
        happenings = [JobHappening(event.job_id, event.kind, event.data, event.at) for event in found]
        moved = mark.moved([event.id for event in found], self._clock())
        return happenings, moved, len(found) >= _NEWS_AT_ONCE


def _is_same(job: Job, process_key: str | None) -> bool:
    return process_key is not None and job.process_key == process_key
