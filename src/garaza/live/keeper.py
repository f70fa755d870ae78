"""Looks after all connections of a process, so that none of them needs a clock of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from garaza.kit.clock import Clock
from garaza.kit.waiting import ended
from garaza.live.connection import CLOSE_NOT_AUTHENTICATED, CLOSE_TOO_SLOW, Connection, Tally
from garaza.live.told import Note

logger = logging.getLogger(__name__)

LoginsThere = Callable[[list[str]], Awaitable[set[str]]]
"""Of some logins, those that haven't ended."""

_ROUND_SECONDS = 1.0
_LOGINS_SECONDS = 5.0
"""How often it is looked which logins have ended."""
_LOGINS_AT_ONCE = 500
WARNING_SECONDS = 60.0
"""So long before a token expires, a client is asked for the next one."""


class Keeper:
    """See the module.

    Args:
        beat_seconds: how often clients that want it are given a sign of life, or asked for one.
        send_seconds: how long a client may take nothing of what it is sent.
    """

    def __init__(
        self, clock: Clock, logins_there: LoginsThere, tally: Tally, *, beat_seconds: float, send_seconds: float
    ) -> None:
        self._clock = clock
        self._logins_there = logins_there
        self._tally = tally
        self._beat_seconds = beat_seconds
        self._send_seconds = send_seconds
        self._connections: set[Connection] = set()
        self._task: asyncio.Task[None] | None = None
        self._logins_at = 0.0

    def enter(self, connection: Connection) -> None:
        """Begin to look after a connection."""
        self._connections.add(connection)
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    def leave(self, connection: Connection) -> None:
        """It has ended."""
        self._connections.discard(connection)

    def end_all(self, code: int, reason: str) -> None:
        """Send everybody away, as the service stops."""
        for connection in list(self._connections):
            connection.end(code, reason)

    async def stop(self) -> None:
        """End. It begins by itself."""
        task, self._task = self._task, None
        await ended(task)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        # Little is to be done in a round, but where there are pings each second it shall not be late.
        pause = min(_ROUND_SECONDS, self._beat_seconds / 4, self._send_seconds / 4)
        while True:
            await asyncio.sleep(pause)
            now, clock = loop.time(), self._clock()
            for connection in list(self._connections):
                self._look_at(connection, now, clock)
            if now >= self._logins_at:
                self._logins_at = now + _LOGINS_SECONDS
                try:
                    await self._end_logins()
                except Exception as error:  # noqa: BLE001 - without the database they stay for a while
                    logger.debug("can't see which logins have ended: %s", type(error).__name__)

    def _look_at(self, connection: Connection, now: float, clock: float) -> None:
        if connection.sending_since and now - connection.sending_since > self._send_seconds:
            self._tally.slow += 1
            connection.end(CLOSE_TOO_SLOW, "too slow")
            return
        if connection.expires_at is not None:
            if clock >= connection.expires_at:
                connection.end(CLOSE_NOT_AUTHENTICATED, "token expired")
                return
            if not connection.warned and clock >= connection.expires_at - WARNING_SECONDS:
                connection.warned = True
                connection.feed.say(Note("expiring", {"expires_at": connection.expires_at}))
        if connection.beat is not None and now - connection.beat_at >= self._beat_seconds:
            if connection.answers and connection.heard_at < connection.beat_at:
                connection.end(CLOSE_TOO_SLOW, "no sign of life")
                return
            connection.beat_at = now
            connection.feed.say(connection.beat)

    async def _end_logins(self) -> None:
        by_login: dict[str, list[Connection]] = {}
        for connection in self._connections:
            if connection.session_id is not None:
                by_login.setdefault(connection.session_id, []).append(connection)
        ids = list(by_login)
        for start in range(0, len(ids), _LOGINS_AT_ONCE):
            some = ids[start : start + _LOGINS_AT_ONCE]
            for session_id in set(some) - await self._logins_there(some):
                for connection in by_login[session_id]:
                    connection.end(CLOSE_NOT_AUTHENTICATED, "signed out")
