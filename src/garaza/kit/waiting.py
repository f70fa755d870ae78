"""Waiting for whichever comes first, and for what was told to end."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

T = TypeVar("T")

_AGAIN_SECONDS = 30.0
"""Longer than anything takes that ends in order."""


async def first_of(*things: Awaitable[Any], timeout: float | None = None) -> None:  # noqa: ASYNC109 - it is no error
    """Until one of these ends, or for `timeout` seconds; the others are cancelled. What they come to is not looked at.

    Not for what must not be broken off: a transaction, for instance.
    """
    tasks = [asyncio.ensure_future(thing) for thing in things]
    try:
        await asyncio.wait(tasks, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await _all_ended(tasks)
    for task in tasks:
        _raise_what_it_raised(task)


async def ended(task: asyncio.Task[Any] | None) -> None:
    """Cancel a task, and wait until it has ended. What it raised instead is raised here."""
    if task is not None:
        task.cancel()
        await _all_ended([task])
        _raise_what_it_raised(task)


async def _all_ended(tasks: Sequence[asyncio.Future[Any]]) -> None:
    """Wait for what was cancelled. Whoever is cancelled while it waits here is told so when they have ended.

    Waiting for each by itself and passing over its cancellation would pass over one's own, too: a loop that was told to
    end would go on, and whoever waits for its end would wait for ever.

    They are told again after a while. Libraries pass over a cancellation now and then: `asyncio.wait_for` of Python
    3.11 does when what it waits for is there at that moment, and so does SQLAlchemy's pool, which waits by it.
    """
    cancelled: asyncio.CancelledError | None = None
    while left := [task for task in tasks if not task.done()]:
        try:
            done, _ = await asyncio.wait(left, timeout=_AGAIN_SECONDS)
        except asyncio.CancelledError as error:
            cancelled = error
        else:
            for task in left if not done else ():
                task.cancel()
    for task in tasks:
        # Looked at, so that nobody complains of it.
        _ = task.cancelled() or task.exception()
    if cancelled is not None:
        raise cancelled


def _raise_what_it_raised(task: asyncio.Future[Any]) -> None:
    if not task.cancelled():
        task.result()


async def unbroken(thing: Coroutine[Any, Any, T]) -> T:
    """What this comes to. Whoever is cancelled meanwhile ends when it has ended.

    For short transactions: asyncpg that is interrupted while it connects leaves an error that nobody fetches.
    """
    task = asyncio.ensure_future(thing)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled():
            # Looked at, so that nobody complains of it.
            task.exception()
        raise


async def to_the_end(future: asyncio.Future[T]) -> T:
    """What this comes to, which no cancellation breaks off: a thread, for instance. Whoever is cancelled meanwhile,
    however often, ends when it has ended.

    A future and no task: those are all cancelled when the loop is to end, and what a thread comes to would be lost.
    """
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        while not future.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([future])
        if not future.cancelled():
            # Looked at, so that nobody complains of it.
            future.exception()
        raise


async def in_thread(work: Callable[..., T], *arguments: object) -> T:
    """`asyncio.to_thread`, but whoever is cancelled meanwhile ends only when the thread is done.

    What is done with a file in a thread must have ended before the file is closed, or given to somebody else.
    """
    run = functools.partial(contextvars.copy_context().run, work, *arguments)
    return await to_the_end(asyncio.get_running_loop().run_in_executor(None, run))
