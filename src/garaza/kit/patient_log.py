"""A log that nobody waits for.

Whoever reads a service's standard error may stop doing so: a collector of logs that hangs, a terminal with Ctrl-S. A
pipe takes 64 KB then, and the next line waits for ever, and with it, if it is the event loop's, everybody who asks.
Here a line is written at once where that can't block, which is nearly always, and else by a thread.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import stat
import threading
import time
from collections import deque
from typing import TextIO

MOST_BYTES = 4 << 20
"""That wait to be written. What comes then is lost: of what went wrong the beginning says most."""
_LAST_SECONDS = 2.0
"""That the end of a process waits for the last lines to be taken."""


def handler_for(stream: TextIO) -> logging.Handler:
    """One that nobody waits for, where the stream is one of the system's."""
    try:
        return PatientHandler(stream)
    except (OSError, ValueError):
        # Captured, or closed.
        return logging.StreamHandler(stream)


class PatientHandler(logging.Handler):
    """See the module. Lines keep their order.

    Args:
        stream: of a file descriptor. A pipe may be shared with other processes.

    Raises:
        OSError, ValueError: it has none.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._file = stream.fileno()
        # A file takes all, however long that is: asking would say no more.
        self._always = stat.S_ISREG(os.fstat(self._file).st_mode)
        self._poll = select.poll()
        self._poll.register(self._file, select.POLLOUT)
        self._news = threading.Condition()
        self._lines: deque[bytes] = deque()
        """The first one may be being written."""
        self._bytes = 0
        self._lost = 0
        self._thread: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        try:
            line = (self.format(record) + "\n").encode("utf-8", "backslashreplace")
            with self._news:
                # Whatever waits was said before.
                if self._lines or not self._written(line):
                    self._keep(line)
        except RecursionError:
            raise
        except Exception:  # noqa: BLE001 - as all handlers do: a log is no reason to fail
            self.handleError(record)

    def flush(self) -> None:
        """Wait for what waits, for a moment."""
        end = time.monotonic() + _LAST_SECONDS
        with self._news:
            while self._lines and (left := end - time.monotonic()) > 0:
                self._news.wait(left)

    def _written(self, line: bytes) -> bool:
        if not self._always and (len(line) > select.PIPE_BUF or not self._poll.poll(0)):
            return False
        try:
            return os.write(self._file, line) == len(line)
        except BlockingIOError:
            # Somebody has set it so, and has the rest of it.
            return False

    def _keep(self, line: bytes) -> None:
        if self._bytes + len(line) > MOST_BYTES:
            self._lost += 1
            return
        self._bytes += len(line)
        self._lines.append(line)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="log", daemon=True)
            self._thread.start()
        self._news.notify_all()

    def _work(self) -> None:
        while True:
            with self._news:
                while not self._lines:
                    self._news.wait()
                line = self._lines[0]
            # Whatever can't be written will be read by nobody.
            with contextlib.suppress(OSError):
                self._write(line)
            with self._news:
                self._lines.popleft()
                self._bytes -= len(line)
                if not self._lines and self._lost:
                    lost, self._lost = self._lost, 0
                    self._keep(f"{lost} lines of this log were lost, as nobody took them\n".encode())
                self._news.notify_all()

    def _write(self, line: bytes) -> None:
        while line:
            try:
                line = line[os.write(self._file, line) :]
            except BlockingIOError:
                self._poll.poll()
