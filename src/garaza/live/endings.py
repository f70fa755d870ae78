"""How a job ended, in full, for those who follow it alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from pydantic import BaseModel

from garaza.accounts.principal import Principal
from garaza.jobs.news import News
from garaza.jobs.service import JobService
from garaza.kit.database import Database, ReadSession
from garaza.live.told import CANCELLED, message

ReadResult = Callable[[ReadSession, str, Principal | None], Awaitable[BaseModel]]
"""Gives RESULT of a completed job."""


class Endings:
    """Reads and writes out a result once for all who wait for it at the same time."""

    def __init__(self, database: Database, jobs: JobService, result: ReadResult) -> None:
        self._database = database
        self._jobs = jobs
        self._result = result
        self._reading: dict[int, asyncio.Task[str | None]] = {}

    async def of(self, news: News, viewer: Principal | None) -> str | None:
        """The last message; None: it isn't the end, as the job was asked for again since.

        Args:
            viewer: somebody who may see it, as everybody may who asks for this.

        Raises:
            GarazaError: 404.
        """
        reading = self._reading.get(news.id)
        if reading is None:
            reading = self._reading[news.id] = asyncio.create_task(self._read(news, viewer))
            reading.add_done_callback(lambda _: self._reading.pop(news.id, None))
        return await asyncio.shield(reading)

    async def is_one(self, news: News, viewer: Principal | None) -> bool:
        """Whether it is the end: the job was not asked for again since.

        Raises:
            GarazaError: 404.
        """
        async with self._database.read() as session:
            return (await self._jobs.get(session, news.job_id, viewer)).state == news.kind

    async def _read(self, news: News, viewer: Principal | None) -> str | None:
        async with self._database.read() as session:
            job = await self._jobs.get(session, news.job_id, viewer)
            if job.state != news.kind:
                return None
            if news.kind == "completed":
                result = await self._result(session, news.job_id, viewer)
                return message("complete", {"event_id": news.id}, result.model_dump(mode="json"))
        return message("error", {"event_id": news.id}, news.data if news.kind == "failed" else CANCELLED)
