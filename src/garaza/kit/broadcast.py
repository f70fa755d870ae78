"""Telling other processes at once that there may be something new, over a channel of a Redis or Valkey.

What it is, they look up where it is kept. So nothing hangs on a message: one that is lost, as the store is away, is
made up for by `kit.changes`, which goes on beside it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any, Self

from garaza.kit.backoff import backoff
from garaza.kit.changes import Changes
from garaza.kit.waiting import ended, first_of

logger = logging.getLogger(__name__)

_PATIENCE_SECONDS = 1.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0
_SILENCE_SECONDS = 15.0
"""After which it is asked whether the store is still there."""


class Broadcaster:
    """Tells. Opens nothing before it is used.

    What comes while a message is on its way is one more message, however much it is: nobody waits, nothing piles up.
    """

    def __init__(self, url: str, channel: str) -> None:
        self._url = url
        self._channel = channel
        self._client: Any = None
        self._task: asyncio.Task[None] | None = None
        self._again = False
        self._failures = 0
        self._pause: asyncio.TimerHandle | None = None

    def tell(self) -> None:
        """There is something new. To be called in an event loop, after the commit; returns at once."""
        self._again = True
        if self._task is None and self._pause is None:
            self._begin()

    def _begin(self) -> None:
        self._pause = None
        if self._again:
            self._task = asyncio.get_running_loop().create_task(self._publish())

    async def _publish(self) -> None:
        from redis.exceptions import RedisError  # noqa: PLC0415 - an extra

        loop = asyncio.get_running_loop()
        try:
            while self._again:
                self._again = False
                client = self._client = self._client or _connect(self._url)
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await client.publish(self._channel, b"")
                self._failures = 0
        except (RedisError, OSError, TimeoutError) as error:
            self._failures += 1
            # What is told meanwhile is told then.
            self._pause = loop.call_later(backoff(self._failures, _FIRST_PAUSE, _LONGEST_PAUSE), self._begin)
            if self._failures == 1:
                # Never the address: it may have a password in it.
                logger.warning("can't tell other processes at once of what is new: %s", type(error).__name__)
        finally:
            self._task = None

    async def close(self) -> None:
        """Give its connection back."""
        if self._pause is not None:
            self._pause.cancel()
        if self._task is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


class BroadcastChanges(Changes):
    """Hears what is told on a channel."""

    def __init__(self, url: str, channel: str) -> None:
        super().__init__()
        self._url = url
        self._channel = channel
        self._task: asyncio.Task[None] | None = None
        self.is_up = False
        """Whether it would be heard now."""

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._keep_listening())
        return self

    async def __aexit__(self, *failure: object) -> None:
        await ended(self._task)

    async def _keep_listening(self) -> None:
        from redis.exceptions import RedisError  # noqa: PLC0415 - an extra

        failures = 0
        while True:
            try:
                await self._listen()
            except (RedisError, OSError, TimeoutError) as error:
                failures = 1 if self.is_up else failures + 1
                if failures == 1:
                    logger.warning("can't be told at once of what is new: %s", type(error).__name__)
            finally:
                self.is_up = False
            await asyncio.sleep(backoff(max(failures, 1), _FIRST_PAUSE, _LONGEST_PAUSE))

    async def _listen(self) -> None:
        client = _connect(self._url)
        try:
            async with client.pubsub() as channel:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await channel.subscribe(self._channel)
                while True:
                    heard = await channel.get_message(timeout=_SILENCE_SECONDS)
                    if heard is None:
                        async with asyncio.timeout(_PATIENCE_SECONDS):
                            await channel.ping()
                    elif heard["type"] in {"subscribe", "message"}:
                        self.is_up = True
                        # Of what came before it was subscribed to, nobody has told.
                        self._tell()
        finally:
            await client.aclose()


class AnyOf(Changes):
    """Whatever one of several hears."""

    def __init__(self, sources: Sequence[Changes]) -> None:
        super().__init__()
        self._sources = sources
        self._entered = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for source in self._sources:
            await self._entered.enter_async_context(source)
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self._entered.aclose()

    def mark(self) -> int:
        """See `Changes`."""
        return sum(source.mark() for source in self._sources)

    async def wait(self, mark: int, timeout: float) -> None:  # noqa: ASYNC109
        """See `Changes`."""
        if self.mark() == mark:
            await first_of(*(source.wait(source.mark(), timeout) for source in self._sources))


def _connect(url: str) -> Any:
    from redis.asyncio import Redis  # noqa: PLC0415 - an extra
    from redis.asyncio.retry import Retry  # noqa: PLC0415
    from redis.backoff import NoBackoff  # noqa: PLC0415

    return Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_connect_timeout=_PATIENCE_SECONDS)
