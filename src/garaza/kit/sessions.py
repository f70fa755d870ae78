"""A request's transaction, as a parameter of its route."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from garaza.kit.database import Database, ReadSession, WriteSession


async def _reading(request: Request) -> AsyncIterator[ReadSession]:
    database: Database = request.app.state.database
    async with database.read() as session:
        yield session


async def _writing(request: Request) -> AsyncIterator[WriteSession]:
    database: Database = request.app.state.database
    async with database.write() as session:
        yield session


# Scope "function": the transaction has ended before the first byte of the answer is sent, so a client never hears of
# what was not committed, and a slow one holds no connection.
Reading = Annotated[ReadSession, Depends(_reading, scope="function")]
Writing = Annotated[WriteSession, Depends(_writing, scope="function")]
