"""Wakes whoever waits for news of a job. One query a round for the whole process, however many listen."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from garaza.jobs.service import JobService
from garaza.kit.database import Database

logger = logging.getLogger(__name__)

_BATCH = 1000
_TROUBLE_SECONDS = 1.0
_RECHECK_SECONDS = 1.0
"""How often it is looked whether the jobs listened to still exist: a deleted one has no events to tell it by."""
_IDS_AT_ONCE = 500


class Hub:
    """Polls the table of events while anybody listens, and tells listeners that their job has news.

    Only the news that there is news goes through here; what it is, each listener reads from the table, after the last
    event that it has. So nothing is lost, doubled or out of order, and a slow listener holds nobody's memory.
    """

    def __init__(self, database: Database, jobs: JobService, poll_seconds: float) -> None:
        self._database = database
        self._jobs = jobs
        self._poll_seconds = poll_seconds
        self._listeners: dict[str, set[asyncio.Event]] = {}
        self._somebody = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._recheck_at = 0.0

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return sum(map(len, self._listeners.values()))

    def start(self) -> None:
        """Begin polling, in a task of the running loop."""
        self._task = asyncio.create_task(self._poll())

    async def stop(self) -> None:
        """End polling."""
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

    async def _poll(self) -> None:
        last: int | None = None
        while True:
            if not self._listeners:
                await self._somebody.wait()
                # What happened while nobody listened, listeners have read for themselves, or will now.
                last = None
                self._wake_all()
            try:
                last = await self._round(last)
                await self._wake_of_deleted()
                pause = self._poll_seconds
            except Exception:
                logger.exception("could not look for events")
                pause = _TROUBLE_SECONDS
            await asyncio.sleep(pause)

    async def _round(self, last: int | None) -> int:
        async with self._database.read() as session:
            if last is None:
                newest = await self._jobs.last_event_id(session)
                self._wake_all()
                return newest
            events = await self._jobs.events_after(session, last, _BATCH)
        for event in events:
            self._wake(event.job_id)
        return events[-1].id if events else last

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

    def _wake_all(self) -> None:
        for job_id in list(self._listeners):
            self._wake(job_id)
