"""Processes that work for this one: how they are started and ended, and how they hear that this one has died."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import select
import sys
import threading
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

NICENESS = 10


def step_aside() -> None:
    """Have this process come after all who answer somebody."""
    with contextlib.suppress(OSError):
        os.nice(NICENESS)


async def start_child(command: Sequence[str], *, errors_here: bool = False) -> Process:
    """Start one that is told to end by `end_child`. What it prints goes to the log.

    Args:
        errors_here: its standard error is for whoever starts it to read.

    The pipe to its standard input tells it that this process is alive: see `when_parent_ends`. Its own process group
    keeps a Ctrl-C for this process from reaching it too.

    Raises:
        OSError: no memory or no process number is left.
    """
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=sys.stderr,
        stderr=asyncio.subprocess.PIPE if errors_here else None,
        start_new_session=True,
    )


@asynccontextmanager
async def child_for(command: Sequence[str], *, errors_here: bool = False) -> AsyncIterator[Process]:
    """See `start_child`: one whose work is for this block. If that is left before, the process is killed.

    Raises:
        OSError: no memory or no process number is left.
    """
    process = await start_child(command, errors_here=errors_here)
    try:
        yield process
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            # Shielded: it was killed, so that this takes no time, and a process that nobody waited for would stay.
            await asyncio.shield(process.wait())


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


def end_with_parent() -> None:
    """Have this process end when standard input does, whatever it is doing.

    For a library that holds the interpreter's lock for minutes: no thread of Python's would hear of it before that is
    over, so the system is asked to send a signal (SIGIO) that ends the process. Nothing may be written to the pipe.
    """
    when_parent_ends(lambda: os._exit(1))
    with contextlib.suppress(OSError):
        fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)
    # It is sent of what happens from now on.
    if select.select([0], [], [], 0)[0]:
        os._exit(1)
