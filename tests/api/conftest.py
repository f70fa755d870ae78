"""What tests of the whole interface share. Those with a database run on both kinds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL

from tests.accounts.conftest import database_url, empty_file
from tests.accounts.house import SettableClock
from tests.api.whole import StartWhole, Whole, fake_probes, whole_service
from tests.servers.fixtures import postgres
from tests.service.fixtures import clip, new_database, server, start_server, template

__all__ = [
    "clip",
    "database_url",
    "empty_file",
    "new_database",
    "postgres",
    "server",
    "start_server",
    "template",
]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def fake_probe() -> Iterator[None]:
    with fake_probes():
        yield


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
async def start(database_url: URL, tmp_path: Path, template: Path, clock: SettableClock) -> AsyncIterator[StartWhole]:
    """Starts the service with these groups of settings; a second time: another process on the same database."""
    async with AsyncExitStack() as running:

        async def begin(**groups: Any) -> Whole:
            service = whole_service(database_url, tmp_path, template, clock, **groups)
            return await running.enter_async_context(service)

        yield begin


@pytest.fixture
async def whole(start: StartWhole) -> Whole:
    return await start()
