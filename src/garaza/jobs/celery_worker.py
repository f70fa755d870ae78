"""A worker that Celery tells which jobs to do. What it does with one is the same as without Celery."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import threading
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from garaza.jobs.celery_queue import QUEUE, TASK
from garaza.jobs.claims import Claim
from garaza.jobs.run_job import JobRunner
from garaza.jobs.service import JobService
from garaza.kit.child_process import when_parent_ends
from garaza.kit.database import Database, DatabaseUnavailableError
from garaza.kit.ids import is_id
from garaza.kit.waiting import first_of

logger = logging.getLogger(__name__)

_TROUBLE_SECONDS = 1.0


class CeleryWorker:
    """Celery in the main thread, with a pool of threads that only wait; the event loop that does jobs in another one.

    Args:
        app: from `make_celery`.
        concurrency: jobs at once.
        owner: name under which it holds leases; unique among living workers.
    """

    def __init__(
        self,
        app: Any,
        database: Database,
        jobs: JobService,
        runner: JobRunner,
        concurrency: int,
        owner: str,
    ) -> None:
        self._app = app
        self._database = database
        self._jobs = jobs
        self._runner = runner
        self._concurrency = concurrency
        self._owner = owner
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()

    def run(self, *, supervised: bool) -> None:
        """Work until SIGTERM; what is running by then is given back to the queue. Blocks, in the main thread.

        Args:
            supervised: end when standard input does.
        """
        from celery import signals  # noqa: PLC0415 - an extra

        # Logging is set up by then, and as everywhere else.
        signals.setup_logging.connect(_leave_logging_alone)
        for noisy in ("celery.worker.strategy", "celery.app.trace"):
            logging.getLogger(noisy).setLevel(logging.WARNING)
        signals.worker_shutting_down.connect(self._shutting_down)
        self._app.task(self._run_job, name=TASK)
        thread = threading.Thread(target=self._loop.run_forever, name="jobs")
        thread.start()
        if supervised:
            when_parent_ends(lambda: os.kill(os.getpid(), signal.SIGTERM))
        try:
            self._app.Worker(
                pool="threads",
                concurrency=self._concurrency,
                hostname=f"{self._owner}@garaza",
                queues=[QUEUE],
                quiet=True,
                without_gossip=True,
                without_mingle=True,
                without_heartbeat=True,
            ).start()
        finally:
            self._loop.call_soon_threadsafe(self._stopping.set)
            asyncio.run_coroutine_threadsafe(self._database.close(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()

    def _shutting_down(self, **_signal: object) -> None:
        # Called from the signal's handler.
        self._loop.call_soon_threadsafe(self._stopping.set)

    def _run_job(self, job_id: str) -> None:
        """In a thread of Celery's pool, which is free for the next message when this returns."""
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run_coroutine_threadsafe(self._do(job_id), self._loop).result()

    async def _do(self, job_id: str) -> None:
        claim = await self._claim(job_id) if is_id(job_id) else None
        if claim is None:
            logger.debug("message without a job to do: %s", job_id)
        else:
            await self._runner.run(claim, self._stopping)

    async def _claim(self, job_id: str) -> Claim | None:
        """None: it is done, or being done, or has to wait; there will be another message if there has to be."""
        while not self._stopping.is_set():
            try:
                async with self._database.write() as session:
                    return await self._jobs.claim_job(session, self._owner, job_id)
            except (DatabaseUnavailableError, PoolTimeoutError, DBAPIError) as error:
                logger.warning("job %s can't be claimed yet: %s", job_id, type(error).__name__)
                await first_of(self._stopping.wait(), timeout=_TROUBLE_SECONDS)
        return None


def _leave_logging_alone(**_settings: object) -> None:
    """Celery sets up logging unless somebody has said that he does."""
