"""An end to what takes too long, as ASGI middleware."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from garaza.kit.asgi import has_body, nothing

logger = logging.getLogger(__name__)

Choose = Callable[[Scope], float | None]
"""Seconds that a request may take; None: as long as it likes."""


class AnswerCutShortError(Exception):
    """An answer that had begun wasn't finished in time. The server cuts the connection, so that the client doesn't take
    the part for the whole.
    """


class Timeouts:
    """Cancels the work on a request when its time is up.

    On the clock is the work, until the answer begins, and between its pieces; not how slowly the client takes what it
    is sent, which the transport has to bound. The body has to come within the same time, and a client that stops
    sending it is answered sooner.
    """

    def __init__(
        self,
        app: ASGIApp,
        choose: Choose,
        body_idle_seconds: float,
        late: ASGIApp,
        stalled: ASGIApp,
        happened: Counter[str],
    ) -> None:
        """
        Args:
            body_idle_seconds: how long nothing of a body may come.
            late: answers when the work has taken too long.
            stalled: answers when it was the body that took too long.
            happened: where it is counted, as "late", "cut" and "stalled".
        """
        self._app = app
        self._choose = choose
        self._body_idle_seconds = body_idle_seconds
        self._late = late
        self._stalled = stalled
        self._happened = happened

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        seconds = self._choose(scope) if scope["type"] == "http" else None
        if seconds is None:
            return self._app(scope, receive, send)
        return self._within(seconds, scope, receive, send)

    async def _within(self, seconds: float, scope: Scope, receive: Receive, send: Send) -> None:
        watched = _Watched(receive, send, seconds, self._body_idle_seconds, coming=has_body(scope))
        deadline = watched.deadline
        try:
            await self._app(scope, watched.receive if watched.coming else receive, watched.send)
        except BaseException as error:
            if not deadline.ended(error):
                raise
            if not isinstance(error, asyncio.CancelledError):
                logger.debug("cancelled work ended in another error", exc_info=True)
        else:
            deadline.ended(None)
        if deadline.expired:
            await self._end(watched, scope, receive, send)

    async def _end(self, watched: _Watched, scope: Scope, receive: Receive, send: Send) -> None:
        self._happened["cut" if watched.started else "stalled" if watched.waits_for_body else "late"] += 1
        if watched.started:
            logger.warning("an answer took too long and was cut short")
            raise AnswerCutShortError
        await (self._stalled if watched.waits_for_body else self._late)(scope, receive, send)


class _Deadline:
    """`asyncio.timeout` for the task that makes it, from now on, without what isn't needed here: that is half of what
    it costs, for every request.
    """

    __slots__ = ("_cancelling", "_handle", "_loop", "_task", "expired")

    def __init__(self, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None, "requests are tasks"
        self._task = task
        self._cancelling = task.cancelling()
        self._handle: asyncio.TimerHandle | None = self._loop.call_later(seconds, self._expire)
        self.expired = False

    def _expire(self) -> None:
        self.expired, self._handle = True, None
        self._task.cancel()

    def put_off(self, seconds: float | None) -> None:
        """So many seconds from now; None: there is none."""
        if self._handle is not None:
            self._handle.cancel()
        self._handle = None if seconds is None else self._loop.call_later(seconds, self._expire)

    def ended(self, error: BaseException | None) -> bool:
        """The work has: call it once. Whether its error is no more than a consequence of the deadline."""
        if not self.expired:
            self.put_off(None)
            return False
        # Another one wants the task to end, too.
        others = self._task.uncancel() > self._cancelling
        return isinstance(error, Exception) or (isinstance(error, asyncio.CancelledError) and not others)


class _Watched:
    """What comes and goes on one request, and the moment at which its work is cancelled."""

    __slots__ = (
        "_body_idle_seconds",
        "_receive",
        "_seconds",
        "_send",
        "coming",
        "deadline",
        "started",
        "waits_for_body",
    )

    def __init__(self, receive: Receive, send: Send, seconds: float, body_idle_seconds: float, *, coming: bool) -> None:
        self._receive = receive
        self._send = send
        self._seconds = seconds
        self._body_idle_seconds = body_idle_seconds
        self.deadline = _Deadline(seconds)
        self.coming = coming
        """Whether more of a body is expected."""
        self.started = False
        self.waits_for_body = False
        """When time is up: whose fault it is."""

    def send(self, message: Message) -> Awaitable[None]:
        if self.deadline.expired:
            # From whoever was cancelled, and tidies up: it is too late for it.
            return nothing()
        self.started = True
        if message["type"] == "http.response.body":
            self.deadline.put_off(None)
            if message.get("more_body", False):
                return self._send_part(message)
        return self._send(message)

    async def _send_part(self, message: Message) -> None:
        await self._send(message)
        self.deadline.put_off(self._seconds)

    async def receive(self) -> Message:
        # Later on it is only waited for the client to go.
        if self.started or not self.coming:
            return await self._receive()
        self.waits_for_body = True
        try:
            async with asyncio.timeout(self._body_idle_seconds):
                message = await self._receive()
        except TimeoutError:
            self.deadline.put_off(0)
            # Not raised here: routes may take it for something else. The cancellation comes right now.
            await asyncio.Event().wait()
            raise
        self.waits_for_body = False
        self.coming = bool(message.get("more_body", False))
        return message
