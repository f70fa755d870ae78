"""Wakes whoever waits for news of a job. One query for each change of the database, however many listen."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from garaza.jobs.news import Mark
from garaza.jobs.service import JobService
from garaza.kit.changes import Changes
from garaza.kit.database import Database, DatabaseUnavailableError

logger = logging.getLogger(__name__)

_TROUBLE_SECONDS = 1.0
_RECHECK_SECONDS = 1.0
"""How often it is looked whether the jobs listened to still exist: a deleted one has no events to tell it by."""
_IDS_AT_ONCE = 500


class Hub:
    """Looks into the table of events while anybody listens, and tells listeners that their job has news.

    Only the news that there is news goes through here; what it is, each listener reads from the table, after the last
    event that it has. So nothing is lost, doubled or out of order, and a slow listener holds nobody's memory.

    Args:
        changes: of events.
    """

    def __init__(self, database: Database, jobs: JobService, changes: Changes) -> None:
        self._database = database
        self._jobs = jobs
        self._changes = changes
        self._listeners: dict[str, set[asyncio.Event]] = {}
        self._somebody = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._recheck_at = 0.0

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return sum(map(len, self._listeners.values()))

    def start(self) -> None:
        """Begin, in a task of the running loop."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    @contextmanager
    def listen(self, job_id: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever the job has news; who waits for it clears it before reading."""
        news = asyncio.Event()
        self._listeners.setdefault(job_id, set()).add(news)
        self._somebody.set()
        try:
            yield news
        finally:
            self._listeners[job_id].discard(news)
            if not self._listeners[job_id]:
                del self._listeners[job_id]
            if not self._listeners:
                self._somebody.clear()

    async def _run(self) -> None:
        async with self._changes:
            while True:
                await self._somebody.wait()
                await self._follow()

    async def _follow(self) -> None:
        """Until nobody listens any more."""
        mark: Mark | None = None
        while self._listeners:
            seen = self._changes.mark()
            try:
                mark = await self._look(mark)
                await self._wake_of_deleted()
            except DatabaseUnavailableError:
                await asyncio.sleep(_TROUBLE_SECONDS)
            except Exception:
                logger.exception("could not look for events")
                await asyncio.sleep(_TROUBLE_SECONDS)
            else:
                await self._changes.wait(seen, _RECHECK_SECONDS)

    async def _look(self, mark: Mark | None) -> Mark:
        async with self._database.read() as session:
            if mark is None:
                mark = await self._jobs.news_mark(session)
                # What happened while nobody listened, listeners have read for themselves, or will now.
                fresh = set(self._listeners)
            else:
                fresh, mark = await self._jobs.news_since(session, mark)
        for job_id in fresh:
            self._wake(job_id)
        return mark

    async def _wake_of_deleted(self) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._recheck_at:
            return
        self._recheck_at = now + _RECHECK_SECONDS
        ids = list(self._listeners)
        for start in range(0, len(ids), _IDS_AT_ONCE):
            some = ids[start : start + _IDS_AT_ONCE]
            async with self._database.read() as session:
                there = await self._jobs.still_there(session, some)
            for job_id in set(some) - there:
                self._wake(job_id)

    def _wake(self, job_id: str) -> None:
        for news in self._listeners.get(job_id, ()):
            news.set()
