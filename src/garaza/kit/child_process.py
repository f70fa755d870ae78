"""Processes that work for this one: how they are started and ended, and how they hear that this one has died."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import select
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from garaza.kit.waiting import in_thread

NICENESS = 10


def step_aside() -> None:
    """Have this process come after all who answer somebody."""
    with contextlib.suppress(OSError):
        os.nice(NICENESS)


class Child:
    """A process that was started, of one event loop.

    Not asyncio's: under uvloop that is forked, with a copy of this process's tables of memory, and everybody waits
    meanwhile: 5 ms in a small service, 30 in one of 700 MB, each time. `Popen` shares the memory until the other
    program runs: 1 ms, whatever the size, and most of that in a thread here. The price is a thread for each child.

    Args:
        started: not yet waited for.
    """

    def __init__(self, started: subprocess.Popen[bytes]) -> None:
        self._process = started
        # Kept from `communicate`, which would close it: see `start_child`.
        self._stdin, started.stdin = started.stdin, None
        self._writing = threading.Lock()
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self.pid = started.pid
        self.output = b""
        """What it has printed, once it has ended."""
        self.errors = b""
        """As `output`."""
        seeing = threading.Thread(target=self._see_it_end, name=f"child-{self.pid}", daemon=True)
        try:
            seeing.start()
        except RuntimeError:
            # Or it would run on, and nobody hear of its end.
            started.kill()
            started.wait()
            self._close_stdin()
            raise

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

    def _see_it_end(self) -> None:
        try:
            output, errors = self._process.communicate()
            self.output, self.errors = output or b"", errors or b""
        except BaseException:
            # No memory for what it prints, say. Whoever waits is to hear of a failure, and not of an end without one.
            self._process.kill()
            self._process.wait()
            raise
        finally:
            self._close_stdin()
            # The loop may have ended before.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._note_end)

    def _write(self, line: bytes) -> None:
        if self._stdin is not None:
            with self._writing:
                self._stdin.write(line)

    def _close_stdin(self) -> None:
        if self._stdin is not None:
            # Closed while it is written to, the number might be another file's by then.
            with self._writing:
                self._stdin.close()

    def _note_end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)


async def start_child(command: Sequence[str], *, output_here: bool = False, errors_here: bool = False) -> Child:
    """Start one that is told to end by `end_child`. What it prints goes to the log.

    Args:
        output_here: its standard output is for whoever starts it; all of it is kept in memory.
        errors_here: its standard error, as well.

    The pipe to its standard input tells it that this process is alive: see `when_parent_ends`. Its own process group
    keeps a Ctrl-C for this process from reaching it too.

    Raises:
        OSError: no memory or no process number is left.
    """
    starting = asyncio.ensure_future(asyncio.to_thread(_start, command, output_here, errors_here))
    try:
        return Child(await asyncio.shield(starting))
    except RuntimeError as error:
        # No thread is left: the system numbers them as it does processes.
        raise OSError(errno.EAGAIN, str(error)) from error
    except asyncio.CancelledError:
        await asyncio.wait([starting])
        if starting.exception() is None:
            Child(starting.result()).kill()
        raise


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
