"""Delivers what is due, many at a time, until it is stopped. Any number of processes may, on one database."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter

from garaza.kit.clock import Clock, system_clock
from garaza.kit.database import Database, DatabaseUnavailableError
from garaza.kit.safe_http import SafeHttp
from garaza.kit.signing_keys import SigningKeys
from garaza.settings import WebhookSettings
from garaza.webhooks.sending import Sender, client_for
from garaza.webhooks.service import Attempt, WebhookService, origin_of

logger = logging.getLogger(__name__)

_TROUBLE_SECONDS = 1.0
_STOP_SECONDS = 3.0
"""What attempts under way may take to end when the service stops. The others are begun anew by whoever comes next."""


class Deliverer:
    """See the module."""

    def __init__(
        self,
        database: Database,
        webhooks: WebhookService,
        keys: SigningKeys,
        settings: WebhookSettings,
        clock: Clock = system_clock,
        http: SafeHttp | None = None,
    ) -> None:
        """Put together; nothing is sent yet.

        Args:
            http: another client than `settings` would give.
        """
        self._database = database
        self._webhooks = webhooks
        self._settings = settings
        self._http = http or client_for(settings)
        self._sender = Sender(self._http, keys, clock)
        self._under_way: dict[asyncio.Task[None], Attempt] = {}
        self._room = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    def start(self) -> None:
        """Begin, in a task of the running loop."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End. What is under way gets a moment; what takes longer is given back."""
        self._stopping = True
        self._room.set()
        await _ended([self._task] if self._task is not None else [])
        left = dict(self._under_way)
        broken_off = await _ended(list(left))
        await self._give_back([left[task] for task in broken_off])
        await self._http.aclose()

    async def deliver_due(self) -> int:
        """Try what is due now, once each; how many attempts that was. For those who don't `start`."""
        count = 0
        while begun := await self._begin():
            count += begun
            await asyncio.wait(self._under_way)
        return count

    async def _run(self) -> None:
        while not self._stopping:
            self._room.clear()
            try:
                begun = await self._begin()
                pause = self._settings.poll_seconds
            except DatabaseUnavailableError:
                logger.warning("the database can't be reached; webhooks wait")
                begun, pause = 0, _TROUBLE_SECONDS
            except Exception:
                logger.exception("could not look for webhooks to deliver")
                begun, pause = 0, _TROUBLE_SECONDS
            if begun == 0:
                # Whoever is done makes room for what waits.
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._room.wait(), pause)

    async def _begin(self) -> int:
        """Begin as many attempts as there is room for; how many those are."""
        free = self._settings.concurrency - len(self._under_way)
        if free <= 0:
            return 0
        async with self._database.read() as reading:
            if not await self._webhooks.anything_due(reading):
                return 0
        busy = Counter(origin_of(attempt.url) for attempt in self._under_way.values())
        async with self._database.write() as session:
            attempts = await self._webhooks.claim(session, free, busy)
        for attempt in attempts:
            task = asyncio.create_task(self._attempt(attempt))
            self._under_way[task] = attempt
            task.add_done_callback(self._done)
        return len(attempts)

    async def _attempt(self, attempt: Attempt) -> None:
        outcome = await self._sender.send(attempt)
        async with self._database.write() as session:
            await self._webhooks.note(session, attempt, outcome)
        if not outcome.delivered:
            logger.info("delivery %s, attempt %d: %s", attempt.delivery_id, attempt.number, outcome.error)

    def _done(self, task: asyncio.Task[None]) -> None:
        attempt = self._under_way.pop(task)
        self._room.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            # It comes up again by itself, and its receiver knows it by its id.
            logger.error("could not note what came of delivery %s", attempt.delivery_id, exc_info=error)

    async def _give_back(self, attempts: list[Attempt]) -> None:
        if not attempts:
            return
        try:
            async with self._database.write() as session:
                for attempt in attempts:
                    await self._webhooks.release(session, attempt)
        except Exception:
            # They come up again by themselves, only later.
            logger.exception("could not give %d deliveries back", len(attempts))


async def _ended(tasks: list[asyncio.Task[None]]) -> set[asyncio.Task[None]]:
    """Wait a moment for tasks to end, and cancel the others; which those are."""
    if not tasks:
        return set()
    _, late = await asyncio.wait(tasks, timeout=_STOP_SECONDS)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    return late
