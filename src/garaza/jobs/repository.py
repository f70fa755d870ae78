"""All SQL of jobs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    ScalarSelect,
    Select,
    Table,
    and_,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.orm import aliased
from sqlalchemy.sql.dml import ReturningUpdate

from garaza.jobs.channels import EVENTS_CHANNEL, QUEUE_CHANNEL
from garaza.jobs.kept import job_name
from garaza.jobs.models import Job, JobAttempt, JobDeparture, JobEvent, JobFile
from garaza.jobs.states import LEGAL, JobState
from garaza.kit.database import ReadSession, WriteSession
from garaza.kit.models import Base, unindexed
from garaza.kit.pagination import Page, Paging, read_page

# Tables where rows are changed: what a session has read stays as it was read until it is read again, and finding out
# what a change means to it costs more than the change.
JOB: Table = Base.metadata.tables[Job.__tablename__]
ATTEMPT: Table = Base.metadata.tables[JobAttempt.__tablename__]
EVENT: Table = Base.metadata.tables[JobEvent.__tablename__]
DEPARTURE: Table = Base.metadata.tables[JobDeparture.__tablename__]

COMMITTED = "events"
"""In `session.info`: that events were written, for whoever tells others after the commit."""

_CLAIMABLE_KINDS = {"queued", "retrying"}

# Written out rather than handed over as parameters: a database that plans a statement without knowing its parameters
# can't see that the rows it is to find are just those that a partial index is of.
_QUEUED = Job.state == literal_column(f"'{JobState.QUEUED.value}'")
_RUNNING = Job.state == literal_column(f"'{JobState.RUNNING.value}'")
_THERE = Job.deleted_at.is_(None)
_BEFORE_THE_END = [JobState.QUEUED.value, JobState.RUNNING.value]
_PROCESSING = Job.state.in_([literal_column(f"'{state}'") for state in _BEFORE_THE_END])
"""As the index says it."""
_STORED = aliased(Job)
"""Made once, as that takes a millisecond."""


@dataclass(frozen=True, slots=True, order=True)
class Claimed:
    """A job as it was claimed. They compare by who is to be done first."""

    id: str = field(compare=False)
    rank: float
    fence: int = field(compare=False)
    attempt: int = field(compare=False)
    options: dict[str, Any] | None = field(compare=False)


class JobRepository:
    """Reads and writes rows; knows no rules."""

    # Jobs --------------------------------------------------------------------------------------------------------

    async def add(self, session: WriteSession, job: Job) -> None:
        session.add(job)
        await session.flush()

    async def get(self, session: ReadSession, job_id: str) -> Job | None:
        return await session.get(Job, job_id)

    async def get_many(self, session: ReadSession, job_ids: Iterable[str]) -> Sequence[Job]:
        return (await session.scalars(select(Job).where(Job.id.in_(list(job_ids))))).all()

    async def by_upload_key(
        self, session: ReadSession, user_id: int | None, guest: str | None, upload_key: str
    ) -> Job | None:
        return (await session.scalars(select(Job).where(_uploaded_as(user_id, guest, upload_key)))).first()

    async def as_it_is(self, session: ReadSession, job_id: str) -> Job | None:
        """The row, read again."""
        return await session.get(Job, job_id, populate_existing=True)

    async def is_in(self, session: ReadSession, job_id: str, states: Iterable[JobState]) -> bool:
        this = select(Job.id).where(Job.id == job_id, Job.state.in_([state.value for state in states]))
        return (await session.execute(this)).first() is not None

    async def has_result(self, session: ReadSession, job_id: str, fence: int, version: str) -> bool:
        """Whether this claim is the one that ended with this result."""
        completed = Job.state == JobState.COMPLETED.value
        this = select(Job.id).where(Job.id == job_id, Job.fence == fence, completed, Job.result_version == version)
        return (await session.execute(this)).first() is not None

    async def free_upload_key(
        self, session: WriteSession, user_id: int | None, guest: str | None, upload_key: str, now: float
    ) -> None:
        """Let the key of a job that has expired be used again."""
        expired = and_(_uploaded_as(user_id, guest, upload_key), Job.expires_at <= now)
        await self._update(session, expired, {"upload_key": None})

    async def count(self, session: WriteSession, job_id: str, now: float) -> bool:
        """Note when it was paid for; False if that had been noted before."""
        return await self._update(session, and_(Job.id == job_id, Job.counted_at.is_(None)), {"counted_at": now})

    async def mark_deleted(self, session: WriteSession, job_id: str, now: float) -> bool:
        # Its upload may be sent again under the same key: that is another job.
        return await self._update(session, and_(Job.id == job_id, _THERE), {"deleted_at": now, "upload_key": None})

    async def delete(self, session: WriteSession, job_id: str) -> bool:
        session.outdates(job_name(job_id))
        gone = (EVENT.c.job_id == job_id, EVENT.c.kind == "deleted", EVENT.c.user_id.is_not(None))
        last = select(EVENT.c.id, EVENT.c.job_id, EVENT.c.user_id, EVENT.c.at).where(*gone)
        await session.execute(insert(DEPARTURE).from_select(["id", "job_id", "user_id", "at"], last))
        marked = and_(Job.id == job_id, Job.deleted_at.is_not(None))
        return (await session.execute(delete(Job).where(marked).returning(Job.id))).first() is not None

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
            _assert_legal(sources, JobState(values["state"]))
        condition = and_(Job.id == job_id, Job.state.in_([s.value for s in sources]), _THERE)
        if fence is not None:
            condition = and_(condition, Job.fence == fence)
        return await self._update(session, condition, values)

    async def replace_result(
        self, session: WriteSession, job_id: str, version: str | None, values: dict[str, Any]
    ) -> bool:
        """Change a completed job that has this version of its result; False if there is none such."""
        this = and_(Job.id == job_id, Job.state == JobState.COMPLETED.value, Job.result_version == version, _THERE)
        return await self._update(session, this, values)

    async def _update(self, session: WriteSession, condition: ColumnElement[bool], values: dict[str, Any]) -> bool:
        statement = update(JOB).where(condition).values(values).returning(JOB.c.id)
        changed = list(await session.scalars(statement))
        session.outdates(*map(job_name, changed))
        return bool(changed)

    # Lists -------------------------------------------------------------------------------------------------------

    async def page(
        self,
        session: ReadSession,
        user_id: int | None,
        states: Iterable[JobState] | None,
        now: float,
        wanted: Paging,
    ) -> Page[Job]:
        """The jobs of an account, or of everybody, that are there for clients; newest first."""
        values = None if states is None else [state.value for state in states]
        whose = _everybodys(values) if user_id is None else _own(user_id, values)
        statement = select(Job).where(*whose, _alive(now))
        return await read_page(session, statement, (Job.created_at, Job.id), wanted)

    async def ids_of_user(self, session: ReadSession, user_id: int, limit: int) -> Sequence[str]:
        mine = select(Job.id).where(Job.user_id == user_id, _THERE).order_by(Job.created_at, Job.id).limit(limit)
        return (await session.scalars(mine)).all()

    async def expired(self, session: ReadSession, now: float, limit: int) -> Sequence[str]:
        return (await session.scalars(select(Job.id).where(Job.expires_at <= now, _THERE).limit(limit))).all()

    async def marked(self, session: ReadSession, limit: int) -> Sequence[str]:
        marked = select(Job.id).where(Job.deleted_at.is_not(None)).order_by(Job.deleted_at).limit(limit)
        return (await session.scalars(marked)).all()

    async def known(
        self, session: ReadSession, job_ids: Iterable[str] | None = None
    ) -> Sequence[tuple[str, str, int, str | None]]:
        """Id, state, fence and result version of these jobs, or of every job there is."""
        statement = select(Job.id, Job.state, Job.fence, Job.result_version)
        if job_ids is not None:
            statement = statement.where(Job.id.in_(list(job_ids)))
        rows = await session.execute(statement)
        return [(row[0], row[1], row[2], row[3]) for row in rows]

    async def still_there(self, session: ReadSession, job_ids: list[str], now: float) -> set[str]:
        """Those of the jobs that have neither been deleted nor expired."""
        return set(await session.scalars(select(Job.id).where(Job.id.in_(job_ids), _THERE, _alive(now))))

    @staticmethod
    def stored_bytes(user_id: ColumnElement[int] | int) -> ScalarSelect[int]:
        """What the files of an account's jobs take: those that are being deleted take it until they are gone."""
        return select(_total_bytes(_STORED)).where(_STORED.user_id == user_id).scalar_subquery()

    async def lock_guest_storage(
        self, session: WriteSession, guest: str, promised: ColumnElement[int] | int = 0
    ) -> int:
        if session.get_bind().dialect.name == "postgresql":
            # Guests have no row that could be locked. On SQLite there is one writer at a time anyway.
            await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(guest, 0))))
        return await session.scalar(select(_total_bytes(Job) + promised).where(Job.guest == guest)) or 0

    # The queue ---------------------------------------------------------------------------------------------------

    async def claim(
        self, session: WriteSession, owner: str, now: float, lease_until: float, limit: int, job_id: str | None = None
    ) -> list[Claimed]:
        """Give the jobs that are due first, or this one if it is due, to `owner`; those to be done first come first."""
        _assert_legal([JobState.QUEUED], JobState.RUNNING)
        claimed = _CLAIM_FIRST if job_id is None else _CLAIM_THIS
        wanted = {"limit": limit} if job_id is None else {"wanted": job_id}
        values = {"now": now, "owner": owner, "lease_until": lease_until, **wanted}
        found = sorted(Claimed(*row) for row in await session.execute(claimed, values))
        session.outdates(*(job_name(job.id) for job in found))
        return found

    async def next_due(self, session: ReadSession) -> float | None:
        """When there is something to claim, or a lease to take back; None: nothing waits and nothing runs."""
        available = select(func.min(Job.available_at)).where(_QUEUED).scalar_subquery()
        expires = select(func.min(Job.lease_expires_at)).where(_RUNNING).scalar_subquery()
        times = (await session.execute(select(available, expires))).one()
        return min((time for time in times if time is not None), default=None)

    async def next_lease_end(self, session: ReadSession) -> float | None:
        return await session.scalar(select(func.min(Job.lease_expires_at)).where(_RUNNING))

    async def expired_leases(self, session: WriteSession, now: float, limit: int) -> Sequence[tuple[str, int, int]]:
        """Id, fence and attempt of jobs whose worker hasn't been heard of, none of which somebody else is at."""
        expired = _lease().where(Job.lease_expires_at <= now).limit(limit).with_for_update(skip_locked=True)
        return [(row[0], row[1], row[2]) for row in await session.execute(expired)]

    async def leases_of(self, session: WriteSession, owner_prefix: str) -> Sequence[tuple[str, int, int]]:
        """Id, fence and attempt of what the workers hold whose names begin so."""
        held = _lease().where(Job.lease_owner.startswith(owner_prefix, autoescape=True))
        # In the order of their ids: two who change the same ones would otherwise wait for each other. Not by the
        # database, which would rather read all jobs in that order.
        return sorted((row[0], row[1], row[2]) for row in await session.execute(held))

    async def queue_lengths(self, session: ReadSession) -> dict[str, int]:
        """Number of jobs queued and running."""
        queued, running = (await session.execute(select(_count(_QUEUED), _count(_RUNNING)))).one()
        return {JobState.QUEUED.value: queued, JobState.RUNNING.value: running}

    async def oldest_waiting(self, session: ReadSession) -> float | None:
        """Since when a job could have been begun that still waits; None: none does."""
        return await session.scalar(select(func.min(Job.available_at)).where(_QUEUED))

    async def queue_positions(self, session: ReadSession, job_ids: Iterable[str]) -> dict[str, int]:
        """Of those that wait: 1 + the number of jobs that are running or wait before it."""
        place = func.row_number().over(order_by=(Job.rank, Job.id))
        queue = select(Job.id, place.label("place")).where(_QUEUED).subquery()
        wanted = select(queue.c.id, queue.c.place + _count(_RUNNING)).where(queue.c.id.in_(list(job_ids)))
        return {row[0]: row[1] for row in await session.execute(wanted)}

    # A broker's messages -----------------------------------------------------------------------------------------

    async def to_publish(
        self, session: ReadSession, now: float, told_before: float, limit: int
    ) -> Sequence[tuple[str, float, float | None]]:
        """Id, rank and time of the last message of jobs that are due and that no message, or only an old one, is of."""
        untold = or_(Job.published_at.is_(None), Job.published_at <= told_before)
        due = select(Job.id, Job.rank, Job.published_at).where(_QUEUED, Job.available_at <= now, untold)
        return [
            (row[0], row[1] or 0.0, row[2])
            for row in await session.execute(due.order_by(Job.rank, Job.id).limit(limit))
        ]

    async def published(self, session: ReadSession, now: float) -> int:
        told = select(func.count()).select_from(Job).where(_QUEUED, Job.available_at <= now, Job.published_at <= now)
        return await session.scalar(told) or 0

    async def mark_published(self, session: WriteSession, job_ids: Iterable[str], now: float) -> None:
        # Those that somebody is changing now need no mark, and waiting for them could be waiting for each other.
        free = (
            select(JOB.c.id).where(JOB.c.id.in_(list(job_ids)), _QUEUED).with_for_update(skip_locked=True).cte("free")
        )
        await session.execute(update(JOB).where(JOB.c.id.in_(select(free.c.id))).values(published_at=now))

    # Attempts ----------------------------------------------------------------------------------------------------

    async def add_attempts(self, session: WriteSession, claimed: list[Claimed], worker: str, now: float) -> None:
        rows = [
            {"job_id": job.id, "fence": job.fence, "number": job.attempt, "worker": worker, "began_at": now}
            for job in claimed
        ]
        await session.execute(insert(ATTEMPT), rows)

    async def change_attempt(self, session: WriteSession, job_id: str, fence: int, values: dict[str, Any]) -> None:
        this = and_(ATTEMPT.c.job_id == job_id, ATTEMPT.c.fence == fence, ATTEMPT.c.ended_at.is_(None))
        await session.execute(update(ATTEMPT).where(this).values(values))

    async def close_attempts(self, session: WriteSession, job_id: str, outcome: str, now: float) -> None:
        going_on = and_(ATTEMPT.c.job_id == job_id, ATTEMPT.c.ended_at.is_(None))
        await session.execute(update(ATTEMPT).where(going_on).values(ended_at=now, outcome=outcome))

    async def attempts(self, session: ReadSession, job_id: str, limit: int) -> Sequence[JobAttempt]:
        newest = select(JobAttempt).where(JobAttempt.job_id == job_id).order_by(JobAttempt.fence.desc()).limit(limit)
        return (await session.scalars(newest)).all()

    # Events ------------------------------------------------------------------------------------------------------

    async def add_event(self, session: WriteSession, job_id: str, kind: str, data: dict[str, Any], at: float) -> None:
        """`add_events` for one."""
        await self.add_events(session, [{"job_id": job_id, "kind": kind, "data": data, "at": at}])

    async def add_events(self, session: WriteSession, rows: list[dict[str, Any]]) -> None:
        """Write events, in this order, of jobs whose rows this transaction has changed.

        Those rows are locked until the commit. So events of one job get their ids in the order in which they become
        visible, although ids come from a counter that knows no transactions; those of different jobs may not.
        """
        await session.execute(_ADD_EVENT, [{**row, "of": row["job_id"]} for row in rows])
        session.info[COMMITTED] = True
        if session.get_bind().dialect.name == "postgresql":
            # Within the transaction, so that it is told with the commit or not at all.
            told = [func.pg_notify(EVENTS_CHANNEL, "")]
            if any(row["kind"] in _CLAIMABLE_KINDS for row in rows):
                told.append(func.pg_notify(QUEUE_CHANNEL, ""))
            await session.execute(select(*told))

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

    async def events_and_others(
        self, session: ReadSession, after: int, others: Iterable[int], limit: int
    ) -> Sequence[JobEvent]:
        """Events after one, and some before it, in the order of their ids; `limit` of the former."""
        found = await self.events_after(session, after, limit)
        if others := list(others):
            earlier = select(JobEvent).where(JobEvent.id.in_(others)).order_by(JobEvent.id)
            found = [*await session.scalars(earlier), *found]
        return found

    async def latest_event(self, session: ReadSession, job_id: str) -> JobEvent | None:
        statement = select(JobEvent).where(JobEvent.job_id == job_id).order_by(JobEvent.id.desc()).limit(1)
        return (await session.scalars(statement)).first()

    # Files -------------------------------------------------------------------------------------------------------

    async def replace_files(self, session: WriteSession, job_id: str, files: Iterable[dict[str, Any]]) -> None:
        await session.execute(delete(JobFile).where(JobFile.job_id == job_id))
        rows = [{"job_id": job_id, **file} for file in files]
        if rows:
            await session.execute(insert(JobFile), rows)

    async def files(self, session: ReadSession, job_id: str) -> Sequence[JobFile]:
        return (await session.scalars(select(JobFile).where(JobFile.job_id == job_id))).all()

    async def file_and_job(self, session: ReadSession, job_id: str, path: str) -> tuple[JobFile, Job] | None:
        """A file of a result with the job, in one query."""
        statement = select(JobFile, Job).join(Job, Job.id == JobFile.job_id)
        row = (await session.execute(statement.where(JobFile.job_id == job_id, JobFile.path == path))).first()
        return None if row is None else (row[0], row[1])


def _claim(which: ColumnElement[bool]) -> ReturningUpdate[Any]:
    values = {
        "state": JobState.RUNNING.value,
        "fence": JOB.c.fence + 1,
        "attempts": JOB.c.attempts + 1,
        "lease_owner": bindparam("owner"),
        "lease_expires_at": bindparam("lease_until"),
        "started_at": bindparam("now"),
    }
    columns = (JOB.c.id, JOB.c.rank, JOB.c.fence, JOB.c.attempts, JOB.c.options)
    return update(JOB).where(which).values(values).returning(*columns)


def _first() -> CTE:
    """The jobs to be done first, as an expression of its own: they may be looked for, and locked, only once."""
    first = select(JOB.c.id).where(_DUE).order_by(JOB.c.rank, JOB.c.id).limit(bindparam("limit"))
    # On PostgreSQL others may be claiming at the same time: each takes the first that none of them has its hands on.
    # On SQLite writers come one after the other, and the clause isn't there.
    return first.with_for_update(skip_locked=True).cte("first")


# Whose the job is, each row is told by the job's.
_ADD_EVENT = insert(EVENT).values(
    user_id=select(JOB.c.user_id).where(JOB.c.id == bindparam("of")).scalar_subquery(),
)
# Made once: workers claim again and again, and putting a statement together costs half as much as executing it.
_DUE = and_(_QUEUED, JOB.c.available_at <= bindparam("now"))
# Those that were found are locked and still due. Said once more, it would have PostgreSQL go through the whole queue
# for them until it has statistics of it.
_CLAIM_FIRST = _claim(JOB.c.id.in_(select(_first().c.id)))
_CLAIM_THIS = _claim(and_(_DUE, JOB.c.id == bindparam("wanted")))


def _assert_legal(sources: list[JobState], target: JobState) -> None:
    assert all(target in LEGAL[source] for source in sources), f"no way from {sources} to {target}"


def _uploaded_as(user_id: int | None, guest: str | None, upload_key: str) -> ColumnElement[bool]:
    owner = Job.user_id == user_id if user_id is not None else Job.guest == guest
    return and_(owner, Job.upload_key == upload_key)


def _total_bytes(job: type[Job]) -> ColumnElement[int]:
    # PostgreSQL's sum of 64-bit numbers is a decimal.
    return cast(func.coalesce(func.sum(job.upload_bytes + job.result_bytes), 0), BigInteger)


def _count(condition: ColumnElement[bool]) -> ScalarSelect[int]:
    return select(func.count()).select_from(Job).where(condition).scalar_subquery()


def _alive(now: float) -> ColumnElement[bool]:
    return or_(Job.expires_at.is_(None), Job.expires_at > now)


def _everybodys(states: list[str] | None) -> list[ColumnElement[bool]]:
    if states is None:
        return [_THERE]
    if states == _BEFORE_THE_END:
        # Their own index has them in the order of the list; that of each state isn't to be sorted instead.
        return [_PROCESSING, unindexed(Job.deleted_at).is_(None)]
    return [_THERE, Job.state.in_(states)]


def _own(user_id: int, states: list[str] | None) -> list[ColumnElement[bool]]:
    own = [Job.user_id == user_id, _THERE]
    # Of one account's jobs, those in some states: not of all those in some states, one account's.
    return own if states is None else [*own, unindexed(Job.state).in_(states)]


def _lease() -> Select[str, int, int]:
    return select(Job.id, Job.fence, Job.attempts).where(_RUNNING)
