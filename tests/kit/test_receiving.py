"""A file that can't be received whole is taken away, and nobody else waits for that."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from garaza.kit.receiving import new_file
from garaza.kit.waiting import ended
from tests.disk_touches import DiskTouches

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_what_is_whole_stays(tmp_path: Path) -> None:
    path = tmp_path / "video"
    with DiskTouches() as touches:
        async with new_file(path) as file:
            file.write(b"whole")
    assert touches.seen == []
    assert path.read_bytes() == b"whole"
    assert file.closed


async def test_the_loop_doesnt_wait_for_the_disk_to_forget_it(tmp_path: Path) -> None:
    path = tmp_path / "video"
    with DiskTouches() as touches, pytest.raises(ConnectionError):
        async with new_file(path) as file:
            file.write(b"half")
            raise ConnectionError
    assert touches.seen == []
    assert file.closed
    assert not path.exists()
    # Or nothing would ever be seen.
    with DiskTouches() as touches:
        path.touch()
        path.unlink()
    assert touches.seen[-1].startswith("os.remove")


async def test_nothing_is_left_of_one_that_is_broken_off(tmp_path: Path) -> None:
    path = tmp_path / "video"
    begun = asyncio.Event()

    async def receive() -> None:
        async with new_file(path):
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(receive())
    await begun.wait()
    await ended(task)
    assert task.cancelled()
    assert not path.exists()
