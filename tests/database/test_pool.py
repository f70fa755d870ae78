"""When all connections are in use: an answer that says so, soon, and nothing worse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import URL

from garaza.app import create_app
from garaza.kit.database import Database
from garaza.settings import DatabaseSettings, JobSettings, Settings
from garaza.wiring import make_parts
from tests.service.harness import PATIENCE_SECONDS

pytestmark = pytest.mark.anyio

NOBODYS = f"/api/status/{'0' * 22}"
"""Takes one connection, and is answered 404."""


@dataclass
class Busy:
    """The application, with two connections."""

    app: FastAPI
    database: Database
    client: httpx2.AsyncClient

    async def figure(self, name: str) -> float:
        """What /metrics says of the pool."""
        answer = await self.client.get("/metrics")
        assert answer.status_code == 200, answer.text
        lines = dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#"))
        return float(lines[f"garaza_database_pool_{name}"])


@pytest.fixture
async def busy(database_url: URL, tmp_path: Path) -> AsyncIterator[Busy]:
    server = database_url.get_backend_name() != "sqlite"
    url = SecretStr(database_url.render_as_string(hide_password=False)) if server else None
    settings = Settings(
        data_dir=tmp_path,
        database=DatabaseSettings(url=url, pool_size=1, max_overflow=1, pool_timeout_seconds=0.2),
        jobs=JobSettings(embedded_worker=False),
    )
    parts = make_parts(settings)
    app = create_app(settings, parts)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://garaza.test") as client:
        yield Busy(app, parts.database, client)
    app.state.accounts.close()
    await parts.database.close()


async def test_who_finds_no_connection_is_told_to_come_back(busy: Busy) -> None:
    assert (await busy.client.get(NOBODYS)).status_code == 404
    async with asyncio.timeout(PATIENCE_SECONDS), busy.database.read(), busy.database.read():
        for method, path in (("GET", NOBODYS), ("DELETE", f"/api/job/{'0' * 22}")):
            answer = await busy.client.request(method, path)
            assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
            assert int(answer.headers["retry-after"]) >= 1
        # Whoever asks nothing of the database isn't kept waiting.
        assert (await busy.client.get("/health")).status_code == 200
        assert (await busy.client.get("/ready")).status_code == 503
    assert (await busy.client.get(NOBODYS)).status_code == 404
    assert (await busy.client.get("/ready")).json()["checks"]["database"] == "ok"


async def test_many_at_once_are_all_answered(busy: Busy) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        async with busy.database.read(), busy.database.read():
            crowd = await asyncio.gather(*(busy.client.get(NOBODYS) for _ in range(50)))
            assert {answer.status_code for answer in crowd} == {503}
        crowd = await asyncio.gather(*(busy.client.get(NOBODYS) for _ in range(50)))
        assert {answer.status_code for answer in crowd} <= {404, 503}
        assert (await busy.client.get(NOBODYS)).status_code == 404
    assert busy.database.pool_state().in_use == 0


async def test_a_client_that_goes_away_gives_its_connection_back(busy: Busy) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        async with busy.database.read(), busy.database.read():
            waiting = [asyncio.create_task(busy.client.get(NOBODYS)) for _ in range(10)]
            await asyncio.sleep(0)
            for one in waiting:
                one.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        assert (await busy.client.get(NOBODYS)).status_code == 404
    assert busy.database.pool_state().in_use == 0


async def test_what_the_pool_does_can_be_seen(busy: Busy) -> None:
    assert await busy.figure("size") == 1
    assert (await busy.figure("in_use"), await busy.figure("timeouts_total")) == (0, 0)
    async with busy.database.read():
        assert await busy.figure("in_use") == 1
        async with busy.database.read():
            # It waits in vain for how long the queue is, and says the rest.
            assert (await busy.figure("in_use"), await busy.figure("overflow")) == (2, 1)
            assert (await busy.client.get(NOBODYS)).status_code == 503
    assert await busy.figure("in_use") == 0
    assert await busy.figure("timeouts_total") == busy.database.pool_timeouts >= 2
