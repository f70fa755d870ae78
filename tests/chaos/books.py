"""What has to be true of the rows and the files, whatever was killed."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from garaza.accounts.models import Activity, User
from garaza.jobs.models import Job, JobAttempt, JobEvent, JobFile
from garaza.kit.models import Base
from tests.chaos.clients import Scan
from tests.chaos.world import SETTLING_SECONDS, World, settles

ENDS = {"completed", "failed", "cancelled"}
AFTER_A_KILL = {"crashed", "engine_crashed"}
"""Reasons for which a scan may fail here: it was killed too often."""
_GOES_ON = {
    ("new", "uploaded"): "ended",
    ("ended", "queued"): "waits",
    ("waits", "running"): "runs",
    **{("runs", kind): "runs" for kind in ("stage", "progress", "log")},
    **{("runs", kind): "waits" for kind in ("queued", "retrying")},
    **{("runs", kind): "ended" for kind in ENDS},
    ("waits", "cancelled"): "ended",
}
"""What a job does, and what may happen to it then: what it does after that."""
_TRANSIENT = ("incoming", "work", "trash")

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Books:
    """All rows that there are, by the tables' own order."""

    jobs: dict[str, Row]
    attempts: dict[str, list[Row]]
    events: dict[str, list[Row]]
    files: dict[str, list[Row]]
    activities: list[Row]
    users: list[Row]


def read_books(url: str) -> Books:
    return asyncio.run(_read(url))


async def _read(url: str) -> Books:
    engine = create_async_engine(url, poolclass=NullPool)
    try:
        async with engine.connect() as connection:

            async def rows(model: type[Base]) -> list[Row]:
                table: Table = Base.metadata.tables[model.__tablename__]
                found = await connection.execute(select(table).order_by(*table.primary_key.columns))
                return [dict(row._mapping) for row in found]

            def by_job(found: list[Row]) -> dict[str, list[Row]]:
                groups: dict[str, list[Row]] = defaultdict(list)
                for row in found:
                    groups[row["job_id"]].append(row)
                return groups

            return Books(
                jobs={row["id"]: row for row in await rows(Job)},
                attempts=by_job(await rows(JobAttempt)),
                events=by_job(await rows(JobEvent)),
                files=by_job(await rows(JobFile)),
                activities=await rows(Activity),
                users=await rows(User),
            )
    finally:
        await engine.dispose()


class Auditor:
    """Looks at a world that has come to rest, and says what is wrong with it."""

    def __init__(self, world: World, patience_seconds: float = SETTLING_SECONDS) -> None:
        self._world = world
        self._patience = patience_seconds
        self._read: set[tuple[str, str]] = set()
        """Versions of results whose content has been compared."""

    def audit(self, scans: list[Scan]) -> Books:
        """`scans`: all that there ever were."""
        data = self._world.data
        if not settles(lambda: not self._left(), self._patience):
            self._wrong(f"half-written or not removed: {', '.join(self._left())}")
        settles(self._has_finished_deleting, self._patience)
        books = read_books(self._world.database_url)
        expected = {scan.job_id: scan for scan in scans if scan.job_id is not None}
        there = {job_id for job_id, scan in expected.items() if not scan.deleted}
        if books.jobs.keys() != there:
            self._wrong(
                f"rows without a scan {books.jobs.keys() - there}, scans without a row {there - books.jobs.keys()}"
            )
        for kind, rows in (("attempts", books.attempts), ("events", books.events), ("files", books.files)):
            if rows.keys() - books.jobs.keys():
                self._wrong(f"{kind} of no job: {rows.keys() - books.jobs.keys()}")
        uploads = {path.name for path in (data / "uploads").iterdir()}
        if uploads != books.jobs.keys():
            self._wrong(
                f"videos without a row {uploads - books.jobs.keys()}, rows without {books.jobs.keys() - uploads}"
            )
        results = {path.name for path in (data / "results").iterdir()}
        completed = {job_id for job_id, job in books.jobs.items() if job["state"] == "completed"}
        if results != completed:
            self._wrong(f"results of no completed job {results - completed}, completed without {completed - results}")
        for job_id, job in books.jobs.items():
            for what in [
                *self._job(job, expected.get(job_id)),
                *_attempts(job, books.attempts[job_id]),
                *_events(job, books.attempts[job_id], books.events[job_id], expected.get(job_id)),
                *self._files(job, books.files[job_id]),
            ]:
                self._wrong(f"{job_id} ({job['state']}): {what}")
        self._charges(books, list(expected.values()))
        return books

    def _wrong(self, what: str) -> None:
        self._world.say_wrong(what)

    def _has_finished_deleting(self) -> bool:
        return not any(job["deleted_at"] for job in read_books(self._world.database_url).jobs.values())

    def _left(self) -> list[str]:
        return [f"{kind}/{path.name}" for kind in _TRANSIENT for path in (self._world.data / kind).iterdir()]

    def _job(self, job: Row, scan: Scan | None) -> list[str]:
        wrong = []
        if job["deleted_at"] is not None:
            wrong.append("it was deleted, and never finished")
        if job["state"] not in ENDS:
            wrong.append("it has not ended")
        if job["lease_owner"] is not None or job["lease_expires_at"] is not None:
            wrong.append(f"it has a lease: {job['lease_owner']}")
        failure = job["failure"] or {}
        if job["state"] == "failed" and not (failure.get("reason") in AFTER_A_KILL and failure.get("message")):
            wrong.append(f"it failed for {failure}")
        if (job["counted_at"] is not None) != (scan is not None and scan.asks > 0):
            wrong.append(f"counted at {job['counted_at']}, although asked for {scan and scan.asks} times")
        if scan is not None and scan.phase and scan.phase != job["state"]:
            wrong.append(f"its client saw it {scan.phase}")
        video = self._world.data / "uploads" / job["id"]
        if video.exists() and video.stat().st_size != job["upload_bytes"]:
            wrong.append(f"its video has {video.stat().st_size} bytes instead of {job['upload_bytes']}")
        return wrong

    def _files(self, job: Row, rows: list[Row]) -> list[str]:
        if job["state"] != "completed":
            return ["rows of files without a result"] if rows or job["result_version"] or job["result_bytes"] else []
        folder = self._world.data / "results" / job["id"]
        versions = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
        if versions != [job["result_version"]]:
            return [f"results {versions} instead of {job['result_version']}"]
        place = folder / job["result_version"]
        sizes = {path.relative_to(place).as_posix(): path.stat().st_size for path in place.rglob("*") if path.is_file()}
        noted = {row["path"]: row["size_bytes"] for row in rows}
        if sizes != noted:
            return [f"files and rows differ: {set(sizes.items()) ^ set(noted.items())}"]
        if sum(noted.values()) != job["result_bytes"]:
            return [f"result_bytes is {job['result_bytes']} instead of {sum(noted.values())}"]
        if (job["id"], job["result_version"]) in self._read:
            return []
        self._read.add((job["id"], job["result_version"]))
        return [
            f"the content of {row['path']} is another" for row in rows if _digest(place / row["path"]) != row["sha256"]
        ]

    def _charges(self, books: Books, scans: list[Scan]) -> None:
        charged = sum(scan.of_account and scan.asks > 0 for scan in scans)
        for user in books.users:
            if (user["total_scans"], user["scans_this_month"]) != (charged, charged):
                counters = f"{user['total_scans']} and {user['scans_this_month']}"
                self._wrong(f"the counters of the account say {counters} scans, and {charged} were asked for")
        noted = Counter((row["action"], row["details"].get("job_id")) for row in books.activities)
        for scan in scans:
            if scan.of_account:
                expected = {"upload": 1, "process": scan.asks, "scan_delete": int(scan.deleted)}
                found = {action: noted[action, scan.job_id] for action in expected}
                if found != expected:
                    self._wrong(f"{scan.job_id}: activities {found} instead of {expected}")


def _attempts(job: Row, attempts: list[Row]) -> list[str]:
    wrong = []
    fences = [row["fence"] for row in attempts]
    if fences and (fences != list(range(1, len(fences) + 1)) or fences[-1] != job["fence"]):
        wrong.append(f"fences {fences}, and its own is {job['fence']}")
    wrong += [f"attempt {row['fence']} has not ended" for row in attempts if row["outcome"] is None]
    for earlier, later in pairwise(attempts):
        if earlier["ended_at"] is None or earlier["ended_at"] > later["began_at"]:
            wrong.append(f"attempts {earlier['fence']} and {later['fence']} overlap")
    completed = [row["fence"] for row in attempts if row["outcome"] == "completed"]
    expected = [int(job["result_version"])] if job["state"] == "completed" else []
    if completed != expected:
        wrong.append(f"attempts {completed} completed it, and its result is of {job['result_version']}")
    return wrong


def _events(job: Row, attempts: list[Row], events: list[Row], scan: Scan | None) -> list[str]:
    wrong = []
    state = "new"
    for number, event in enumerate(events):
        after = _GOES_ON.get((state, event["kind"]))
        if after is None:
            wrong.append(f"event {number} of {len(events)} is {event['kind']} when it {state}")
        state = after or state
    if state != "ended" or (events and events[-1]["kind"] != job["state"]):
        wrong.append(f"its last event is {events[-1]['kind'] if events else None}")
    kinds = Counter(event["kind"] for event in events)
    outcomes = Counter(row["outcome"] for row in attempts)
    ends = sum(kinds[end] for end in ENDS)
    if scan is not None and (ends, kinds["queued"]) != (scan.asks, scan.asks + outcomes["released"]):
        wrong.append(f"{kinds['queued']} times queued and {ends} ends, although asked for {scan.asks} times")
    if scan is not None and kinds["cancelled"] != scan.cancels:
        wrong.append(f"{kinds['cancelled']} times cancelled instead of {scan.cancels}")
    if kinds["running"] != len(attempts):
        wrong.append(f"{kinds['running']} times begun in {len(attempts)} attempts")
    if any(earlier["at"] > later["at"] for earlier, later in pairwise(events)):
        wrong.append("its events are not in the order of their times")
    return wrong


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
