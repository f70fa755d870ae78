"""Indexes, deep pages and round trips, on a database as a busy service has it after a year.

Before: the same tables without the indexes, pages by OFFSET, and a query for each thing that is wanted, one by one.
After: what the service sends. Statements are timed at the driver, so that nothing else is in the figures; round trips
with everything that a request does around them.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import URL, Dialect, Select, func, make_url, select
from sqlalchemy.dialects import postgresql, sqlite

from benchmarks.report import Facts, Promise, Report, Row
from garaza.accounts.models import Activity, User
from garaza.accounts.repository import AccountRepository
from garaza.jobs.models import Job
from garaza.jobs.repository import JobRepository
from garaza.jobs.service import JobService
from garaza.kit.database import Database, ReadSession, sqlite_url
from garaza.kit.migrate import upgrade
from garaza.kit.pagination import Paging, Place, limit_to
from garaza.migrations import PACKAGE
from garaza.rooms.usage import rooms_bytes, storage_used
from garaza.settings import DatabaseSettings, JobSettings
from garaza.wiring import pool_options
from tests.database.seed import LARGE, NOW, ORDINARY, SMALL, Size, fill, job_id
from tests.queries import Queries
from tests.servers.postgres import Postgres, find_programs

_PAGE = 20
_TABLES = {"users", "activities", "jobs", "rooms", "room_files", "job_files"}
_JOBS = JobService(JobSettings(), clock=lambda: NOW)
"""In the time of the rows: by now many of the scans would have expired."""
_GOAL = 500
"""Times faster than without the index, at a million activities."""


@dataclass(frozen=True, slots=True)
class _Question:
    """A statement that the service sends, and the indexes that are for it."""

    what: str
    statement: Select[Any]
    indexes: tuple[str, ...]


LATEST = "latest 20 activities of an account"
QUESTIONS = [
    _Question(
        LATEST,
        limit_to(
            select(Activity).where(Activity.user_id == ORDINARY),
            (Activity.created_at, Activity.id),
            Paging(1, _PAGE - 1),
        ),
        ("ix_activities_user_id_created_at", "ix_activities_user_id_action"),
    ),
    _Question(
        "admins: activities of a rare kind",
        limit_to(select(Activity).where(Activity.action == "token_reuse"), (Activity.id,), Paging(1, _PAGE)),
        ("ix_activities_action",),
    ),
    _Question(
        "admins: closed accounts of a plan",
        limit_to(
            select(User).where(User.deleted_at.is_(None), User.plan == "pro", User.is_active.is_(False)),
            (User.id,),
            Paging(1, _PAGE),
        ),
        ("ix_users_plan_is_active", "ix_users_plan_id", "ix_users_is_active_id"),
    ),
    _Question(
        "an account's scans, newest first",
        limit_to(select(Job).where(Job.user_id == ORDINARY), (Job.created_at, Job.id), Paging(1, _PAGE)),
        ("ix_jobs_user_id_created_at", "ix_jobs_user_id_bytes"),
    ),
]


def run(*, quick: bool, place: Path) -> Report:
    """See the module."""
    size = SMALL if quick else LARGE
    place.mkdir(exist_ok=True)
    kinds: dict[str, _Found] = {}
    with _file(place) as url:
        kinds["SQLite"] = _measured(url, size, quick=quick)
    if find_programs() is not None:
        with Postgres(place / "postgres.log") as server:
            kinds["PostgreSQL"] = _measured(make_url(server.new_database()), size, quick=quick)
    found = kinds["SQLite"]
    depth = size.activities // 2 // _PAGE
    return Report(
        measured=f"{size.activities:,} activities, {size.users:,} accounts, {size.jobs:,} scans ({size.queued:,} wait)",
        rows=[
            *(Row(f"{kind}: {LATEST}", *of.questions[LATEST], "ms") for kind, of in kinds.items()),
            *(Row(f"SQLite: {what}", *times, "ms") for what, times in found.questions.items() if what != LATEST),
            *(Row(f"{kind}: page {depth:,} of all", of.offset_ms, of.cursor_ms, "ms") for kind, of in kinds.items()),
            Row("SQLite: claim of a job", *found.claim_ms, "ms"),
            *(Row(f"SQLite: {what}", *times, "ms") for what, (times, _) in found.trips.items()),
            *(Row(f"round trips: {what}", *trips, "") for what, (_, trips) in found.trips.items()),
        ],
        promises=[
            promise
            for kind, of in kinds.items()
            for promise in (
                Promise(
                    f"{kind}: {LATEST}, {_GOAL} times faster with its index",
                    of.questions[LATEST][0] >= _GOAL * of.questions[LATEST][1],
                ),
                Promise(
                    f"{kind}: a page by cursor costs the same wherever it is (2 times at most)",
                    of.cursor_ms <= 2 * of.first_ms,
                ),
            )
        ],
        facts=[_facts(kind, of) for kind, of in kinds.items()],
        notes=[
            f"Goals are for {LARGE.activities:,} activities; this was {size.activities:,}. A page by cursor of SQLite "
            f"took {found.first_ms:.3f} ms at the start of the list and {found.cursor_ms:.3f} ms in its middle.",
            "A statement without its index reads the whole table: how long that takes hangs on what else the disk has "
            "to do.",
        ],
    )


@dataclass(slots=True)
class _Found:
    """Milliseconds before and after; medians."""

    questions: dict[str, tuple[float, float]]
    first_ms: float
    cursor_ms: float
    offset_ms: float
    claim_ms: tuple[float, float]
    trips: dict[str, tuple[tuple[float, float], tuple[int, int]]]


def _measured(url: URL, size: Size, *, quick: bool) -> _Found:
    upgrade(url, PACKAGE)
    fill(url, size, _TABLES)
    return asyncio.run(_measure(url, size, 20 if quick else 100))


async def _measure(url: URL, size: Size, times: int) -> _Found:
    database = Database(url, pool_options(DatabaseSettings(), url))
    try:
        after = {one.what: await _driver_ms(database, one.statement, times) for one in QUESTIONS}
        middle = size.activities // 2
        pages = [
            limit_to(select(Activity), (Activity.id,), wanted)
            for wanted in (
                Paging(1, _PAGE, Place((size.activities,))),
                Paging(1, _PAGE, Place((middle,))),
                Paging(middle // _PAGE, _PAGE),
            )
        ]
        first, cursor, offset = [await _driver_ms(database, page, times) for page in pages]
        trips = {what: await _trips(database, *ways, times) for what, ways in WAYS.items()}
        claim_after = await _claim_ms(database, times)
        await _drop(database, [index for one in QUESTIONS for index in one.indexes] + ["ix_jobs_queue"])
        claim_before = await _claim_ms(database, max(times // 10, 3))
        before = {one.what: await _driver_ms(database, one.statement, max(times // 10, 3)) for one in QUESTIONS}
    finally:
        await database.close()
    questions = {what: (before[what], after[what]) for what in after}
    return _Found(questions, first, cursor, offset, (claim_before, claim_after), trips)


@contextmanager
def _file(place: Path) -> Iterator[URL]:
    path = place / "garaza.db"
    yield sqlite_url(path)
    path.unlink()


def _facts(kind: str, found: _Found) -> Facts:
    rows = [(what, *times) for what, times in found.questions.items()]
    rows += [
        ("a page in the middle: OFFSET, cursor", found.offset_ms, found.cursor_ms),
        ("the same at the start of the list", found.first_ms, found.first_ms),
        ("claim of a job", *found.claim_ms),
        *((what, *times) for what, (times, _) in found.trips.items()),
    ]
    return Facts(
        f"{kind}, medians",
        ["", "before, ms", "after, ms", "times better"],
        [[what, f"{before:.3f}", f"{after:.3f}", f"{before / after:,.1f}"] for what, before, after in rows],
    )


# Statements -------------------------------------------------------------------------------------------------------


async def _driver_ms(database: Database, statement: Select[Any], times: int) -> float:
    """Of executing it and fetching all rows."""
    dialect: Dialect = sqlite.dialect() if database.dialect == "sqlite" else postgresql.dialect()
    text = str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    if database.dialect == "sqlite":
        with closing(sqlite3.connect(str(database.url.database))) as connection:
            return median(_timed(lambda: connection.execute(text).fetchall(), times))
    async with database.read() as session:
        driver: Any = (await (await session.connection()).get_raw_connection()).driver_connection
        prepared = await driver.prepare(text)
        return median([await _timed_async(prepared.fetch) for _ in range(times)])


def _timed(work: Callable[[], object], times: int) -> list[float]:
    found = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        found.append(1000 * (time.perf_counter() - began))
    return found


async def _timed_async(work: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await work()
    return 1000 * (time.perf_counter() - began)


async def _claim_ms(database: Database, times: int) -> float:
    """With its transaction, which is rolled back, so that the next one finds the same."""

    async def claim() -> None:
        async with database.write() as session:
            assert await _JOBS.claim(session, "benchmark") is not None
            await session.rollback()

    return median([await _timed_async(claim) for _ in range(times)])


async def _drop(database: Database, indexes: Sequence[str]) -> None:
    async with database.write() as session:
        connection = await session.connection()
        for index in indexes:
            await connection.exec_driver_sql(f"DROP INDEX {index}")


# Round trips ------------------------------------------------------------------------------------------------------

Way = Callable[[ReadSession], Awaitable[object]]
_SCANS = [job_id(number) for number in range(101, 210) if number % 100 not in {9, 11}][:100]
"""Without those that have expired or been deleted."""


async def _profile_before(session: ReadSession) -> None:
    await session.scalar(select(User).where(User.id == ORDINARY))
    newest = select(Activity).where(Activity.user_id == ORDINARY).order_by(Activity.created_at.desc()).limit(10)
    (await session.scalars(newest)).all()
    await session.scalar(select(func.count()).select_from(Job).where(Job.user_id == ORDINARY))
    await session.scalar(select(JobRepository.stored_bytes(ORDINARY)))
    await session.scalar(select(rooms_bytes(ORDINARY)))


async def _profile_after(session: ReadSession) -> None:
    await AccountRepository().counters_and_latest(session, ORDINARY, storage_used(ORDINARY), 10)


async def _statuses_before(session: ReadSession) -> None:
    for one in _SCANS:
        session.expunge_all()
        await _JOBS.queue_position(session, await _JOBS.get(session, one, any=True))


async def _statuses_after(session: ReadSession) -> None:
    await _JOBS.queue_positions(session, await _JOBS.get_many(session, _SCANS, any=True))


WAYS: dict[str, tuple[Way, Way]] = {
    "a profile": (_profile_before, _profile_after),
    "statuses of 100 scans": (_statuses_before, _statuses_after),
}


async def _trips(
    database: Database, before: Way, after: Way, times: int
) -> tuple[tuple[float, float], tuple[int, int]]:
    """Milliseconds and round trips of each way."""
    found = []
    for way in (before, after):

        async def once(way: Way = way) -> None:
            async with database.read() as session:
                await way(session)

        with Queries(database) as seen:
            await once()
        milliseconds = median([await _timed_async(once) for _ in range(max(times // 10, 3))])
        found.append((milliseconds, len(seen)))
    (one_ms, one), (other_ms, other) = found
    return (one_ms, other_ms), (one, other)
