"""A worker: claims jobs and does them, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal

from garaza.jobs.claims import Claim
from garaza.jobs.run_job import JobRunner
from garaza.jobs.service import JobService
from garaza.kit.changes import Changes
from garaza.kit.child_process import when_parent_ends
from garaza.kit.database import Database
from garaza.kit.waiting import first_of
from garaza.settings import JobSettings

logger = logging.getLogger(__name__)

_LONGEST_WAIT_SECONDS = 1.0
"""After which it is looked whether there is a job even if nobody has told of one."""
_SHORTEST_WAIT_SECONDS = 0.05
"""Before the next look, when one showed a job that then somebody else had."""
_TROUBLE_SECONDS = 1.0
"""Pause after the database could not be asked."""


class Worker:
    """Does up to `settings.concurrency` jobs at once.

    Args:
        changes: of the queue.
        owner: name under which it holds leases; unique among living workers.
    """

    def __init__(
        self,
        database: Database,
        jobs: JobService,
        runner: JobRunner,
        changes: Changes,
        settings: JobSettings,
        owner: str,
    ) -> None:
        self._database = database
        self._jobs = jobs
        self._runner = runner
        self._changes = changes
        self._settings = settings
        self._owner = owner
        self._running: set[asyncio.Task[None]] = set()
        self.stopping = asyncio.Event()

    async def run(self) -> None:
        """Work until `stopping` is set; what is running by then is given back to the queue."""
        logger.info("worker %s begins", self._owner)
        failures = 0
        async with self._changes:
            while not self.stopping.is_set():
                try:
                    await self._round()
                    failures = 0
                except Exception:
                    failures += 1
                    if failures == 1:
                        logger.warning("can't look for jobs; trying again until it works", exc_info=True)
                    await first_of(self.stopping.wait(), timeout=_TROUBLE_SECONDS)
            if self._running:
                await asyncio.wait(self._running)
        logger.info("worker %s has ended", self._owner)

    async def _round(self) -> None:
        """Begin what there is to do and time for; if that is nothing, wait until it may be otherwise."""
        free = self._settings.concurrency - len(self._running)
        if free <= 0:
            await first_of(self.stopping.wait(), asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED))
            return
        mark = self._changes.mark()
        async with self._database.read() as reading:
            due_in = await self._jobs.due_in(reading)
        if due_in is not None and due_in <= 0:
            async with self._database.write() as session:
                claims = await self._jobs.claim_many(session, self._owner, free)
            for claim in claims:
                self._begin(claim)
            if claims:
                return
            due_in = _SHORTEST_WAIT_SECONDS
        wait = _LONGEST_WAIT_SECONDS if due_in is None else min(due_in, _LONGEST_WAIT_SECONDS)
        await first_of(self.stopping.wait(), self._changes.wait(mark, wait))

    def _begin(self, claim: Claim) -> None:
        task = asyncio.create_task(self._runner.run(claim, self.stopping))
        self._running.add(task)
        task.add_done_callback(self._running.discard)


def stop_on_signals(stopping: asyncio.Event) -> None:
    """Set `stopping` at SIGTERM and SIGINT."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)


def stop_with_parent(stopping: asyncio.Event) -> None:
    """Set `stopping` when the parent has died."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(stopping.set)

    when_parent_ends(stop)
