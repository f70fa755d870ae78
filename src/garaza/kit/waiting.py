"""Waiting for whichever comes first, and for what was told to end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


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
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def ended(task: asyncio.Task[Any] | None) -> None:
    """Cancel a task, and wait until it has ended. What it raised instead is raised here."""
    if task is not None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


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
