"""A service that has something to tell, and somebody to tell it to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import URL

from garaza.kit.database import Database
from garaza.kit.ids import new_id
from garaza.kit.safe_http import SafeHttp
from garaza.kit.signing_keys import SigningKeys
from garaza.settings import WebhookSettings
from garaza.webhooks.deliverer import Deliverer
from garaza.webhooks.routes import make_router
from garaza.webhooks.schemas import DeliveryBody
from garaza.webhooks.service import WebhookService
from tests.machines.fixtures import SettableClock, clock, database, database_url
from tests.servers.fixtures import postgres
from tests.webhooks.receiver import Receiver, receiving

__all__ = ["clock", "database", "database_url", "postgres"]


@dataclass
class Ended:
    """As much of a job as webhooks look at."""

    webhook_url: str | None
    state: str = "completed"
    failure: dict[str, Any] | None = None
    finished_at: float | None = 1_799_999_999.5
    id: str = field(default_factory=new_id)


@dataclass
class Side:
    """Ours."""

    database: Database
    clock: SettableClock
    keys: SigningKeys
    key_file: Path
    url: URL
    settings: WebhookSettings
    webhooks: WebhookService
    deliverers: list[Deliverer] = field(default_factory=list)

    def deliverer(self, http: SafeHttp | None = None, **settings: Any) -> Deliverer:
        """Another process would have one of its own."""
        own = self.settings.model_copy(update=settings)
        self.deliverers.append(
            Deliverer(self.database, WebhookService(own, self.clock), self.keys, own, self.clock, http)
        )
        return self.deliverers[-1]

    async def end(self, url: str, **job: Any) -> str:
        """A job ends whose end is to be told; its id."""
        ended = Ended(url, **job)
        async with self.database.write() as session:
            await self.webhooks.on_end(session, ended)
        return ended.id

    async def deliveries(self, job_id: str) -> list[DeliveryBody]:
        async with self.database.read() as session:
            return await self.webhooks.deliveries_of(session, job_id)

    async def delivery(self, job_id: str) -> DeliveryBody:
        [delivery] = await self.deliveries(job_id)
        return delivery

    async def jwks(self) -> Any:
        """As receivers ask for it."""
        app = FastAPI()
        app.include_router(make_router(self.keys))
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://garaza.test") as client:
            answer = await client.get("/.well-known/garaza-webhook-keys")
        assert answer.headers["content-type"] == "application/jwk-set+json"
        assert answer.headers["cache-control"] == "public, max-age=300"
        return answer.json()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def side(database: Database, database_url: URL, clock: SettableClock, tmp_path: Path) -> AsyncIterator[Side]:
    settings = WebhookSettings(allow_private_addresses=True, max_attempts=3, timeout_seconds=60, poll_seconds=0.01)
    path = tmp_path / "keys.json"
    keys = SigningKeys(path, retire_after_seconds=3600, clock=clock)
    side = Side(database, clock, keys, path, database_url, settings, WebhookService(settings, clock))
    yield side
    for deliverer in side.deliverers:
        await deliverer.stop()


@pytest.fixture
async def receiver(side: Side) -> AsyncIterator[Receiver]:
    async with receiving(side.jwks, side.clock) as receiver:
        yield receiver


@pytest.fixture
def resolving() -> Callable[[str], SafeHttp]:
    """Clients to whom every name stands for one address."""

    def make(address: str) -> SafeHttp:
        async def resolve(_host: str, _port: int) -> list[str]:
            return [address]

        return SafeHttp(user_agent="test", resolver=resolve)

    return make
