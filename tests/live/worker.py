"""A worker that tests tell what to report, beside a real service."""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType
from typing import Any, Self

from pydantic import SecretStr

from garaza.jobs.claims import Claim, Report
from garaza.settings import DatabaseSettings, RedisSettings, Settings
from garaza.wiring import make_parts
from tests.live.clients import PATIENCE_SECONDS
from tests.service.harness import Server

FAILURE = {"reason": "too_dark", "message": "Too dark.", "advice": "Light.", "details": {}}


class Worker:
    """Of a server whose own worker is off. In a thread, as what it does takes place beside what clients do."""

    def __init__(self, server: Server) -> None:
        names = {name: server.environment.get(f"GARAZA_{name}") for name in ("DATABASE__URL", "REDIS__URL")}
        database, redis = ({} if url is None else {"url": SecretStr(url)} for url in names.values())
        self._settings = Settings(
            data_dir=server.data, database=DatabaseSettings(**database), redis=RedisSettings(**redis)
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._parts = make_parts(self._settings)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._do(self._parts.database.close())
        if self._parts.broadcaster is not None:
            self._do(self._parts.broadcaster.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_SECONDS)

    def claim(self, job_id: str) -> Claim:
        claim: Claim = self._do(self._claim(job_id))
        return claim

    async def _claim(self, job_id: str) -> Claim:
        async with self._parts.database.write() as session:
            claim = await self._parts.jobs.claim_job(session, "worker-of-tests", job_id)
        assert claim is not None
        return claim

    def report(self, claim: Claim, percent: float, message: str = "Measuring") -> None:
        """One more event."""
        self._do(self._report(claim, percent, message))

    async def _report(self, claim: Claim, percent: float, message: str) -> None:
        progress = {
            "stage": "depth",
            "progress": percent,
            "current_frame": None,
            "total_frames": None,
            "message": message,
        }
        async with self._parts.database.write() as session:
            assert await self._parts.jobs.renew(session, claim, Report(progress))

    def fail(self, claim: Claim) -> None:
        """The end."""
        self._do(self._fail(claim))

    async def _fail(self, claim: Claim) -> None:
        async with self._parts.database.write() as session:
            assert await self._parts.jobs.fail(session, claim, FAILURE, permanent=True)
