"""Work on views two at a time, cancellable."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from threading import Event

from garaza.reconstruction.progress import Cancelled, Monitor

THREADS = 2
"""Each works on one view: its cost volume (some 50 MB at 480 × 360 × 96) is what bounds memory."""


class Stop:
    """Asked by work between kernels; none of them lasts longer than about half a second."""

    def __init__(self) -> None:
        self._event = Event()

    def set(self) -> None:
        self._event.set()

    def checkpoint(self) -> None:
        """Raise `Cancelled` once `set` was called."""
        if self._event.is_set():
            raise Cancelled


def for_each_view(
    count: int, work: Callable[[int, Stop], None], monitor: Monitor, start: float, end: float, message: str
) -> None:
    """Call ``work(row, stop)`` for every row in 0..count-1, at most `THREADS` at once, each writing its own results.

    Args:
        start, end: the part of the stage's progress that this is.

    Raises:
        Cancelled: from the monitor, after the work under way has ended.
    """
    stop = Stop()
    with ThreadPoolExecutor(THREADS, thread_name_prefix="depth") as pool:
        pending: set[Future[None]] = {pool.submit(work, row, stop) for row in range(count)}
        try:
            while pending:
                done, pending = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
                finished = count - len(pending)
                monitor.report(start + (end - start) * finished / count, message, finished, count)
        except BaseException:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
