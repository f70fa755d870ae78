"""The routes of accounts on a database of their own, with a clock that tests set."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx2
from argon2 import PasswordHasher
from fastapi import Depends, FastAPI
from sqlalchemy import URL, BigInteger, ColumnElement, cast, func, insert, select

from garaza.accounts.dependencies import AdminOnly, MaybeUser, identify
from garaza.accounts.models import User
from garaza.accounts.routes import make_router
from garaza.accounts.service import AccountService
from garaza.errors import UnexpectedErrors, add_handlers
from garaza.jobs.models import Job
from garaza.kit.database import Database, WriteSession
from garaza.kit.ids import new_id
from garaza.settings import AccountSettings, DatabaseSettings
from garaza.wiring import pool_options
from tests.clock import SettableClock

PASSWORD = "correct horse"
BEGINNING = 1_795_000_000.0
"""In November 2026."""


class Keys:
    """Signing keys in memory."""

    def __init__(self) -> None:
        self.known = {"first": b"1" * 32}
        self.newest = "first"

    def signing(self) -> tuple[str, bytes]:
        return self.newest, self.known[self.newest]

    def verifying(self, kid: str) -> bytes | None:
        return self.known.get(kid)

    def rotate(self) -> None:
        self.newest = f"key{len(self.known)}"
        self.known[self.newest] = bytes([len(self.known)]) * 32


class CountingHasher(PasswordHasher):
    """Fast, and says how often it was asked."""

    def __init__(self, memory_cost: int = 8) -> None:
        super().__init__(time_cost=1, memory_cost=memory_cost, parallelism=1)
        self.calls: list[str] = []

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self.calls.append("hash")
        return super().hash(password, salt=salt)

    def verify(self, hash: str | bytes, password: str | bytes) -> Any:  # noqa: A002 - named so there
        self.calls.append("verify")
        return super().verify(hash, password)


def stored(user_id: ColumnElement[int] | int) -> ColumnElement[int]:
    total = func.coalesce(func.sum(Job.upload_bytes + Job.result_bytes), 0)
    return select(cast(total, BigInteger)).where(Job.user_id == user_id).scalar_subquery()


@dataclass
class House:
    """The service in this process."""

    database: Database
    accounts: AccountService
    app: FastAPI
    clock: SettableClock
    hasher: CountingHasher
    keys: Keys
    client: httpx2.AsyncClient = field(init=False)
    visitors: list[Visitor] = field(default_factory=list)
    """Room for a test to keep them in."""

    def __post_init__(self) -> None:
        self.client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=self.app, raise_app_exceptions=False), base_url="http://garaza.test"
        )

    async def close(self) -> None:
        await self.client.aclose()
        self.accounts.close()
        await self.database.close()

    async def register(self, name: str = "anna", password: str = PASSWORD) -> Visitor:
        body = {"email": f"{name}@example.com", "username": name, "password": password}
        answer = await self.client.post("/api/auth/register", json=body)
        assert answer.status_code == 200, answer.text
        return Visitor(self, answer.json())

    async def login(self, name: str = "anna", password: str = PASSWORD) -> httpx2.Response:
        return await self.client.post("/api/auth/login", json={"email": f"{name}@example.com", "password": password})

    async def signed_in(self, name: str = "anna", password: str = PASSWORD) -> Visitor:
        answer = await self.login(name, password)
        assert answer.status_code == 200, answer.text
        return Visitor(self, answer.json())

    async def refresh(self, token: str) -> httpx2.Response:
        return await self.client.post("/api/auth/refresh", json={"refresh_token": token})

    async def change(self, user_id: int, **values: Any) -> None:
        async with self.database.write() as session:
            user = await session.get_one(User, user_id)
            for name, value in values.items():
                setattr(user, name, value)

    async def store(self, user_id: int, size: int) -> None:
        """Let an account have a video of this size."""
        async with self.database.write() as session:
            await self.store_in(session, user_id, size)

    async def store_in(self, session: WriteSession, user_id: int, size: int) -> None:
        values = {
            "id": new_id(),
            "state": "uploaded",
            "user_id": user_id,
            "created_at": self.clock(),
            "original_name": "room.mp4",
            "source": {},
            "upload_bytes": size,
        }
        await session.execute(insert(Job).values(values))


class Visitor:
    """Somebody who signed in."""

    def __init__(self, house: House, answer: dict[str, Any]) -> None:
        self._house = house
        self.answer = answer
        self.id: int = answer["user"]["id"]
        self.access: str = answer["access_token"]
        self.refresh_token: str = answer["refresh_token"]

    async def ask(
        self, method: str, path: str, *, headers_more: dict[str, Any] | None = None, **options: Any
    ) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self.access}", **(headers_more or {})}
        return await self._house.client.request(method, path, headers=headers, **options)

    async def get(self, path: str, **parameters: Any) -> httpx2.Response:
        return await self.ask("GET", path, params=parameters or None)

    async def post(self, path: str, body: Any = None, **options: Any) -> httpx2.Response:
        return await self.ask("POST", path, json=body, **options)

    async def put(self, path: str, body: Any) -> httpx2.Response:
        return await self.ask("PUT", path, json=body)

    async def may_enter(self) -> bool:
        return (await self.get("/api/auth/me")).status_code == 200

    async def actions(self) -> list[str]:
        """What is in the log, the newest first."""
        answer = await self.get("/api/profile/activities", limit=100)
        assert answer.status_code == 200, answer.text
        return [activity["action"] for activity in answer.json()]


def make_house(
    url: URL,
    keys: Keys | None = None,
    clock: SettableClock | None = None,
    hasher: CountingHasher | None = None,
    **settings: Any,
) -> House:
    clock, keys, hasher = clock or SettableClock(BEGINNING), keys or Keys(), hasher or CountingHasher()
    database = Database(url, pool_options(DatabaseSettings(), url))
    accounts = AccountService(AccountSettings(**settings), database, keys, stored, clock, hasher)
    app = FastAPI()
    app.state.database = database
    app.state.accounts = accounts
    add_handlers(app)
    app.add_middleware(UnexpectedErrors)
    app.include_router(make_router(accounts), dependencies=[Depends(identify)])

    @app.get("/anybody")
    async def anybody(who: MaybeUser) -> dict[str, Any]:
        return {"who": None if who is None else who.username}

    @app.get("/admins")
    async def admins(who: AdminOnly) -> dict[str, Any]:
        return {"who": who.username}

    return House(database, accounts, app, clock, hasher, keys)
