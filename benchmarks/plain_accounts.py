"""Accounts as tutorials write them.

The password is hashed where the request is handled, a secret is made when the process starts, what is unique is looked
for before it is added, and counters are read, raised and written back. Only the hash is not the tutorials' but
Garaza's, with its parameters, so that what is compared is what is done around it.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import jwt
from argon2.exceptions import VerificationError
from fastapi import APIRouter, FastAPI, Header, HTTPException
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from garaza.accounts.passwords import standard_hasher

Authorization = Annotated[str, Header()]
_HASHER = standard_hasher()


class _Base(DeclarativeBase):
    """The tables."""


class _Account(_Base):
    __tablename__ = "accounts"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]
    total_scans: Mapped[int] = mapped_column(default=0)


def plain_accounts(folder: Path) -> FastAPI:
    """The plain service."""
    service = _Service(folder)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await service.make_tables()
        yield

    app = FastAPI(lifespan=lifespan)
    router = APIRouter()
    router.get("/health")(service.health)
    router.post("/api/auth/register")(service.register)
    router.post("/api/auth/login")(service.login)
    router.get("/api/auth/me")(service.me)
    router.post("/increment")(service.increment)
    router.get("/api/profile/stats")(service.stats)
    app.include_router(router)
    return app


class _Service:
    """The routes, which share an engine and a secret."""

    def __init__(self, folder: Path) -> None:
        self._engine = create_async_engine(f"sqlite+aiosqlite:///{folder / 'plain.db'}")
        self._secret = secrets.token_hex(32)

    async def make_tables(self) -> None:
        async with self._engine.begin() as connection:
            await connection.run_sync(_Base.metadata.create_all)

    async def health(self) -> dict[str, str]:
        return {"status": "ok"}

    async def register(self, body: dict[str, str]) -> dict[str, Any]:
        async with AsyncSession(self._engine, expire_on_commit=False) as session:
            if await session.scalar(select(_Account).where(_Account.email == body["email"])) is not None:
                raise HTTPException(409)
            account = _Account(email=body["email"], password_hash=_HASHER.hash(body["password"]))
            session.add(account)
            await session.commit()
            return self._admitted(account)

    async def login(self, body: dict[str, str]) -> dict[str, Any]:
        async with AsyncSession(self._engine) as session:
            account = await session.scalar(select(_Account).where(_Account.email == body["email"]))
            if account is None:
                raise HTTPException(401)
            try:
                _HASHER.verify(account.password_hash, body["password"])
            except VerificationError:
                raise HTTPException(401) from None
            return self._admitted(account)

    async def me(self, authorization: Authorization) -> dict[str, Any]:
        async with AsyncSession(self._engine) as session:
            account = await self._by_token(session, authorization)
            return {"id": account.id, "email": account.email}

    async def increment(self, authorization: Authorization) -> dict[str, int]:
        async with AsyncSession(self._engine, expire_on_commit=False) as session:
            account = await self._by_token(session, authorization)
            account.total_scans += 1
            await session.commit()
            return {"total_scans": account.total_scans}

    async def stats(self, authorization: Authorization) -> dict[str, int]:
        async with AsyncSession(self._engine) as session:
            return {"total_scans": (await self._by_token(session, authorization)).total_scans}

    def _admitted(self, account: _Account) -> dict[str, Any]:
        return {"access_token": jwt.encode({"sub": str(account.id)}, self._secret), "user": {"id": account.id}}

    async def _by_token(self, session: AsyncSession, authorization: str) -> _Account:
        try:
            claims = jwt.decode(authorization.removeprefix("Bearer "), self._secret, ["HS256"])
        except jwt.InvalidTokenError:
            raise HTTPException(401) from None
        return await session.get_one(_Account, int(claims["sub"]))
