"""One request at a time at each upload, and the newest goes first.

A client that lost its connection comes back at once, while the server may still wait for the next byte of the old one.
So whoever comes makes the one before give way: it keeps what has arrived and ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager


class StillBusyError(Exception):
    """The one before didn't end in time."""


class Turn:
    """The right to change an upload."""

    def __init__(self, *, unwanted: bool = False) -> None:
        self.unwanted = unwanted
        """Somebody newer wants it."""
        self.is_ending = False
        """All has arrived: there is nothing to be gained by giving way."""
        self._waiting: asyncio.Timeout | None = None

    def give_way(self) -> None:
        """Stop waiting for more."""
        self.unwanted = True
        if self._waiting is not None:
            self._waiting.reschedule(0)

    @contextmanager
    def waiting(self, timeout: asyncio.Timeout) -> Iterator[None]:
        """Inside a wait that may be cut short."""
        self._waiting = timeout
        if self.unwanted:
            timeout.reschedule(0)
        try:
            yield
        finally:
            self._waiting = None


class _Seat:
    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.turn: Turn | None = None
        self.wanted_by = 0


class Turns:
    """See the module. For one process: a lock on the file keeps others away."""

    def __init__(self, patience_seconds: float) -> None:
        self._patience = patience_seconds
        self._seats: dict[str, _Seat] = {}

    def is_ending(self, upload_id: str) -> bool:
        """Whether somebody is at the end of it, and can't be hurried."""
        seat = self._seats.get(upload_id)
        return seat is not None and seat.turn is not None and seat.turn.is_ending

    @asynccontextmanager
    async def take(self, upload_id: str) -> AsyncIterator[Turn]:
        """The turn, once whoever has it has ended.

        Raises:
            StillBusyError
        """
        seat = self._seats.setdefault(upload_id, _Seat())
        seat.wanted_by += 1
        try:
            if seat.turn is not None:
                seat.turn.give_way()
            try:
                async with asyncio.timeout(self._patience):
                    await seat.lock.acquire()
            except TimeoutError:
                raise StillBusyError from None
            try:
                # Of several who waited, the last one is the client as it is now.
                seat.turn = Turn(unwanted=seat.wanted_by > 1)
                yield seat.turn
            finally:
                seat.turn = None
                seat.lock.release()
        finally:
            seat.wanted_by -= 1
            if seat.wanted_by == 0:
                del self._seats[upload_id]
