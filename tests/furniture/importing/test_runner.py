"""The process that a service has for imports: it may die, and it ends with the service."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import URL

from garaza.furniture.importing import runner as runner_module
from garaza.furniture.importing.runner import MOST_DEATHS, ImportRunner
from tests.furniture.importing.shop import Shop, chair, chairs
from tests.service.harness import PATIENCE_SECONDS, is_gone

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner_module, "_FIRST_PAUSE_SECONDS", 0.001)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def becomes(shop: Shop, import_id: str, state: str) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await shop.get(import_id)).state != state:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)


@asynccontextmanager
async def running(shop: Shop, command: Sequence[str]) -> AsyncIterator[ImportRunner]:
    runner = ImportRunner(shop.service, shop.files, command)
    runner.start()
    try:
        yield runner
    finally:
        await runner.stop()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "texts"


@pytest.fixture
def command(shop: Shop, database_url: URL, log: Path) -> list[str]:
    """The first of its processes stands still in the middle of it."""
    url = database_url.render_as_string(hide_password=False)
    return [
        sys.executable,
        "-m",
        "tests.furniture.importing.child",
        url,
        str(shop.data.root),
        str(log),
        "reading",
        "100",
    ]


async def test_a_process_that_is_killed_is_followed_by_one_that_goes_on(
    shop: Shop, command: list[str], log: Path
) -> None:
    import_id = await shop.begin([chair(one, title=f"Stool {one}") for one in range(180)], uploaded=True)
    async with running(shop, command) as runner:
        await until(log.with_suffix(".stood").exists)
        first = runner.pid
        assert first is not None
        assert (await shop.get(import_id)).rows_read == 100
        os.kill(first, signal.SIGKILL)
        await becomes(shop, import_id, "indexing")
        assert runner.pid != first
    assert await shop.publish()
    assert {product.title for product in (await shop.served()).values()} == {f"Stool {one}" for one in range(180)}
    read = log.read_text().splitlines()
    assert len(read) == len(set(read)) == 180
    done = await shop.get(import_id)
    assert (done.counts["rows"], done.counts["added"], done.counts["embedded"]) == (180, 180, 180)


async def test_it_ends_with_the_service_and_leaves_the_import_to_the_next(
    shop: Shop, command: list[str], log: Path
) -> None:
    await shop.take(chairs(5))
    import_id = await shop.begin(chairs(180, title="Stool"), uploaded=True)
    async with running(shop, command) as runner:
        await until(log.with_suffix(".stood").exists)
        process = runner.pid
    assert process is not None
    assert is_gone(process)
    left = await shop.get(import_id)
    assert (left.state, left.rows_read, left.ended_at) == ("reading", 100, None)
    assert len(await shop.served()) == 5
    async with running(shop, command):
        await becomes(shop, import_id, "indexing")


async def test_an_import_that_kills_each_process_is_given_up(shop: Shop) -> None:
    deadly = await shop.begin(chairs(3), uploaded=True)
    kill = [sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"]
    async with running(shop, kill):
        await becomes(shop, deadly, "failed")
    assert (await shop.get(deadly)).error == f"The process that does it was killed {MOST_DEATHS} times."
    # Nothing is left of it for the next one to die of.
    await shop.worker().work()
    assert (await shop.get(deadly)).ended_at is not None
    assert (await shop.take(chairs(2))).state == "published"
