"""What is known of the request that this code runs for: who it is for logs, and what it has cost so far."""

from __future__ import annotations

import time
from contextvars import ContextVar


class CurrentRequest:
    """Of one request; times in seconds. Whoever spends time for it adds it here, from whatever task or thread."""

    __slots__ = (
        "answered",
        "began",
        "cache",
        "database",
        "parts",
        "queries",
        "received",
        "request_id",
        "sent",
        "status",
        "trace_id",
        "waited",
    )

    def __init__(self, request_id: str | None = None, trace_id: str | None = None) -> None:
        self.request_id = request_id
        self.trace_id = trace_id
        """32 hexadecimal letters, where the request belongs to a trace."""
        self.began = time.perf_counter()
        self.answered = 0.0
        """When the answer began; 0: it hasn't."""
        self.status = 0
        self.database = 0.0
        """Waiting for connections and statements, and for what is written to be committed."""
        self.queries = 0
        self.cache = 0.0
        self.parts: dict[str, float] | None = None
        """Of what was computed, where somebody says what that was: by a name of letters and digits."""
        self.waited = 0.0
        """For the client to send its body."""
        self.received = 0
        """Bytes of bodies."""
        self.sent = 0

    @property
    def working(self) -> float:
        """From the request to the beginning of its answer, but for waiting for the client."""
        return (self.answered or time.perf_counter()) - self.began - self.waited


current_request: ContextVar[CurrentRequest | None] = ContextVar("current_request", default=None)
"""None: this isn't done for a request."""


def spend_on_database(began: float) -> None:
    """Note that the time since `began` (of `time.perf_counter`) went into the database, which was no statement."""
    request = current_request.get()
    if request is not None:
        request.database += time.perf_counter() - began
