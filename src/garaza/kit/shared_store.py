"""A Redis or Valkey that several processes use together, and that may go away at any time."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Sequence
from typing import Any

from garaza.kit.backoff import backoff
from garaza.kit.clock import Clock

MAX_CONNECTIONS = 32
PATIENCE_SECONDS = 0.25
"""What one call may take, connecting included. Nothing that is done here is worth more."""
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 15.0

logger = logging.getLogger(__name__)


class Script:
    """A Lua script, which runs there as one step."""

    __slots__ = ("sha", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class SharedStore:
    """Runs scripts, one round trip each. After a failure it is left alone for a while, so that its absence is paid for
    once in a while by one caller and not by all.

    Opens nothing before it is used; can be used again after `close`.
    """

    def __init__(
        self,
        url: str,
        *,
        patience: float = PATIENCE_SECONDS,
        clock: Clock = time.monotonic,
        what: str = "the shared store of limits",
        without: str = "each process counts by itself",
    ) -> None:
        """`url`: redis://:password@host:6379/0. `what` it is and how it goes on `without` are said in the log."""
        self._url = url
        self._what = what
        self._without = without
        self._patience = patience
        self._clock = clock
        self._client: Any = None
        self._failures = 0
        self._away_until = 0.0
        self._asking = False
        self.fallbacks = 0
        """Calls that went without it."""

    @property
    def is_away(self) -> bool:
        """Whether the last that was heard of it is that it can't be used."""
        return self._failures > 0

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any | None:
        """What the script returns; None if the store can't be used now. A script must not return nil."""
        if self._failures:
            # One at a time finds out whether it is back.
            if self._asking or self._clock() < self._away_until:
                self.fallbacks += 1
                return None
            self._asking = True
            try:
                return await self._try(script, keys, arguments)
            finally:
                self._asking = False
        return await self._try(script, keys, arguments)

    async def _try(self, script: Script, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any | None:
        from redis.exceptions import NoScriptError, RedisError  # noqa: PLC0415 - an extra

        client = self._client = self._client or self._connect()
        try:
            async with asyncio.timeout(self._patience):
                try:
                    answer = await client.evalsha(script.sha, len(keys), *keys, *arguments)
                except NoScriptError:
                    answer = await client.eval(script.text, len(keys), *keys, *arguments)
        except (RedisError, OSError, TimeoutError) as error:
            self._note_failure(error)
            self.fallbacks += 1
            return None
        if self._failures:
            logger.warning("%s is back", self._what)
            self._failures = 0
        return answer

    def _note_failure(self, error: Exception) -> None:
        now = self._clock()
        if not self._failures:
            # Never the address: it may have a password in it.
            text = str(error) if isinstance(error, OSError) and error.errno else type(error).__name__
            logger.warning("%s can't be used (%s); %s", self._what, text, self._without)
        # Those who asked at the same time failed together.
        elif now < self._away_until:
            return
        self._failures += 1
        self._away_until = now + backoff(self._failures, _FIRST_PAUSE, _LONGEST_PAUSE)

    def _connect(self) -> Any:
        from redis.asyncio import BlockingConnectionPool, Redis  # noqa: PLC0415 - an extra
        from redis.asyncio.retry import Retry  # noqa: PLC0415
        from redis.backoff import NoBackoff  # noqa: PLC0415

        pool = BlockingConnectionPool.from_url(
            self._url,
            max_connections=MAX_CONNECTIONS,
            timeout=self._patience,
            retry=Retry(NoBackoff(), 0),
        )
        return Redis.from_pool(pool)

    async def close(self) -> None:
        """Give its connections back."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()
