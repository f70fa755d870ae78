"""Programs that sign, and a service that asks who they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Annotated, Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import Depends, FastAPI, Form, Request
from pydantic import BaseModel

from garaza.errors import UnexpectedErrors, add_handlers
from garaza.kit.database import Database
from garaza.kit.signing.keys import new_private_key, public_pem
from garaza.kit.signing.outgoing import sign
from garaza.machines.dependencies import identify_machine
from garaza.machines.scopes import Scope
from garaza.machines.service import Machine, MachineService
from tests.machines.fixtures import SettableClock, clock, database, database_url
from tests.servers.fixtures import postgres

__all__ = ["clock", "database", "database_url", "postgres"]

ADDRESS = "http://garaza.test"
Caller = Annotated[Machine | None, Depends(identify_machine)]


class Plan(BaseModel):
    plan: str


@dataclass
class Program:
    """Who has a private key, and knows how to sign."""

    keyid: str
    clock: SettableClock
    key: Ed25519PrivateKey = field(default_factory=new_private_key)

    def sign(self, method: str, path: str, body: bytes = b"", **options: Any) -> dict[str, str]:
        given = {"key": self.key, "keyid": self.keyid, "now": self.clock(), **options}
        return sign(method, f"{ADDRESS}{path}", body=body, **given)


@dataclass
class Service:
    machines: MachineService
    database: Database
    clock: SettableClock
    client: httpx2.AsyncClient

    async def program(self, scope: Scope = Scope.ADMIN, name: str = "deploy") -> Program:
        """A new one whose key is known."""
        key = new_private_key()
        async with self.database.write() as session:
            row = await self.machines.add(session, name, scope, public_pem(key.public_key()))
        return Program(row.id, self.clock, key)

    async def revoke(self, keyid: str) -> None:
        async with self.database.write() as session:
            assert await self.machines.revoke(session, keyid) is not None

    async def send(
        self, method: str, path: str, headers: dict[str, str], content: bytes | None = None
    ) -> httpx2.Response:
        return await self.client.request(method, path, headers=headers, content=content)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def service(database: Database, clock: SettableClock) -> AsyncIterator[Service]:
    machines = MachineService(database, clock)
    transport = httpx2.ASGITransport(make_app(machines))
    async with httpx2.AsyncClient(transport=transport, base_url=ADDRESS) as client:
        yield Service(machines, database, clock, client)


def make_app(machines: MachineService) -> FastAPI:
    app = FastAPI()
    app.state.machines = machines
    add_handlers(app)
    app.add_middleware(UnexpectedErrors)

    @app.api_route("/who", methods=["GET", "POST"])
    async def who(request: Request, caller: Caller) -> dict[str, Any]:
        """What it was asked for, and by whom; the body as a route reads it that takes it part by part."""
        parts = [part async for part in request.stream()]
        again = await identify_machine(request)
        assert again is caller
        return {
            "name": caller.name if caller else None,
            "scope": caller.scope if caller else None,
            "body": b"".join(parts).decode(),
        }

    @app.put("/plan")
    async def plan(plan: Plan, caller: Caller) -> dict[str, Any]:
        return {"name": caller.name if caller else None, "plan": plan.plan}

    @app.post("/form")
    async def form(word: Annotated[str, Form()], caller: Caller) -> str:
        return word

    return app
