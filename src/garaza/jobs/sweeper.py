"""Sees to it that no waiting job is forgotten: takes back those of dead workers, and tells the broker, if there is one.

Telling it here, after the commit, and not where a job is asked for, means that it is told of nothing that was rolled
back and of everything else, whatever is killed when; and that no client waits for it, or hears that it is away.
"""

from __future__ import annotations

import asyncio
import logging

from garaza.jobs.queue import BrokerUnavailableError, Dispatcher
from garaza.jobs.service import JobService
from garaza.kit.backoff import backoff
from garaza.kit.changes import Changes
from garaza.kit.database import Database
from garaza.kit.waiting import ended

logger = logging.getLogger(__name__)

_LONGEST_WAIT_SECONDS = 1.0
_SHORTEST_WAIT_SECONDS = 0.01
"""Between two looks: what many commit at the same time is seen at once."""
_TROUBLE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 5.0


class Sweeper:
    """A task of the service. Several may run on one database; they do some things twice, which is harmless.

    Args:
        changes: of the queue.
    """

    def __init__(self, database: Database, jobs: JobService, dispatcher: Dispatcher, changes: Changes) -> None:
        self._database = database
        self._jobs = jobs
        self._dispatcher = dispatcher
        self._changes = changes
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, in a task of the running loop."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End, and close the dispatcher."""
        await ended(self._task)
        await self._dispatcher.close()

    async def _run(self) -> None:
        failures = 0
        async with self._changes:
            while True:
                mark = self._changes.mark()
                try:
                    wait = await self.round()
                    failures = 0
                except BrokerUnavailableError as error:
                    failures += 1
                    if failures == 1:
                        logger.warning("the broker can't be told of jobs; they wait until it can: %s", error)
                    await asyncio.sleep(backoff(failures, _TROUBLE_SECONDS, _LONGEST_PAUSE_SECONDS))
                    continue
                except Exception:
                    failures += 1
                    if failures == 1:
                        logger.warning("can't look after waiting jobs; trying again until it works", exc_info=True)
                    await asyncio.sleep(_TROUBLE_SECONDS)
                    continue
                await asyncio.sleep(_SHORTEST_WAIT_SECONDS)
                if self._dispatcher.needs_messages:
                    await self._changes.wait(mark, wait)
                else:
                    # Leases expire by themselves: no change tells of it.
                    await asyncio.sleep(wait)

    async def round(self) -> float:
        """Do what there is to do; returns for how many seconds there will be nothing, if nothing changes.

        Raises:
            BrokerUnavailableError: some jobs could not be told of.
        """
        async with self._database.read() as reading:
            lease_due_in = await self._jobs.lease_due_in(reading)
        if lease_due_in is not None and lease_due_in <= 0:
            async with self._database.write() as session:
                count = await self._jobs.requeue_expired(session)
            if count:
                logger.warning("took %d job(s) back from workers that are not heard of", count)
            lease_due_in = None
        if self._dispatcher.needs_messages:
            await self._publish()
        return _LONGEST_WAIT_SECONDS if lease_due_in is None else min(lease_due_in, _LONGEST_WAIT_SECONDS)

    async def _publish(self) -> None:
        async with self._database.read() as reading:
            waiting = await self._jobs.to_publish(reading)
            expected = await self._jobs.published(reading) if any(job.again for job in waiting) else 0
        told = waiting
        if expected and await self._dispatcher.backlog() >= expected:
            # The broker has at least as many messages as there are jobs that it was told of: it has lost none, and
            # telling it of all of them again and again would fill it up.
            told = [job for job in waiting if not job.again]
        if told:
            await self._dispatcher.publish(told)
        if waiting:
            async with self._database.write() as session:
                await self._jobs.mark_published(session, [job.id for job in waiting])
