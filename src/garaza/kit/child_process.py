"""Processes that work for this one: how they are started and ended, and how they hear that this one has died."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import logging
import os
import select
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from garaza.kit.waiting import in_thread, to_the_end

logger = logging.getLogger(__name__)

NICENESS = 10


def step_aside() -> None:
    """Have this process come after all who answer somebody."""
    with contextlib.suppress(OSError):
        os.nice(NICENESS)


class Child:
    """A process that was started, of one event loop: see `start_child`.

    Args:
        started: not yet waited for.
    """

    def __init__(self, started: subprocess.Popen[bytes], loop: asyncio.AbstractEventLoop) -> None:
        self._process = started
        # Kept from `communicate`, which would close it: see `start_child`.
        self._stdin, started.stdin = started.stdin, None
        self._writing = threading.Lock()
        self._ended: asyncio.Future[None] = loop.create_future()
        self.pid = started.pid
        self.output = b""
        """What it has printed, once it has ended."""
        self.errors = b""
        """As `output`."""

    @property
    def returncode(self) -> int | None:
        """None: it hasn't ended."""
        return self._process.returncode

    def terminate(self) -> None:
        """Ask it to end. One that has ended is no error."""
        self._process.terminate()

    def kill(self) -> None:
        """End it. One that has ended is no error."""
        self._process.kill()

    async def tell(self, line: bytes) -> None:
        """Write to its standard input. One that has ended is no error."""
        if self._stdin is not None:
            # The second: closed already.
            with contextlib.suppress(BrokenPipeError, ValueError):
                await in_thread(self._write, line)

    async def wait(self) -> int:
        """How it ended: a negative number is that of the signal that it was killed by."""
        # For others who wait, whoever is told to end here.
        await asyncio.shield(self._ended)
        return self._process.returncode

    def see_it_end(self) -> None:
        """Read what it prints, and wait until it has ended. Blocks; for the thread that it has."""
        try:
            output, errors = self._process.communicate()
            self.output, self.errors = output or b"", errors or b""
        except Exception:
            # No memory for what it prints, say. Whoever waits is to hear of a failure, and not of an end without one.
            logger.exception("the output of process %d can't be read", self.pid)
            self._process.kill()
            self._process.wait()
        finally:
            self._close_stdin()
            _tell(self._ended, None)

    def _write(self, line: bytes) -> None:
        if self._stdin is not None:
            with self._writing:
                self._stdin.write(line)

    def _close_stdin(self) -> None:
        if self._stdin is not None:
            # Closed while it is written to, the number might be another file's by then.
            with self._writing:
                self._stdin.close()


async def start_child(command: Sequence[str], *, output_here: bool = False, errors_here: bool = False) -> Child:
    """Start one that is told to end by `end_child`. What it prints goes to the log.

    Not by asyncio: under uvloop a process is forked, with a copy of this one's tables of memory, and everybody waits
    meanwhile: 5 ms in a small service, 35 in one of 700 MiB, each time. `Popen` on Linux shares the memory until the
    other program runs, and the interpreter's lock is held for 1 ms, whatever the size. The price is a thread for each
    child, which starts it and sees it end.

    Args:
        output_here: its standard output is for whoever starts it; all of it is kept in memory.
        errors_here: its standard error, as well.

    The pipe to its standard input tells it that this process is alive: see `when_parent_ends`. Its own session keeps a
    Ctrl-C for this process from reaching it too.

    Raises:
        OSError: no memory, process number or thread is left.
    """
    begun: asyncio.Future[Child] = asyncio.get_running_loop().create_future()
    living = threading.Thread(target=_live, args=(begun, command, output_here, errors_here), name="child", daemon=True)
    try:
        living.start()
    except RuntimeError as error:
        raise OSError(errno.EAGAIN, str(error)) from error
    try:
        return await to_the_end(begun)
    except asyncio.CancelledError:
        if begun.exception() is None:
            begun.result().kill()
        raise


def _live(begun: asyncio.Future[Child], command: Sequence[str], output_here: bool, errors_here: bool) -> None:
    try:
        child = Child(_start(command, output_here, errors_here), begun.get_loop())
    except BaseException as error:  # noqa: BLE001 - whoever waits is to hear of it
        _tell(begun, error)
        return
    if not _tell(begun, child):
        child.kill()
    child.see_it_end()


def _tell(future: asyncio.Future[Any], outcome: object) -> bool:
    """From another thread. Whether there is a loop still that hears of it."""
    tell: Callable[[Any], None] = future.set_exception if isinstance(outcome, BaseException) else future.set_result
    try:
        future.get_loop().call_soon_threadsafe(tell, outcome)
    except RuntimeError:
        return False
    return True


def _start(command: Sequence[str], output_here: bool, errors_here: bool) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE if output_here else sys.stderr,
        stderr=subprocess.PIPE if errors_here else None,
        start_new_session=True,
    )


@asynccontextmanager
async def child_for(
    command: Sequence[str], *, output_here: bool = False, errors_here: bool = False
) -> AsyncIterator[Child]:
    """See `start_child`: one whose work is for this block. If that is left before, the process is killed.

    Raises:
        OSError: no memory or no process number is left.
    """
    child = await start_child(command, output_here=output_here, errors_here=errors_here)
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
            # Shielded: it was killed, so that this takes no time, and a process that nobody waited for would stay.
            await asyncio.shield(child.wait())


def pid_of(child: Child | None) -> int | None:
    """While it runs."""
    return None if child is None or child.returncode is not None else child.pid


async def end_child(child: Child | None, patience_seconds: float) -> None:
    """Tell it to end, if it runs; kill it if it takes too long."""
    if child is None or child.returncode is not None:
        return
    child.terminate()
    try:
        await asyncio.wait_for(child.wait(), patience_seconds)
    except TimeoutError:
        child.kill()
        await child.wait()


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
