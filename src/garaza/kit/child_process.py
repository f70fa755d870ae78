"""Processes that work for this one: how they are started and ended, and how they hear that this one has died."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from asyncio.subprocess import Process
from collections.abc import Callable, Sequence


async def start_child(command: Sequence[str]) -> Process:
    """Start one that is told to end by `end_child`. What it prints goes to the log.

    The pipe to its standard input tells it that this process is alive: see `when_parent_ends`. Its own process group
    keeps a Ctrl-C for this process from reaching it too.

    Raises:
        OSError: no memory or no process number is left.
    """
    return await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=sys.stderr, start_new_session=True
    )


def pid_of(process: Process | None) -> int | None:
    """While it runs."""
    return None if process is None or process.returncode is not None else process.pid


async def end_child(process: Process | None, patience_seconds: float) -> None:
    """Tell it to end, if it runs; kill it if it takes too long."""
    if process is None or process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), patience_seconds)
    except TimeoutError:
        process.kill()
        await process.wait()


def when_parent_ends(act: Callable[[], None]) -> None:
    """Call `act`, from another thread, when standard input ends: the parent holds its other end, and has died then.

    Works on every Unix and can't be missed, unlike asking for the parent's number again and again.
    """

    def wait() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 4096):
                pass
        act()

    threading.Thread(target=wait, name="parent-watch", daemon=True).start()
