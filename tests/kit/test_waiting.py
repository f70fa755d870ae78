"""What must not be broken off isn't, and whoever waits for it is still told to end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

import pytest

from garaza.kit.waiting import ended, first_of, in_thread, unbroken

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


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("waits", ["first_of", "ended"])
async def test_who_is_told_to_end_while_others_are_ending_ends(waits: str, fails: bool) -> None:
    """A loop that doesn't hear of it would go on, and whoever waits for its end would wait for ever."""
    begun, ending, may_end = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def ends_slowly() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            ending.set()
            await may_end.wait()
            if fails:
                raise ConnectionError

    async def loop() -> None:
        while True:
            slow = asyncio.create_task(ends_slowly())
            await begun.wait()
            await (ended(slow) if waits == "ended" else first_of(slow, asyncio.sleep(0)))

    task = asyncio.create_task(loop())
    await ending.wait()
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    may_end.set()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_who_passes_over_being_told_to_end_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("garaza.kit.waiting._AGAIN_SECONDS", 0.01)
    told = 0

    async def hard_of_hearing() -> None:
        nonlocal told
        while told < 3:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                told += 1

    task = asyncio.create_task(hard_of_hearing())
    await asyncio.sleep(0)
    await ended(task)
    assert told == 3
    assert task.done()


async def test_what_was_cancelled_has_ended_and_what_failed_is_told() -> None:
    async def failing() -> None:
        raise ConnectionError

    never = asyncio.create_task(asyncio.Event().wait())
    await first_of(never, asyncio.sleep(0))
    assert never.cancelled()
    await first_of(asyncio.Event().wait(), timeout=0)
    with pytest.raises(ConnectionError):
        await first_of(asyncio.Event().wait(), failing())
    with pytest.raises(ConnectionError):
        await ended(await _over(failing()))


async def _over(thing: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    task = asyncio.create_task(thing)
    await asyncio.wait([task])
    return task


async def test_who_waits_for_a_thread_ends_after_it_however_often_told_to() -> None:
    may_end, done = threading.Event(), []

    def work() -> None:
        may_end.wait(60)
        done.append("thread")

    async def waits() -> None:
        try:
            await in_thread(work)
        finally:
            done.append("who waits")

    task = asyncio.create_task(waits())
    for _ in range(3):
        await asyncio.sleep(0)
        task.cancel()
    await asyncio.sleep(0)
    assert done == []
    may_end.set()
    await ended(task)
    assert task.cancelled()
    assert done == ["thread", "who waits"]
