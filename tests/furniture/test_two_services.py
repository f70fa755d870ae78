"""Two services with one PostgreSQL and one Valkey: what one publishes both serve, and nothing older ever again."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import make_url

from garaza.furniture.adapters import make_encoder
from garaza.furniture.importing.claims import Claims
from garaza.furniture.importing.files import ImportFiles
from garaza.furniture.importing.repository import ImportRepository
from garaza.furniture.importing.source import CatalogueFiles
from garaza.furniture.importing.worker import ImportWorker
from garaza.settings import RedisSettings
from tests.accounts.conftest import migrated
from tests.api.whole import Whole, whole_service
from tests.servers.fixtures import valkey
from tests.servers.postgres import Postgres
from tests.servers.valkey import Valkey
from tests.service.harness import PATIENCE_SECONDS

__all__ = ["valkey"]

pytestmark = pytest.mark.anyio

IMPORTS = "/api/admin/catalogue/imports"
ASKED = (
    "/api/furniture/product/B1",
    "/api/furniture/products?asins=B1,B2",
    "/api/furniture/search?query=oak&page_size=100",
    "/api/furniture/similar/B2",
    "/api/furniture/brand/Nordvik",
    "/api/furniture/category/Chairs",
)
ROUNDS = 5
"""In which answers are kept by both."""


def rows(version: int) -> bytes:
    """Each product is called otherwise in each version."""
    lines = [f"B{number},Oak chair v{version}x{number},Nordvik,Chairs" for number in range(1, 40)]
    return "\n".join(["asin,title,brand,categories", *lines]).encode()


@pytest.fixture
async def services(postgres: Postgres, valkey: Valkey, tmp_path: Path) -> AsyncIterator[tuple[Whole, Whole]]:
    """Each with a data directory of its own, as two machines have."""
    redis: Any = RedisSettings(url=SecretStr(valkey.url))
    with postgres.database(postgres.template(migrated)) as url:
        async with AsyncExitStack() as running:
            started = []
            for name in ("one", "two"):
                folder = tmp_path / name
                folder.mkdir()
                service = whole_service(make_url(url), folder, folder, redis=redis)
                started.append(await running.enter_async_context(service))
            yield started[0], started[1]
    valkey.flush()


async def published(service: Whole, version: int) -> None:
    """A catalogue that is sent to this service, and made ready by the process beside it."""
    admin = await service.register(f"admin{version}", role="admin")
    answer = await admin.post(IMPORTS, content=rows(version))
    assert answer.status_code == 202, answer.text
    files = ImportFiles(service.data)
    claims = Claims(service.database, ImportRepository(), files.place(), service.clock)
    encoder = make_encoder(service.settings.furniture)
    worker = ImportWorker(service.database, files, claims, CatalogueFiles(), lambda: encoder, service.clock)
    assert await worker.work() is None
    await encoder.close()


async def serves(service: Whole, version: int) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await service.guest().get("/api/furniture/health")).json()["catalogue_version"] < version:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


class Client:
    """Asks one service the same again and again."""

    def __init__(self, service: Whole) -> None:
        self._guest = service.guest()
        self.seen: dict[str, list[set[str]]] = {path: [] for path in ASKED}
        self._over = False

    async def ask(self) -> None:
        for path in ASKED:
            answer = await self._guest.get(path)
            assert answer.status_code == 200, (path, answer.status_code, answer.text)
            self.seen[path].append(set(re.findall(r"v(\d)x", answer.text)))

    async def keep_asking(self) -> None:
        while not self._over:
            await self.ask()
            await asyncio.sleep(0)

    def stop(self) -> None:
        self._over = True


async def test_what_one_publishes_both_serve_and_nothing_older_again(services: tuple[Whole, Whole]) -> None:
    first, second = services
    await published(first, 1)
    for service in services:
        await serves(service, 1)
    clients = [Client(service) for service in services]
    for _ in range(ROUNDS):
        for client in clients:
            await client.ask()
    asking = [asyncio.create_task(client.keep_asking()) for client in clients]
    await published(second, 2)
    await asyncio.gather(*(serves(service, 2) for service in services))
    for client in clients:
        client.stop()
    await asyncio.gather(*asking)
    told = [{path: len(seen) for path, seen in client.seen.items()} for client in clients]
    for _ in range(ROUNDS):
        for client in clients:
            await client.ask()
    for client, before in zip(clients, told, strict=True):
        for path, seen in client.seen.items():
            versions = ["".join(sorted(one)) for one in seen]
            # Each answer is of one version, and no answer is older than one before.
            assert set(versions) == {"1", "2"}, path
            assert versions == sorted(versions), path
            assert set(versions[before[path] :]) == {"2"}, path
