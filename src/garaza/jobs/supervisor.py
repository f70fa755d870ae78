"""Keeps a worker process alive beside the service, and cleans up behind one that died."""

from __future__ import annotations

import asyncio
import logging
import time

from garaza.jobs.service import JobService
from garaza.kit.child_process import Child, end_child, pid_of, start_child
from garaza.kit.database import Database
from garaza.kit.ids import new_id
from garaza.kit.waiting import ended

logger = logging.getLogger(__name__)

_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 10.0
_STEADY_SECONDS = 60.0
"""A worker that lived so long counts as healthy: the next pause is short again."""
_STOP_SECONDS = 5.0


class Supervisor:
    """One worker process, started again whenever it ends.

    Its leases are released as soon as its end is seen, so a killed worker costs no waiting for a lease to expire.

    Args:
        place: a name of the data directory that no other one on this database has: the workers of another service are
            alive and well, and are not to lose their leases when this one starts.
    """

    def __init__(self, database: Database, jobs: JobService, command: list[str], place: str) -> None:
        self._owner_prefix = f"embedded-{place}-"
        self._database = database
        self._jobs = jobs
        self._command = command
        self._process: Child | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def worker_pid(self) -> int | None:
        """Of the worker, while one is running."""
        return pid_of(self._process)

    async def start(self) -> None:
        """Begin. Leases left by an earlier life of this data directory are released first."""
        await self._release(self._owner_prefix)
        self._task = asyncio.create_task(self._keep_running())

    async def stop(self) -> None:
        """Tell the worker to give its jobs back and end; kill it if it takes too long."""
        if self._task is None:
            return
        await ended(self._task)
        await end_child(self._process, _STOP_SECONDS)
        await self._release(self._owner_prefix)

    async def _keep_running(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            began = time.monotonic()
            try:
                await self._run_one(self._owner_prefix + new_id())
            except OSError:
                # No memory or no process number left: both pass.
                logger.exception("could not start a worker")
            pause = _FIRST_PAUSE_SECONDS if time.monotonic() - began > _STEADY_SECONDS else pause
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    async def _run_one(self, owner: str) -> None:
        """Start a worker and see it end."""
        self._process = await start_child([*self._command, "--owner", owner])
        code = await self._process.wait()
        logger.error("the worker ended (exit code %s); starting another", code)
        await self._release(owner)

    async def _release(self, owner: str) -> None:
        try:
            async with self._database.write() as session:
                released = await self._jobs.release_leases_of(session, owner)
        except Exception:
            # Nothing is lost: the leases expire by themselves.
            logger.exception("could not release the leases of %s", owner)
        else:
            if released:
                logger.warning("%d job(s) of a dead worker go back to the queue", released)
