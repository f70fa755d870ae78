"""A reconstruction in a process of its own, so that it can be stopped at once and can take nobody with it.

Native code (feature matching, ray tracing, decimation) can't be interrupted from Python and may, on a hostile video,
crash or be killed for memory. In a child process both become ordinary errors.
"""

from __future__ import annotations

import contextlib
import errno
import multiprocessing
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from garaza.reconstruction.failures import EngineCrashed, ReconstructionFailure, failure_from_reason
from garaza.reconstruction.options import Options
from garaza.reconstruction.partial import partial_folder
from garaza.reconstruction.progress import Cancelled, Monitor, Progress

if TYPE_CHECKING:
    from garaza.reconstruction.result import Result

Work = Callable[[Path, Path, Options, Monitor, Path | None], "Result"]

_POLL_SECONDS = 0.1
_GRACE_SECONDS = 1.0
"""How long a cancelled child may take to stop by itself before it is killed."""
_DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
"""What the disk has to say to whoever owns it; other errors of the system are crashes."""


def reconstruct_isolated(
    source: Path,
    out: Path,
    options: Options,
    on_progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    work: Work | None = None,
    checkpoints: Path | None = None,
    on_log: Callable[[str], None] | None = None,
) -> Result:
    """`pipeline.reconstruct`, or other `work`, in a child process; same arguments, result and errors.

    Cancelling takes `_GRACE_SECONDS` at most, whatever the child is doing. If this process dies, however, the child
    ends too. Its whole process group goes with it, so helpers of an engine are not left behind. What it leaves in
    `checkpoints` stays there however it ends.

    Args:
        on_progress, on_log: see `Monitor`; called from the caller's thread.

    Raises:
        EngineCrashed: the child died of a signal, or of an error that is no `ReconstructionFailure`.
        OSError: the disk is full, or can't be written to.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=_child, args=(work, theirs, source, out, options, checkpoints), daemon=False)
    # Until the child is in a process group of its own and deaf to Ctrl-C, one for this terminal would end it with a
    # traceback while it is still importing. A blocked signal stays blocked in a child; the helper that `start` would
    # start first, however, unblocks it here.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        child.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    theirs.close()
    try:
        return _follow(child, ours, out, _Caller(on_progress, on_log, cancelled))
    finally:
        _end(child)
        ours.close()
        shutil.rmtree(partial_folder(out.absolute(), child.pid or 0), ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _Caller:
    """Who waits for the result."""

    on_progress: Callable[[Progress], None] | None
    on_log: Callable[[str], None] | None
    cancelled: Callable[[], bool] | None

    def wants_no_more(self) -> bool:
        return self.cancelled is not None and self.cancelled()

    def hear(self, message: Progress | str) -> None:
        """A report, or a line for the log."""
        if isinstance(message, str):
            if self.on_log is not None:
                self.on_log(message)
        elif self.on_progress is not None:
            self.on_progress(message)


def _follow(child: SpawnProcess, pipe: Connection, out: Path, caller: _Caller) -> Result:
    asked_to_stop_at: float | None = None
    while True:
        if asked_to_stop_at is None and caller.wants_no_more():
            asked_to_stop_at = time.monotonic()
            with contextlib.suppress(OSError):
                pipe.send("cancel")
        if asked_to_stop_at is not None and time.monotonic() - asked_to_stop_at > _GRACE_SECONDS:
            raise Cancelled
        if not pipe.poll(_POLL_SECONDS):
            continue
        try:
            message = pipe.recv()
        except (EOFError, ConnectionError):
            child.join(_GRACE_SECONDS)
            if caller.wants_no_more():
                # Whoever ends all processes of a service at once means the same by it.
                raise Cancelled from None
            raise EngineCrashed(exit_code=child.exitcode if child.exitcode is not None else "unknown") from None
        if not isinstance(message, Progress | str):
            return _outcome(message, out)
        if asked_to_stop_at is None:
            caller.hear(message)


def _outcome(message: tuple[Any, ...], out: Path) -> Result:
    match message:
        case ("result",):
            from garaza.reconstruction.result import Result  # noqa: PLC0415 - brings decoders along, so not before

            return Result.read(out)
        case ("failure", reason, details):
            raise failure_from_reason(reason, details)
        case ("exists", text):
            raise FileExistsError(text)
        case ("disk", number, file):
            raise OSError(number, os.strerror(number), file)
        case _:
            raise Cancelled


def _end(child: SpawnProcess) -> None:
    """Kill what is left of the child's process group, then reap it."""
    child.join(0.2)
    if child.pid is not None:
        # The group outlives its leader when an engine's helper is still running.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
    if child.is_alive():
        child.kill()
    child.join()


def _child(
    work: Work | None,
    pipe: Connection,
    source: Path,
    out: Path,
    options: Options,
    checkpoints: Path | None,
) -> None:
    os.setpgid(0, 0)
    # Ctrl-C reaches the whole terminal; the parent decides what it means and says so over the pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stop = threading.Event()
    threading.Thread(target=_watch_parent, args=(pipe, stop), daemon=True).start()
    monitor = Monitor(on_progress=pipe.send, cancelled=stop.is_set, on_log=pipe.send)
    if work is None:
        # Only here: whoever watches does without the numerical libraries, and without the time that loading them takes.
        from garaza.reconstruction.pipeline import reconstruct  # noqa: PLC0415

        work = reconstruct
    try:
        work(source, out, options, monitor, checkpoints)
    except Cancelled:
        _tell(pipe, ("cancelled",))
    except ReconstructionFailure as failure:
        _tell(pipe, ("failure", failure.reason, failure.details))
    except FileExistsError as error:
        _tell(pipe, ("exists", str(error)))
    except OSError as error:
        if error.errno not in _DISK_ERRORS:
            raise
        _tell(pipe, ("disk", error.errno, error.filename))
    else:
        _tell(pipe, ("result",))


def _tell(pipe: Connection, message: tuple[object, ...]) -> None:
    with contextlib.suppress(OSError):
        pipe.send(message)


def _watch_parent(pipe: Connection, stop: threading.Event) -> None:
    try:
        pipe.recv()
    except (EOFError, OSError):
        # The parent is gone: nobody will kill this process if it does not stop by itself.
        stop.set()
        time.sleep(_GRACE_SECONDS)
        os.killpg(0, signal.SIGKILL)
    stop.set()
