"""What operators and housekeeping ask of all jobs, whoever's they are. Callers own the transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, update

from garaza.jobs.claims import EndHook
from garaza.jobs.kept import job_name
from garaza.jobs.models import Job
from garaza.jobs.repository import JobRepository
from garaza.jobs.states import JobState
from garaza.kit.clock import Clock
from garaza.kit.database import ReadSession, WriteSession
from garaza.kit.models import unindexed

_THERE = Job.deleted_at.is_(None)
_ENDED = [JobState.COMPLETED.value, JobState.FAILED.value, JobState.CANCELLED.value]
_CAN_EXPIRE = Job.expires_at.is_not(None)
"""As the index says it."""

_UNSYNCHRONIZED = {"synchronize_session": False}

RESULT_LOST = {
    "reason": "files_lost",
    "message": "The files of this model are gone from the server's disk.",
    "advice": "Ask for it to be processed again.",
    "details": {},
}
VIDEO_LOST = {
    "reason": "files_lost",
    "message": "The video of this scan is gone from the server's disk.",
    "advice": "Upload it again.",
    "details": {},
}


@dataclass(frozen=True, slots=True)
class Stored:
    """What a job's row says is on disk."""

    job_id: str
    state: JobState
    version: str | None
    """Of its result."""
    upload_bytes: int
    result_bytes: int

    @property
    def size_bytes(self) -> int:
        return self.upload_bytes + self.result_bytes


class JobUpkeep:
    """See the module. Jobs that are marked as deleted count as gone."""

    def __init__(self, clock: Clock, on_end: EndHook | None = None) -> None:
        self._clock = clock
        self._on_end = on_end
        self._jobs = JobRepository()

    # Which ones could go -----------------------------------------------------------------------------------------

    async def older_than(self, session: ReadSession, before: float, limit: int) -> list[Stored]:
        """Jobs that nobody is at and nothing has happened to since, oldest first."""
        statement = _stored().where(_resting_since(before)).order_by(Job.created_at, Job.id)
        return await _read(session, statement.limit(limit))

    async def mark_older(self, session: WriteSession, before: float, job_ids: Iterable[str]) -> set[str]:
        """Mark those of the jobs as deleted for which this is still so; which ones."""
        return await self._mark(session, and_(Job.id.in_(list(job_ids)), _resting_since(before)))

    async def guests_finished(self, session: ReadSession, age_seconds: float, limit: int) -> list[Stored]:
        """Guests' jobs that have ended so long ago, oldest first."""
        before = self._clock() - age_seconds
        ended = and_(Job.user_id.is_(None), Job.state.in_(_ENDED), _ended_before(before))
        return await _read(session, _stored().where(ended, _THERE).order_by(Job.created_at, Job.id).limit(limit))

    async def unprocessed(self, session: ReadSession, age_seconds: float, limit: int) -> list[Stored]:
        """Videos that nobody has asked for since they came, so long ago; those whose time comes first come first."""
        before = self._clock() - age_seconds
        asleep = and_(unindexed(Job.state) == JobState.UPLOADED.value, Job.created_at < before)
        return await _read(session, _stored().where(asleep, _CAN_EXPIRE, _THERE).order_by(Job.expires_at).limit(limit))

    async def mark_resting(self, session: WriteSession, job: Stored) -> bool:
        """Mark one of these as deleted; False if something has happened to it since it was read."""
        now = self._clock()
        if not await self._jobs.move(session, job.job_id, [job.state], {"deleted_at": now, "upload_key": None}):
            return False
        await self._jobs.add_event(session, job.job_id, "deleted", {}, now)
        return True

    async def active_of(self, session: WriteSession, user_id: int) -> list[str]:
        """An account's jobs that wait or run, in the order of their ids."""
        active = [JobState.QUEUED.value, JobState.RUNNING.value]
        statement = select(Job.id).where(Job.user_id == user_id, Job.state.in_(active), _THERE)
        return list(await session.scalars(statement.order_by(Job.id)))

    async def mark_all_of(self, session: WriteSession, user_id: int) -> None:
        """Mark whatever jobs an account has as deleted, none of which is at work any more."""
        await self._mark(session, and_(Job.user_id == user_id, _THERE))

    async def _mark(self, session: WriteSession, which: ColumnElement[bool]) -> set[str]:
        # In the order of their ids: two who mark the same ones would otherwise wait for each other.
        locked = select(Job.id).where(which).order_by(Job.id).with_for_update()
        statement = update(Job).where(Job.id.in_(locked.scalar_subquery()))
        now = self._clock()
        statement = statement.values(deleted_at=now, upload_key=None)
        marked = set(await session.scalars(statement.returning(Job.id), execution_options=_UNSYNCHRONIZED))
        session.outdates(*map(job_name, marked))
        if marked:
            gone = [{"job_id": job_id, "kind": "deleted", "data": {}, "at": now} for job_id in sorted(marked)]
            await self._jobs.add_events(session, gone)
        return marked

    async def marked_of(self, session: ReadSession, user_id: int, limit: int) -> list[str]:
        """An account's jobs that are marked as deleted, and whose rows are still there."""
        statement = select(Job.id).where(Job.user_id == user_id, Job.deleted_at.is_not(None))
        return list(await session.scalars(statement.limit(limit)))

    async def is_there(self, session: ReadSession, job_id: str) -> bool:
        """Whether there is a job that isn't marked."""
        return await session.scalar(select(Job.id).where(Job.id == job_id, _THERE)) is not None

    async def count(self, session: ReadSession) -> int:
        """How many there are. In indexes alone: it grows with them, but takes a tenth of what reading them would."""
        every, marked = (select(func.count()).select_from(Job), select(func.count(Job.deleted_at)).where(~_THERE))
        counts = (await session.execute(select(every.scalar_subquery(), marked.scalar_subquery()))).one()
        return int(counts[0] - counts[1])

    # Rows whose files are gone -----------------------------------------------------------------------------------

    async def after(self, session: ReadSession, job_id: str, limit: int) -> list[Stored]:
        """Jobs that need their files, in the order of their ids, from the one after `job_id` on."""
        needy = [JobState.UPLOADED.value, JobState.QUEUED.value, JobState.COMPLETED.value]
        statement = _stored().where(Job.id > job_id, unindexed(Job.state).in_(needy), _THERE).order_by(Job.id)
        return await _read(session, statement.limit(limit))

    async def result_lost(self, session: WriteSession, job: Stored) -> bool:
        """The folder of this result is gone: the job failed after all. False if it has changed since it was read."""
        values = _failed(RESULT_LOST) | {"result_version": None, "result_bytes": 0}
        if not await self._jobs.replace_result(session, job.job_id, job.version, values):
            return False
        await self._jobs.replace_files(session, job.job_id, [])
        await self._tell(session, job.job_id, RESULT_LOST)
        return True

    async def video_lost(self, session: WriteSession, job: Stored) -> bool:
        """The video that this job would be made of is gone. False if it has changed since it was read."""
        values = _failed(VIDEO_LOST) | {"finished_at": self._clock(), "upload_bytes": 0}
        if not await self._jobs.move(session, job.job_id, [JobState.UPLOADED, JobState.QUEUED], values):
            return False
        await self._tell(session, job.job_id, VIDEO_LOST)
        return True

    async def _tell(self, session: WriteSession, job_id: str, failure: dict[str, Any]) -> None:
        await self._jobs.add_event(session, job_id, "failed", failure, self._clock())
        if self._on_end is not None:
            job = await self._jobs.as_it_is(session, job_id)
            assert job is not None, "this transaction has just changed it"
            await self._on_end(session, job)


def _failed(failure: dict[str, Any]) -> dict[str, Any]:
    # Whoever asks again, be it with the key of the first time, asks for something new.
    return {"state": JobState.FAILED.value, "failure": failure, "process_key": None}


def _stored() -> Select[str, str, str | None, int, int]:
    return select(Job.id, Job.state, Job.result_version, Job.upload_bytes, Job.result_bytes)


async def _read(session: ReadSession, statement: Select[str, str, str | None, int, int]) -> list[Stored]:
    return [Stored(row[0], JobState(row[1]), *row[2:]) for row in await session.execute(statement)]


def _resting_since(before: float) -> ColumnElement[bool]:
    resting = or_(Job.state == JobState.UPLOADED.value, and_(Job.state.in_(_ENDED), _ended_before(before)))
    return and_(Job.created_at < before, resting, _THERE)


def _ended_before(before: float) -> ColumnElement[bool]:
    return or_(Job.finished_at.is_(None), Job.finished_at < before)
