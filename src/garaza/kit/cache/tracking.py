"""Hearing from a Redis or Valkey what other processes have outdated.

One connection, which the server tells of keys that change (CLIENT TRACKING in its broadcasting mode, by RESP3's push
messages). It is asked for a sign of life whenever it has been silent: what is heard of too late is bounded by that.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from garaza.kit.backoff import backoff
from garaza.kit.waiting import ended

SILENCE_SECONDS = 1.0
"""After so long it is asked whether it is still there; after as long again without an answer, it isn't."""
_CONNECT_SECONDS = 2.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0

logger = logging.getLogger(__name__)


class Tracker:
    """Follows keys that begin with a prefix.

    Args:
        url: redis://:password@host:6379/0.
        heard: called with what comes after the prefix, for each key that was changed; with None for all at once.
        back: called before the first thing is heard over a new connection; what was told before may have been missed.
            With whether there had been one before. Not connected if it fails.
    """

    def __init__(
        self,
        url: str,
        prefix: str,
        heard: Callable[[list[str] | None], None],
        back: Callable[[bool], Awaitable[bool]],
    ) -> None:
        self._url = url
        self._prefix = prefix
        self._heard = heard
        self._back = back
        self._task: asyncio.Task[None] | None = None
        self.is_up = False
        """Whether all that others outdate is heard of."""

    def start(self) -> None:
        """Begin, in a task of the running loop."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End."""
        task, self._task = self._task, None
        await ended(task)

    async def _run(self) -> None:
        from redis.exceptions import RedisError  # noqa: PLC0415 - an extra

        failures, connected_before = 0, False
        while True:
            connection = self._make_connection()
            try:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    await self._begin(connection)
                    ready = await self._back(connected_before)
                if ready:
                    self.is_up, failures, connected_before = True, 0, True
                    await self._listen(connection)
            except (RedisError, OSError, TimeoutError) as error:
                if self.is_up:
                    logger.warning("not told any more of what other processes change: %s", type(error).__name__)
            finally:
                self.is_up = False
                with contextlib.suppress(RedisError, OSError):
                    await connection.disconnect(nowait=True)
            failures += 1
            await asyncio.sleep(backoff(failures, _FIRST_PAUSE, _LONGEST_PAUSE))

    def _make_connection(self) -> Any:
        from redis.asyncio import ConnectionPool  # noqa: PLC0415 - an extra
        from redis.asyncio.retry import Retry  # noqa: PLC0415
        from redis.backoff import NoBackoff  # noqa: PLC0415

        pool: Any = ConnectionPool.from_url(self._url, protocol=3, retry=Retry(NoBackoff(), 0))
        return pool.make_connection()

    async def _begin(self, connection: Any) -> None:
        await connection.connect()
        # The client has this for its own cache, which is for its synchronous half only.
        connection._parser.set_invalidation_push_handler(self._note)  # noqa: SLF001
        await connection.send_command("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", self._prefix)
        await connection.read_response()

    async def _listen(self, connection: Any) -> None:
        asked = False
        while True:
            answer = await connection.read_response(timeout=SILENCE_SECONDS, push_request=True)
            if answer is not None:
                asked = False
            elif asked:
                raise TimeoutError
            else:
                await connection.send_command("PING", check_health=False)
                asked = True

    async def _note(self, message: Any) -> Any:
        keys = message[1]
        # Nothing is said of which keys went when all did.
        names = None if keys is None else [_text(key).removeprefix(self._prefix) for key in keys]
        self._heard(names)
        return message


def _text(key: bytes | str) -> str:
    return key.decode("utf-8", "replace") if isinstance(key, bytes) else key
