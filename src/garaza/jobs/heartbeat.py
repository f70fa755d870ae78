"""Keeps a claim alive while its work is done, passes on what the work says, and stops work that is no longer wanted."""

from __future__ import annotations

import asyncio
import enum
import logging
import threading
import time
from typing import Self

from garaza.jobs.claims import Claim, ClaimService
from garaza.jobs.reports import Reports
from garaza.kit.database import Database
from garaza.kit.waiting import first_of
from garaza.settings import JobSettings

logger = logging.getLogger(__name__)


class Stop(enum.Enum):
    """Why work was stopped."""

    LEAVING = "leaving"
    """The worker has been told to end."""
    VOID = "void"
    """The claim is: the job was cancelled or deleted, or is somebody else's."""
    SILENT = "silent"
    """The database has been out of reach for so long that the job may be somebody else's."""
    OVERDUE = "overdue"
    """It has taken too long."""


class Heartbeat:
    """Of one attempt. Begins when it is entered, and has ended when it is left.

    Args:
        stopping: set when the worker has to end.
    """

    def __init__(
        self,
        database: Database,
        jobs: ClaimService,
        settings: JobSettings,
        claim: Claim,
        reports: Reports,
        stopping: asyncio.Event,
    ) -> None:
        self._database = database
        self._jobs = jobs
        self._settings = settings
        self._claim = claim
        self._reports = reports
        self._stopping = stopping
        self._over = asyncio.Event()
        self._stopped = threading.Event()
        self.stopped: Stop | None = None
        """Why the work was told to stop, if it was."""

    def is_stopped(self) -> bool:
        """Whether the work has to stop. Asked by the thread that works."""
        return self._stopped.is_set()

    async def __aenter__(self) -> Self:
        self._heard_at = time.monotonic()
        self._tasks = [asyncio.create_task(self._beat()), asyncio.create_task(self._watch())]
        return self

    async def __aexit__(self, *failure: object) -> None:
        self._over.set()
        # Not cancelled: a transaction that is broken off halfway may keep its lock until somebody notices.
        await asyncio.gather(*self._tasks)

    def _stop(self, reason: Stop) -> None:
        if self.stopped is None and not self._over.is_set():
            logger.info("job %s, attempt %d: stopping (%s)", self._claim.job_id, self._claim.attempt, reason.value)
            self.stopped = reason
        self._stopped.set()

    async def _watch(self) -> None:
        """Stop the work when the worker has to end, or time is up; whatever the database does meanwhile."""
        deadline = self._heard_at + self._settings.max_seconds
        while self.stopped is None and not self._over.is_set():
            now = time.monotonic()
            silent_at = self._heard_at + self._settings.lease_seconds
            if self._stopping.is_set():
                self._stop(Stop.LEAVING)
            elif now >= deadline:
                self._stop(Stop.OVERDUE)
            elif now >= silent_at:
                self._stop(Stop.SILENT)
            else:
                await first_of(self._stopping.wait(), self._over.wait(), timeout=min(deadline, silent_at) - now)

    async def _beat(self) -> None:
        """Renew the lease, until the work is over or the claim is void."""
        failures = 0
        while self.stopped not in {Stop.VOID, Stop.SILENT}:
            await first_of(self._over.wait(), timeout=self._settings.heartbeat_seconds)
            if self._over.is_set():
                # What came last is told together with what it all came to.
                return
            began = time.monotonic()
            report = self._reports.take()
            try:
                async with self._database.write() as session:
                    ours = await self._jobs.renew(session, self._claim, report)
            except Exception:
                # A database that can't be reached for a moment costs nothing.
                failures += 1
                if failures == 1:
                    logger.warning("could not renew the lease of job %s", self._claim.job_id, exc_info=True)
                self._reports.put_back(report)
            else:
                failures = 0
                self._heard_at = began
                if not ours:
                    self._stop(Stop.VOID)
