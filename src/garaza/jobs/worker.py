"""A worker: claims jobs and does them, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import threading

from garaza.jobs.run_job import JobRunner
from garaza.jobs.service import JobService
from garaza.kit.database import Database
from garaza.settings import JobSettings

logger = logging.getLogger(__name__)

_TROUBLE_SECONDS = 1.0
"""Pause after the database could not be asked."""


class Worker:
    """Does up to `settings.concurrency` jobs at once.

    Args:
        owner: name under which it holds leases; unique among living workers.
    """

    def __init__(
        self,
        database: Database,
        jobs: JobService,
        runner: JobRunner,
        settings: JobSettings,
        owner: str,
    ) -> None:
        self._database = database
        self._jobs = jobs
        self._runner = runner
        self._settings = settings
        self._owner = owner
        self.stopping = asyncio.Event()

    async def run(self) -> None:
        """Work until `stopping` is set; what is running by then is given back to the queue."""
        logger.info("worker %s begins", self._owner)
        async with asyncio.TaskGroup() as group:
            for _ in range(self._settings.concurrency):
                group.create_task(self._work())
        logger.info("worker %s has ended", self._owner)

    async def _work(self) -> None:
        while not self.stopping.is_set():
            try:
                if await self._one():
                    continue
                pause = self._settings.poll_seconds
            except Exception:
                logger.exception("a worker's round failed")
                pause = _TROUBLE_SECONDS
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), pause)

    async def _one(self) -> bool:
        """Do one job, if there is one."""
        async with self._database.read() as reading:
            if not await self._jobs.anything_due(reading):
                return False
        async with self._database.write() as session:
            claim = await self._jobs.claim(session, self._owner)
        if claim is None:
            return False
        logger.info("job %s, attempt %d", claim.job_id, claim.attempt)
        await self._runner.run(claim, self.stopping)
        return True


def stop_on_signals(stopping: asyncio.Event) -> None:
    """Set `stopping` at SIGTERM and SIGINT."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)


def stop_with_parent(stopping: asyncio.Event) -> None:
    """Set `stopping` when standard input ends: the parent holds its other end, and has died when it closes.

    Works on every Unix and can't be missed, unlike asking for the parent's number again and again.
    """
    loop = asyncio.get_running_loop()

    def wait() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 4096):
                pass
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(stopping.set)

    threading.Thread(target=wait, name="parent-watch", daemon=True).start()
