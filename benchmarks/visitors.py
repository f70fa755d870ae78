"""Many clients at once, in one process, each with a connection of its own that it keeps."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

_PATIENCE_SECONDS = 60.0
_SECONDS_BETWEEN = 1.0
"""From an answer to the next request, on average."""
_HURRY = 1.5
"""How much longer a second try waits than the answer asked for, at most: they are not to come all at once."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Something to ask for."""

    name: str
    weight: float
    request: bytes


@dataclass(slots=True)
class Tally:
    """What became of the requests."""

    seconds: list[float] = field(default_factory=list)
    """Until the last byte, of those that were answered as they should be."""
    statuses: dict[str, int] = field(default_factory=dict)
    """By "wish status", the word "busy" for a 503 that says when to come back, "lost" for no answer."""
    bytes: int = 0

    def add(self, wish: str, status: str) -> None:
        """One more."""
        key = f"{wish} {status}"
        self.statuses[key] = self.statuses.get(key, 0) + 1

    def count(self, *statuses: str) -> int:
        """How many ended like that."""
        return sum(count for key, count in self.statuses.items() if key.rsplit(" ", 1)[1] in statuses)


async def visit(port: int, wishes: Sequence[Sequence[Wish]], seconds: float) -> Tally:
    """A visitor for each of `wishes`, asking for one of them after the other, by weight, until the time is over."""
    tally, until = Tally(), time.perf_counter() + seconds
    await asyncio.gather(*(_visitor(port, own, until, tally, number) for number, own in enumerate(wishes)))
    return tally


async def _visitor(port: int, wishes: Sequence[Wish], until: float, tally: Tally, number: int) -> None:
    dice = random.Random(number)
    weights = [wish.weight for wish in wishes]
    # Not all in the same instant: they are people.
    await asyncio.sleep(dice.uniform(0, _SECONDS_BETWEEN))
    connection = _Connection(port)
    while time.perf_counter() < until:
        (wish,) = dice.choices(wishes, weights)
        began, pause = time.perf_counter(), dice.expovariate(1 / _SECONDS_BETWEEN)
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                answer = await connection.ask(wish.request)
        except (OSError, EOFError, TimeoutError, asyncio.IncompleteReadError):
            tally.add(wish.name, "lost")
            connection.close()
        else:
            busy = answer.status == 503 and answer.retry_after is not None
            tally.add(wish.name, "busy" if busy else str(answer.status))
            tally.bytes += answer.size
            if busy:
                pause = dice.uniform(1, _HURRY) * (answer.retry_after or 0)
            else:
                tally.seconds.append(time.perf_counter() - began)
        await asyncio.sleep(min(pause, max(0.0, until - time.perf_counter())))
    connection.close()


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    retry_after: float | None
    size: int


class _Connection:
    """The least that HTTP/1.1 needs: a client that parsed more would be what is measured."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    def close(self) -> None:
        if self._streams is not None:
            with contextlib.suppress(OSError):
                self._streams[1].close()
        self._streams = None

    async def ask(self, request: bytes) -> _Answer:
        if self._streams is not None:
            try:
                return await self._answer(*self._streams, request)
            except (ConnectionError, asyncio.IncompleteReadError) as error:
                # The server may have closed it since the last answer; then it has not seen this.
                self.close()
                if getattr(error, "partial", b""):
                    raise
        self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        return await self._answer(*self._streams, request)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> _Answer:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        names = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
        size = 0
        if status != 304:
            if names.get(b"transfer-encoding") == b"chunked":
                size = await _chunks(reader)
            else:
                size = int(names.get(b"content-length", b"0"))
                await reader.readexactly(size)
        if names.get(b"connection") == b"close":
            self.close()
        after = names.get(b"retry-after")
        return _Answer(status, None if after is None else float(after), len(head) + size)


async def _chunks(reader: asyncio.StreamReader) -> int:
    size = 0
    while length := int(await reader.readuntil(b"\r\n"), 16):
        await reader.readexactly(length + 2)
        size += length
    await reader.readexactly(2)
    return size
