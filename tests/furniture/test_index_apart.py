"""An index whose engine works in a process of its own, so that it keeps nobody else waiting."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from garaza.furniture.filters import Filters, Span
from garaza.furniture.index import readers
from garaza.furniture.index.edge import EdgeIndex
from garaza.furniture.index.port import IndexUnavailableError, Point
from tests.contract.test_vector_index import agrees, folder, ids_of, prepare, serve, some, spec_of

__all__ = ["folder"]

pytestmark = pytest.mark.anyio

_OPENS_AN_INDEX = """
import asyncio, sys
from pathlib import Path
from garaza.furniture.index.edge import EdgeIndex

async def main():
    index = EdgeIndex(Path(sys.argv[1]), apart=True)
    await index.serve(1)
    print("open", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


def keepers() -> list[psutil.Process]:
    """Of this process."""
    children = psutil.Process().children()
    return [child for child in children if "garaza.furniture.index.keeper" in child.cmdline()]


@pytest.fixture
async def index(folder: Path) -> AsyncIterator[EdgeIndex]:
    index = EdgeIndex(folder / "vectors", apart=True)
    yield index
    await index.close()
    assert keepers() == []


async def ready(folder: Path, points: list[Point]) -> None:
    """Made in this process, which is faster."""
    index = EdgeIndex(folder / "vectors")
    await prepare(index, 1, points)
    await index.close()


async def test_it_finds_what_comparing_finds_until_the_next_version_is_served(index: EdgeIndex) -> None:
    points = some(range(1, 101))
    await serve(index, 1, points)
    (first,) = keepers()
    await agrees(index, points)
    await agrees(index, points, Filters(countries=("SE",), not_colors=("black",), in_stock=True))
    await agrees(index, points, Filters(price=Span(most=5), width_cm=Span(least=45.5)))
    local = index.local()
    assert local is not None
    await serve(index, 2, some(range(6, 106)))
    await agrees(index, some(range(6, 106)))
    # Somebody still searches in the one before.
    assert len(keepers()) == 2
    del local
    await asyncio.to_thread(first.wait, 60)


async def test_it_is_started_again_if_it_dies(folder: Path, index: EdgeIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    points = some(range(1, 11))
    await ready(folder, points)
    await index.serve(1)
    (first,) = keepers()
    # As all of a service are told, which goes on answering for a while.
    first.terminate()
    await agrees(index, points)
    first.kill()
    with pytest.raises(IndexUnavailableError, match="has ended"):
        await agrees(index, points)
    # Not again and again, if it always dies.
    with pytest.raises(IndexUnavailableError, match="in a moment"):
        await agrees(index, points)
    monkeypatch.setattr(readers, "AGAIN_SECONDS", 0)
    await agrees(index, points)
    assert keepers() != [first]


async def test_one_that_stands_still_is_not_waited_for_twice(
    folder: Path, index: EdgeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = some(range(1, 11))
    await ready(folder, points)
    monkeypatch.setattr(readers, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(readers, "_ENDING_SECONDS", 60)
    monkeypatch.setattr(readers, "AGAIN_SECONDS", 0)
    await index.serve(1)
    (keeper,) = keepers()
    keeper.suspend()
    monkeypatch.setattr(readers, "ANSWER_SECONDS", 60)
    async with asyncio.timeout(30):
        with pytest.raises(IndexUnavailableError, match="has ended"):
            await agrees(index, points)
    await agrees(index, points)


async def test_something_else_is_done_while_it_searches(index: EdgeIndex) -> None:
    points = some(range(1, 101))
    await serve(index, 1, points)
    local = index.local()
    assert local is not None
    one, other = points[10], points[60]
    (keeper,) = keepers()
    done = threading.Event()
    # It answers nothing until then.
    keeper.suspend()
    searching = asyncio.create_task(asyncio.to_thread(local.search, one.vector, 3, Filters(), done.set))
    assert await asyncio.to_thread(done.wait, 60)
    keeper.resume()
    assert (await searching).ids[0] == one.id

    def fail() -> None:
        raise ValueError("not now")

    with pytest.raises(IndexUnavailableError, match="not now"):
        await asyncio.to_thread(local.search, one.vector, 3, Filters(), fail)
    # This isn't the answer to the question before.
    assert (await asyncio.to_thread(local.search, other.vector, 3, Filters())).ids[0] == other.id
    assert keepers() == [keeper]


async def test_what_cannot_be_opened_is_not_there(folder: Path, index: EdgeIndex) -> None:
    points = some(range(1, 11))
    await ready(folder, points)
    for path in (folder / "vectors/1").rglob("segment.json"):
        path.write_bytes(b"x" * path.stat().st_size)
    with pytest.raises(IndexUnavailableError, match="the index failed"):
        await index.serve(1)
    assert keepers() == []
    assert not await index.has(spec_of(1, ids_of(points)))


async def test_it_ends_with_the_service(folder: Path) -> None:
    await ready(folder, some(range(1, 11)))
    command = [sys.executable, "-c", _OPENS_AN_INDEX, folder / "vectors"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as service:  # noqa: ASYNC220 - nothing else runs in this loop
        assert service.stdout is not None
        assert service.stdout.readline() == "open\n"
        (keeper,) = psutil.Process(service.pid).children()
        os.kill(service.pid, signal.SIGKILL)
    await asyncio.to_thread(psutil.wait_procs, [keeper], 60)
    assert not keeper.is_running() or keeper.status() == psutil.STATUS_ZOMBIE
