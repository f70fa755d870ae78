"""Claiming jobs: how many a second with ten thousand that wait, in which order, and whether any is claimed twice.

Before: a table as tutorials make one, without an index and with the database as it comes; each claim takes a lock, so
that it is as right as what it is compared with. After: the jobs table, and as many processes as are said that claim
until there is nothing left.

Run as a module this is somebody who only claims.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import func, select

from benchmarks.filled_queue import fill, queue, start_all
from benchmarks.processes import Process
from benchmarks.report import Facts, Promise, Report, Row
from garaza.app import prepare
from garaza.cli.common import configure_logging
from garaza.jobs.models import Job, JobAttempt
from garaza.jobs.priorities import STEPS
from garaza.jobs.states import JobState
from garaza.kit.ids import new_id
from garaza.settings import Settings
from garaza.wiring import Parts, make_parts
from tests.servers.postgres import Postgres, find_programs

_A_SECOND = 1000
_TOGETHER = 16
"""Jobs that a large worker claims at once, when it has time for so many."""
_WORKERS = (1, 4)
_PLAIN_SECONDS = 2.0
_LONG_LEASE = {"GARAZA_JOBS__LEASE_SECONDS": "3600"}
"""For who claims without ever doing anything."""

_MAKE_TABLE = "CREATE TABLE plain_jobs (id TEXT PRIMARY KEY, state TEXT, priority INTEGER, queued_at FLOAT)"
_FIRST = "SELECT id FROM plain_jobs WHERE state = 'queued' ORDER BY priority, queued_at LIMIT 1"

Way = tuple[int, int]
"""Processes, and jobs that each claims at a time."""
WAYS: list[Way] = [(workers, limit) for workers in _WORKERS for limit in (1, _TOGETHER)]


def run(*, quick: bool, place: Path) -> Report:
    """See the module."""
    queued = 300 if quick else 10_000
    place.mkdir(exist_ok=True)
    sqlite_ways = asyncio.run(_all_ways(place / "sqlite", queued))
    found = {"SQLite": _Found(_plain_sqlite(place / "plain.db", queued), sqlite_ways)}
    if find_programs() is not None:
        with Postgres(place / "postgres.log") as server:
            plain = asyncio.run(_plain_postgresql(server.new_database(), queued))
            ways = asyncio.run(_all_ways(place / "postgres", queued, server.new_database()))
            found["PostgreSQL"] = _Found(plain, ways)
    claims = [one for kind in found.values() for one in kind.ways.values()]
    return Report(
        measured=f"{queued:,} queued jobs claimed by {' or '.join(map(str, _WORKERS))} processes that do nothing else",
        rows=[
            Row(f"{kind}: claims by {_named(way)}", of.plain, claimed.rate, "1/s", "more")
            for kind, of in found.items()
            for way, claimed in of.ways.items()
        ],
        promises=[
            Promise("no job is claimed twice: one attempt each, all with fence 1", sum(c.twice for c in claims) == 0),
            Promise("jobs are claimed in their order, by however many", sum(c.disorder for c in claims) == 0),
            *(
                Promise(
                    f"{kind}: {_A_SECOND:,} claims a second with {queued:,} queued, {_named(way)}",
                    of.ways[way].rate >= _A_SECOND,
                )
                for kind, of in found.items()
                for way in ((1, 1), (1, _TOGETHER))
            ),
        ],
        facts=[_facts(kind, of) for kind, of in found.items()],
        notes=[
            "A plain claim is two statements by the driver itself, and nothing else: no attempt, no event, no lease, "
            "and no look for jobs that dead workers hold.",
            "The row of a plain claim is the same for all: one process, one job at a time. PostgreSQL doesn't wait for "
            "its disk here, neither before nor after; SQLite does before, as it comes, and after waits at checkpoints "
            "only.",
            "Out of order: claimed by a transaction that began after another had taken a job of a later place. Which "
            "of two goes first that are at it at the same time is open.",
        ],
    )


@dataclass(frozen=True, slots=True)
class _Claims:
    """What came of claiming all there is."""

    rate: float
    """A second."""
    twice: int
    """Claims too many."""
    disorder: int
    """Jobs that were claimed after one that should have come later."""
    fewest: int
    """Jobs of the process that got the fewest."""


@dataclass(frozen=True, slots=True)
class _Found:
    """In one kind of database."""

    plain: float
    """Claims a second."""
    ways: dict[Way, _Claims]


def _named(way: Way) -> str:
    workers, limit = way
    return f"{workers} process{'es' if workers > 1 else ''}, {limit} at a time"


def _facts(kind: str, found: _Found) -> Facts:
    return Facts(
        f"{kind}: the plain way {found.plain:,.0f} claims/s",
        ["processes", "at a time", "claims/s", "claimed twice", "out of order", "fewest by one"],
        [
            [str(workers), str(limit), f"{of.rate:,.0f}", str(of.twice), str(of.disorder), str(of.fewest)]
            for (workers, limit), of in found.ways.items()
        ],
    )


# Before --------------------------------------------------------------------------------------------------------------


def _plain_rows(count: int) -> list[tuple[str, str, int, float]]:
    return [(new_id(), "queued", random.choice(STEPS), float(number)) for number in range(count)]


def _plain_sqlite(path: Path, queued: int) -> float:
    """Claims a second, each with its own commit, until all are claimed or a second or two are over."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(_MAKE_TABLE)
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO plain_jobs VALUES (?, ?, ?, ?)", _plain_rows(queued))
        connection.execute("COMMIT")
        count, began = 0, time.perf_counter()
        while count < queued and time.perf_counter() - began < _PLAIN_SECONDS:
            connection.execute("BEGIN IMMEDIATE")
            (job_id,) = connection.execute(_FIRST).fetchone()
            connection.execute("UPDATE plain_jobs SET state = 'running' WHERE id = ?", (job_id,))
            connection.execute("COMMIT")
            count += 1
        return count / (time.perf_counter() - began)


async def _plain_postgresql(url: str, queued: int) -> float:
    import asyncpg  # noqa: PLC0415 - where there is no PostgreSQL, there may be no driver for it

    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_MAKE_TABLE)
        await connection.copy_records_to_table("plain_jobs", records=_plain_rows(queued))
        count, began = 0, time.perf_counter()
        while count < queued and time.perf_counter() - began < _PLAIN_SECONDS:
            async with connection.transaction():
                job_id = await connection.fetchval(f"{_FIRST} FOR UPDATE")
                await connection.execute("UPDATE plain_jobs SET state = 'running' WHERE id = $1", job_id)
            count += 1
        return count / (time.perf_counter() - began)
    finally:
        await connection.close()


# After ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Batch:
    """The jobs of one transaction."""

    began: float
    """After the transaction did: on SQLite nobody else is in one until it ends."""
    ended: float
    """Before the commit."""
    fences: dict[str, int]
    """By job."""


async def _all_ways(data_dir: Path, queued: int, url: str | None = None) -> dict[Way, _Claims]:
    """Let processes claim all jobs, one way after the other."""
    environment = _LONG_LEASE | ({} if url is None else {"GARAZA_DATABASE__URL": url})
    found = {}
    async with queue(data_dir, url) as parts:
        with ExitStack() as stack:
            arguments = ["benchmarks.claims", str(data_dir)]
            claimers = start_all(stack, max(_WORKERS), arguments, data_dir / "log", **environment)
            for way in WAYS:
                await fill(parts, queued)
                found[way] = await _claimed(parts, claimers[: way[0]], way[1], queued)
    return found


async def _claimed(parts: Parts, claimers: list[Process], limit: int, queued: int) -> _Claims:
    for claimer in claimers:
        assert claimer.popen.stdin is not None
        claimer.popen.stdin.write(f"{limit}\n")
        claimer.popen.stdin.flush()
    told = await asyncio.gather(*(asyncio.to_thread(_batches, claimer) for claimer in claimers))
    batches = [batch for of_one in told for batch in of_one]
    async with parts.database.read() as session:
        ranks = {row[0]: row[1] or 0.0 for row in await session.execute(select(Job.id, Job.rank))}
        left = await session.scalar(select(func.count()).where(Job.state == JobState.QUEUED.value))
        again = await session.scalar(select(func.count()).where(Job.fence != 1)) or 0
        attempts = await session.scalar(select(func.count()).select_from(JobAttempt)) or 0
    claims = Counter(job_id for batch in batches for job_id in batch.fences)
    assert len(claims) == queued, "not all were claimed"
    assert left == 0
    # By what the claimers were told and by what the table says; it has the jobs of the ways before, too.
    told_again = sum(fence != 1 for batch in batches for fence in batch.fences.values())
    twice = max(claims.total() - queued, told_again, again, attempts - len(ranks))
    seconds = max(batch.ended for batch in batches) - min(batch.began for batch in batches)
    fewest = min(sum(len(batch.fences) for batch in of_one) for of_one in told)
    return _Claims(queued / seconds, twice, _disorder(batches, ranks), fewest)


def _batches(claimer: Process) -> list[_Batch]:
    assert claimer.popen.stdout is not None
    return [_Batch(**batch) for batch in json.loads(claimer.popen.stdout.readline())]


def _disorder(batches: Iterable[_Batch], ranks: dict[str, float]) -> int:
    """Jobs that waited, and were nobody's, while one of a later place was claimed."""
    ended = sorted(batches, key=lambda batch: batch.ended)
    count, latest, over = 0, float("-inf"), 0
    for batch in sorted(ended, key=lambda batch: batch.began):
        while ended[over].ended < batch.began:
            latest = max(latest, *(ranks[job_id] for job_id in ended[over].fences))
            over += 1
        count += sum(ranks[job_id] < latest for job_id in batch.fences)
    return count


async def _claim_all(parts: Parts, limit: int) -> list[_Batch]:
    """Claim until there is nothing left."""
    owner = new_id()
    batches: list[_Batch] = []
    while True:
        async with parts.database.write() as session:
            began = time.monotonic()
            claims = await parts.jobs.claim_many(session, owner, limit)
            ended = time.monotonic()
        if not claims:
            return batches
        batches.append(_Batch(began, ended, {claim.job_id: claim.fence for claim in claims}))


async def _serve(parts: Parts) -> None:
    """Claim all there is whenever a line says how many at a time, and tell of it in a line."""
    # A connection, and what is compiled when it is first used.
    await _claim_all(parts, 1)
    _say("ready")
    while limit := await asyncio.to_thread(sys.stdin.readline):
        _say(json.dumps([asdict(batch) for batch in await _claim_all(parts, int(limit))]))
    await parts.database.close()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Argument: the data directory."""
    configure_logging()
    parts = make_parts(Settings(data_dir=Path(sys.argv[1])))
    prepare(parts)
    asyncio.run(_serve(parts))


if __name__ == "__main__":
    main()
