"""All SQL of jobs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, select, update

from garaza.jobs.models import Job, JobEvent, JobFile
from garaza.jobs.states import LEGAL, JobState
from garaza.kit.database import ReadSession, WriteSession


class JobRepository:
    """Reads and writes rows; knows no rules."""

    async def add(self, session: WriteSession, job: Job) -> None:
        session.add(job)
        await session.flush()

    async def get(self, session: ReadSession, job_id: str) -> Job | None:
        return await session.get(Job, job_id)

    async def get_many(self, session: ReadSession, job_ids: Iterable[str]) -> Sequence[Job]:
        return (await session.scalars(select(Job).where(Job.id.in_(list(job_ids))))).all()

    async def move(
        self,
        session: WriteSession,
        job_id: str,
        sources: Iterable[JobState],
        values: dict[str, Any],
        fence: int | None = None,
    ) -> bool:
        """Change a job that is in one of `sources` (and has `fence`, where given); False if there is none such."""
        sources = list(sources)
        if "state" in values:
            target = JobState(values["state"])
            assert all(target in LEGAL[source] for source in sources), f"no way from {sources} to {target}"
        statement = update(Job).where(Job.id == job_id, Job.state.in_([s.value for s in sources])).values(**values)
        if fence is not None:
            statement = statement.where(Job.fence == fence)
        result = await session.execute(statement.execution_options(synchronize_session=False).returning(Job.id))
        return result.first() is not None

    async def claim(self, session: WriteSession, owner: str, now: float, lease_until: float) -> Job | None:
        """Give the job that is due first to `owner`."""
        first = (
            select(Job.id)
            .where(Job.state == JobState.QUEUED.value, Job.available_at <= now)
            .order_by(Job.priority, Job.queued_at)
            .limit(1)
            .scalar_subquery()
        )
        statement = (
            update(Job)
            .where(Job.id == first, Job.state == JobState.QUEUED.value)
            .values(
                state=JobState.RUNNING.value,
                fence=Job.fence + 1,
                attempts=Job.attempts + 1,
                lease_owner=owner,
                lease_expires_at=lease_until,
                started_at=now,
            )
            .execution_options(synchronize_session=False)
            .returning(Job)
        )
        return (await session.scalars(statement)).first()

    async def queue_due(self, session: ReadSession, now: float) -> bool:
        """Whether a claim would find something. A read: idle workers don't take the write lock to look."""
        expired = and_(Job.state == JobState.RUNNING.value, Job.lease_expires_at <= now)
        due = and_(Job.state == JobState.QUEUED.value, Job.available_at <= now)
        return (await session.execute(select(Job.id).where(or_(due, expired)).limit(1))).first() is not None

    async def expired_leases(self, session: ReadSession, now: float) -> Sequence[Job]:
        return await self._running(session, Job.lease_expires_at <= now)

    async def leases_of(self, session: ReadSession, owner_prefix: str) -> Sequence[Job]:
        return await self._running(session, Job.lease_owner.startswith(owner_prefix, autoescape=True))

    async def _running(self, session: ReadSession, condition: ColumnElement[bool]) -> Sequence[Job]:
        return (await session.scalars(select(Job).where(Job.state == JobState.RUNNING.value, condition))).all()

    async def queue_lengths(self, session: ReadSession) -> dict[str, int]:
        """Number of jobs queued and running."""
        states = [JobState.QUEUED.value, JobState.RUNNING.value]
        rows = await session.execute(select(Job.state, func.count()).where(Job.state.in_(states)).group_by(Job.state))
        return {row[0]: row[1] for row in rows}

    async def ahead_of(self, session: ReadSession, job: Job) -> int:
        """How many jobs are running, or queued before this one."""
        sooner = or_(
            Job.state == JobState.RUNNING.value,
            and_(
                Job.state == JobState.QUEUED.value,
                or_(Job.priority < job.priority, and_(Job.priority == job.priority, Job.queued_at < job.queued_at)),
            ),
        )
        return await session.scalar(select(func.count()).select_from(Job).where(sooner)) or 0

    async def delete(self, session: WriteSession, job_id: str) -> bool:
        result = await session.execute(delete(Job).where(Job.id == job_id).returning(Job.id))
        return result.first() is not None

    async def expired(self, session: ReadSession, now: float, limit: int) -> Sequence[str]:
        return (await session.scalars(select(Job.id).where(Job.expires_at <= now).limit(limit))).all()

    async def known(self, session: ReadSession) -> Sequence[tuple[str, str, int, str | None]]:
        """Id, state, fence and result version of every job there is."""
        rows = await session.execute(select(Job.id, Job.state, Job.fence, Job.result_version))
        return [(row[0], row[1], row[2], row[3]) for row in rows]

    async def still_there(self, session: ReadSession, job_ids: list[str], now: float) -> set[str]:
        """Those of the jobs that have neither been deleted nor expired."""
        alive = or_(Job.expires_at.is_(None), Job.expires_at > now)
        return set(await session.scalars(select(Job.id).where(Job.id.in_(job_ids), alive)))

    async def add_event(self, session: WriteSession, job_id: str, kind: str, data: dict[str, Any], at: float) -> None:
        await session.execute(insert(JobEvent).values(job_id=job_id, kind=kind, data=data, at=at))

    async def last_event_id(self, session: ReadSession) -> int:
        return await session.scalar(select(func.max(JobEvent.id))) or 0

    async def events_after(
        self,
        session: ReadSession,
        event_id: int,
        limit: int,
        job_id: str | None = None,
    ) -> Sequence[JobEvent]:
        """Events that came after `event_id`, oldest first, of one job or of all."""
        statement = select(JobEvent).where(JobEvent.id > event_id).order_by(JobEvent.id).limit(limit)
        if job_id is not None:
            statement = statement.where(JobEvent.job_id == job_id)
        return (await session.scalars(statement)).all()

    async def latest_event(self, session: ReadSession, job_id: str) -> JobEvent | None:
        statement = select(JobEvent).where(JobEvent.job_id == job_id).order_by(JobEvent.id.desc()).limit(1)
        return (await session.scalars(statement)).first()

    async def replace_files(self, session: WriteSession, job_id: str, files: Iterable[dict[str, Any]]) -> None:
        await session.execute(delete(JobFile).where(JobFile.job_id == job_id))
        rows = [{"job_id": job_id, **file} for file in files]
        if rows:
            await session.execute(insert(JobFile), rows)

    async def files(self, session: ReadSession, job_id: str) -> Sequence[JobFile]:
        return (await session.scalars(select(JobFile).where(JobFile.job_id == job_id))).all()

    async def file_and_version(
        self, session: ReadSession, job_id: str, path: str, now: float
    ) -> tuple[JobFile, str] | None:
        """A file of an unexpired job's result with the version of the result that it belongs to, in one query."""
        statement = (
            select(JobFile, Job.result_version)
            .join(Job, Job.id == JobFile.job_id)
            .where(JobFile.job_id == job_id, JobFile.path == path, Job.result_version.is_not(None))
            .where(or_(Job.expires_at.is_(None), Job.expires_at > now))
        )
        row = (await session.execute(statement)).first()
        return None if row is None or row[1] is None else (row[0], row[1])
