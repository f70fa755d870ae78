"""What must not be broken off isn't, and whoever waits for it is still told to end."""

from __future__ import annotations

import asyncio

import pytest

from garaza.kit.waiting import ended, unbroken

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize("fails", [False, True])
async def test_it_ends_before_who_waits_for_it(fails: bool) -> None:
    begun, may_end, done = asyncio.Event(), asyncio.Event(), []

    async def thing() -> None:
        begun.set()
        await may_end.wait()
        done.append("thing")
        if fails:
            raise ConnectionError

    async def waits() -> None:
        try:
            await unbroken(thing())
        finally:
            done.append("who waits")

    task = asyncio.create_task(waits())
    await begun.wait()
    ending = asyncio.create_task(ended(task))
    await asyncio.sleep(0)
    assert done == []
    may_end.set()
    await ending
    assert done == ["thing", "who waits"]
    assert task.cancelled()


async def test_what_it_comes_to_is_handed_on() -> None:
    async def thing() -> int:
        return 1

    async def failing() -> int:
        raise ConnectionError

    assert await unbroken(thing()) == 1
    with pytest.raises(ConnectionError):
        await unbroken(failing())
