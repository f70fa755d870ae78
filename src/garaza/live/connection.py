"""One client that is sent events as they come: what WebSockets and streams have in common.

While nothing happens a connection is one task, which waits for what the client says. Another one sends, as long as
there is something to send.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.websockets import WebSocketDisconnect

from garaza.accounts.principal import Principal
from garaza.errors import GarazaError
from garaza.jobs.news import Mark
from garaza.jobs.newsreader import Missed
from garaza.kit.blobs.port import StorageUnavailableError
from garaza.kit.database import DatabaseUnavailableError
from garaza.live.feed import Feed
from garaza.live.hub import Hub
from garaza.live.told import Note, Told

logger = logging.getLogger(__name__)

CLOSE_NORMAL = 1000
CLOSE_TRY_AGAIN = 1013
CLOSE_NOT_AUTHENTICATED = 4401
CLOSE_NOT_FOUND = 4404
CLOSE_TOO_SLOW = 4408
CLOSE_TOO_MANY = 4429

_CODES = {401: CLOSE_NOT_AUTHENTICATED, 404: CLOSE_NOT_FOUND, 429: CLOSE_TOO_MANY, 503: CLOSE_TRY_AGAIN}
_SILENT = {CLOSE_TRY_AGAIN, CLOSE_TOO_MANY}
"""Closed without a message: the code says it all."""

_MESSAGES = 60
_MESSAGES_SECONDS = 10.0
"""So many a client may say in so long a time."""
_GOODBYE_SECONDS = 1.0

ReadMissed = Callable[[Mark, Mark], Awaitable[Missed]]
"""Reads what has come after the one mark and up to the other."""
Heard = Callable[["Connection", str], Awaitable[None]]
"""Does what a message of the client asks for."""


class Line(Protocol):
    """How a client is reached."""

    async def receive(self) -> str | None:
        """What it says next; None: it has gone."""
        ...

    async def tell(self, told: Told) -> bool:
        """Send it, if the client wants such things. True: that was the last of it."""
        ...

    async def say(self, note: Note) -> None:
        """Send a message."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Say goodbye."""
        ...


class Tally:
    """What all connections of a process have been sent."""

    __slots__ = ("replayed", "sent", "slow")

    def __init__(self) -> None:
        self.sent = 0
        self.replayed = 0
        """Of these, read from the table."""
        self.slow = 0
        """Clients that were closed, as they took nothing for too long."""


class Connection:
    """See the module.

    Args:
        heard: what to do with a message of the client.
        beat: how the client is asked for a sign of life, where it has to give one; or is given one, where not.
    """

    __slots__ = (
        "__weakref__",
        "_deadline",
        "_ending",
        "_heard",
        "_hub",
        "_line",
        "_messages",
        "_sender",
        "_tally",
        "_window",
        "answers",
        "beat",
        "beat_at",
        "expires_at",
        "feed",
        "heard_at",
        "missed",
        "sending_since",
        "session_id",
        "warned",
    )

    def __init__(
        self,
        line: Line,
        hub: Hub,
        tally: Tally,
        *,
        heard: Heard | None = None,
        beat: Note | None = None,
        answers: bool = False,
    ) -> None:
        self._line = line
        self._hub = hub
        self._tally = tally
        self.missed: ReadMissed = _nothing
        """Reads what the feed has missed."""
        self._heard = heard
        self.beat = beat
        self.answers = answers
        """Whether the client has to say something between two beats."""
        now = asyncio.get_running_loop().time()
        self.beat_at = self.heard_at = now
        self.sending_since = 0.0
        """Since when the client has not taken what it is sent; 0: nothing is on its way."""
        self.expires_at: float | None = None
        """In Unix seconds, of the token that it came with."""
        self.warned = False
        self.session_id: str | None = None
        """The login that the token is of."""
        self.feed = Feed(self._wake)
        self._sender: asyncio.Task[None] | None = None
        self._deadline: asyncio.Timeout | None = None
        self._ending: tuple[int, str, Note | None] | None = None
        self._window = now
        self._messages = 0

    async def run(self) -> None:
        """Until the client goes, or is sent away."""
        try:
            async with asyncio.timeout(None) as self._deadline:
                if self._ending is None:
                    self._wake()
                    while (text := await self._line.receive()) is not None:
                        await self._receive(text)
        except TimeoutError:
            # Told to end, see `end`.
            pass
        except WebSocketDisconnect:
            pass
        finally:
            await self._stop_sending()
        if self._ending is not None:
            await goodbye(self._line, *self._ending)

    def refuse(self, error: GarazaError) -> None:
        """Send the client away with an error."""
        self.end(*refusal(error))

    def end(self, code: int, reason: str = "", words: Note | None = None) -> None:
        """Send the client away, as soon as may be. `words`: a last message."""
        if self._ending is None:
            self._ending = (code, reason, words)
            if self._deadline is not None and not self._deadline.expired():
                with contextlib.suppress(RuntimeError):
                    self._deadline.reschedule(asyncio.get_running_loop().time())

    def lasts_as(self, who: Principal) -> None:
        """It is somebody's, for as long as their token and their login last."""
        self.expires_at = who.token_expires_at
        self.session_id = who.session_id
        self.warned = False

    async def _receive(self, text: str) -> None:
        now = self.heard_at = asyncio.get_running_loop().time()
        if now - self._window > _MESSAGES_SECONDS:
            self._window, self._messages = now, 0
        self._messages += 1
        if self._messages > _MESSAGES:
            self.end(CLOSE_TOO_MANY, "too many messages")
        elif self._heard is not None:
            await self._heard(self, text)

    def _wake(self) -> None:
        feed = self.feed
        if self._sender is None and self._deadline is not None and (feed.queue or feed.behind is not None):
            self._sender = asyncio.create_task(self._send())

    async def _stop_sending(self) -> None:
        sender = self._sender
        # Nothing more is begun.
        self._deadline = None
        if sender is not None:
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)

    async def _send(self) -> None:
        try:
            while self._ending is None:
                if (item := self.feed.take()) is not None:
                    await self._pass_on(item)
                elif (since := self.feed.behind) is not None:
                    await self._catch_up(since)
                else:
                    break
        except GarazaError as error:
            self.refuse(error)
        except (DatabaseUnavailableError, PoolTimeoutError, StorageUnavailableError):
            # Clients come back by themselves, with the last that they have.
            self.end(CLOSE_TRY_AGAIN, "try again later")
        except (WebSocketDisconnect, OSError, RuntimeError):
            # Gone; it is noticed where it is listened to. RuntimeError is what servers say who have closed already.
            pass
        except Exception:
            logger.exception("could not tell a client")
            self.end(1011, "internal error")
        finally:
            self.sending_since = 0.0
            self._sender = None
        # What came in the very end.
        if self._ending is None:
            self._wake()

    async def _catch_up(self, since: Mark) -> None:
        """Send what the hub has read already, after what the client has."""
        until = self._hub.mark
        # From here on the hub's events come into the queue.
        self.feed.behind = None
        more = True
        while more:
            found, more = await self.missed(since, until)
            for news in found:
                since = _after(since, news.id, until)
                if not self.feed.has_seen(news.id):
                    self._tally.replayed += 1
                    await self._pass_on(Told(news, since))
                if self._ending is not None:
                    return

    async def _pass_on(self, item: Told | Note) -> None:
        self.sending_since = asyncio.get_running_loop().time()
        try:
            if isinstance(item, Note):
                await self._line.say(item)
                return
            self._tally.sent += 1
            if await self._line.tell(item):
                self.end(CLOSE_NORMAL)
        finally:
            self.sending_since = 0.0


async def _nothing(_since: Mark, _until: Mark) -> Missed:
    return [], False


def _after(since: Mark, number: int, until: Mark) -> Mark:
    """How far a client is that was somewhere, and has been sent the next event of those passed `until` then."""
    if number > since.last:
        return Mark(number, {other: at for other, at in until.missing.items() if other < number})
    awaited = {other: at for other, at in since.missing.items() if other > number or not until.has_passed(other)}
    awaited.pop(number, None)
    return Mark(since.last, awaited)


def refusal(error: GarazaError) -> tuple[int, str, Note | None]:
    """The code, the reason and the message that a connection is closed with."""
    code = _CODES.get(error.status, CLOSE_NORMAL)
    if code in _SILENT:
        return code, error.code, None
    return code, error.code, Note("error", {"reason": error.code, "message": error.detail})


async def goodbye(line: Line, code: int, reason: str, words: Note | None) -> None:
    """Close it. One that takes nothing doesn't take a goodbye either."""
    with contextlib.suppress(RuntimeError, WebSocketDisconnect, OSError, TimeoutError):
        async with asyncio.timeout(_GOODBYE_SECONDS):
            if words is not None:
                await line.say(words)
            await line.close(code, reason)
