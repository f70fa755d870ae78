"""What becomes of jobs, in figures. Workers are other processes, on other machines even: what they did is read from the
events that they wrote, each once, when somebody asks for figures.

Times are as exact as a heartbeat. Counting begins with this process: as with all counters, what matters is the growth.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import TypeVar

from garaza.jobs.news import Mark
from garaza.jobs.service import JobHappening, JobService
from garaza.kit.clock import Clock
from garaza.kit.database import Database, ReadSession
from garaza.kit.traffic import Histogram
from garaza.reconstruction.progress import Stage

logger = logging.getLogger(__name__)

T = TypeVar("T")

_SECONDS = 5
"""For all that is asked."""
_MOST_BATCHES = 20
_MOST_REASONS = 50
_MOST_REMEMBERED = 20_000
_STAGES = {stage.value for stage in Stage}

BOUNDS = (1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)


class JobFigures:
    """Kept up to date by `update`."""

    def __init__(self, database: Database, jobs: JobService, clock: Clock) -> None:
        self._database = database
        self._jobs = jobs
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._mark: Mark | None = None
        self._began = 0.0
        self._waiting: dict[str, float] = {}
        self._running: dict[str, float] = {}
        self._in_stage: dict[str, tuple[str, float]] = {}
        self.queue: dict[str, int] | None = None
        """Jobs queued and running; None: it isn't known now."""
        self.oldest_seconds = 0.0
        """For how long the job has waited that could have been begun the longest ago."""
        self.attempts: Counter[str] = Counter()
        """That ended, by how: completed, failed, retrying, released or cancelled."""
        self.failures: Counter[str] = Counter()
        """Attempts that failed, by reason."""
        self.waits = Histogram(BOUNDS)
        self.durations = Histogram(BOUNDS)
        """Of attempts that completed."""
        self.stages: dict[str, Histogram] = {}

    async def update(self) -> None:
        """Read what is new. If the database doesn't say so soon, `queue` is None, and the rest comes next time."""
        async with self._one_at_a_time:
            try:
                async with asyncio.timeout(_SECONDS), self._database.read() as session:
                    self.queue = await self._jobs.queue_lengths(session)
                    since = await self._jobs.oldest_waiting(session)
                    self.oldest_seconds = 0.0 if since is None else max(0.0, self._clock() - since)
                    await self._read_events(session)
            except Exception as error:  # noqa: BLE001 - figures of a service in trouble are asked for most of all
                self.queue = None
                logger.debug("the database doesn't say how jobs are: %s", type(error).__name__)

    async def _read_events(self, session: ReadSession) -> None:
        if self._mark is None:
            self._mark = await self._jobs.news_mark(session)
            self._began = self._clock()
        for _ in range(_MOST_BATCHES):
            happenings, self._mark, more = await self._jobs.happenings_since(session, self._mark)
            for happening in happenings:
                # Of those from before, which are read along to learn of stragglers, all has been counted.
                if happening.at >= self._began:
                    self._note(happening)
            if not more:
                return

    def _note(self, of: JobHappening) -> None:
        match of.kind:
            case "queued":
                if self._running.pop(of.job_id, None) is not None:
                    self.attempts["released"] += 1
                self._in_stage.pop(of.job_id, None)
                _remember(self._waiting, of.job_id, of.at)
            case "running":
                if (since := self._waiting.pop(of.job_id, None)) is not None:
                    self.waits.add(max(0.0, of.at - since))
                _remember(self._running, of.job_id, of.at)
                self._in_stage.pop(of.job_id, None)
            case "stage":
                self._end_stage(of)
                _remember(self._in_stage, of.job_id, (str(of.data.get("stage")), of.at))
            case "completed":
                self._end_stage(of)
                if (since := self._running.pop(of.job_id, None)) is not None:
                    self.durations.add(max(0.0, of.at - since))
                self.attempts["completed"] += 1
            case "failed" | "retrying" | "cancelled":
                self._forget(of.job_id)
                self.attempts[of.kind] += 1
                if of.kind != "cancelled":
                    reason = str(of.data.get("reason"))
                    known = reason in self.failures or len(self.failures) < _MOST_REASONS
                    self.failures[reason if known else "other"] += 1

    def _end_stage(self, of: JobHappening) -> None:
        stage, since = self._in_stage.pop(of.job_id, ("", 0.0))
        if stage in _STAGES:
            self.stages.setdefault(stage, Histogram(BOUNDS)).add(max(0.0, of.at - since))

    def _forget(self, job_id: str) -> None:
        for kept in (self._waiting, self._running, self._in_stage):
            kept.pop(job_id, None)


def _remember(kept: dict[str, T], job_id: str, value: T) -> None:
    """Of what never ends, as it was deleted, the oldest is forgotten."""
    kept[job_id] = value
    if len(kept) > _MOST_REMEMBERED:
        kept.pop(next(iter(kept)))
