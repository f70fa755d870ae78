"""Somebody who asks whether a service is alive, again and again, as load balancers do."""

from __future__ import annotations

import math
import threading
import time
from types import TracebackType
from typing import Self

from benchmarks.processes import Process

_EVERY_SECONDS = 0.005


class Prober:
    """Asks for the length of a block.

    Waits are counted from when a request was due: a server that stalls doesn't hide the requests that would have come
    meanwhile.
    """

    def __init__(self, service: Process) -> None:
        self._connection = service.connect()
        self._thread = threading.Thread(target=self._ask)
        self._until = math.inf
        self.waits: list[float] = []
        """Seconds."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._until = time.perf_counter()
        self._thread.join()
        self._connection.close()

    def _ask(self) -> None:
        due = time.perf_counter()
        # Those that were due in time are made up for at the end: otherwise a stall would count as one slow request.
        while due <= self._until:
            time.sleep(max(0.0, due - time.perf_counter()))
            self._connection.request("GET", "/health")
            self._connection.getresponse().read()
            self.waits.append(time.perf_counter() - due)
            due += _EVERY_SECONDS
