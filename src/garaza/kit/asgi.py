"""Plain ASGI middleware: what every answer carries, and what all of it looks at.

Much of the middleware here is called by a plain function, which gives what has to be awaited: where there is nothing to
do afterwards, that is what is inside. A call that only waits for another one takes time, and half a kilobyte while a
WebSocket is open. The outermost is a coroutine function, by which servers tell what they have before them.

For the same reason there is one `Answering` for an answer, which all that want to know of it share, rather than a
function around each piece of it for each of them; and `headers_of` a request are looked through once.
"""

from __future__ import annotations

import random
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_REQUEST_ID = re.compile(rb"[0-9A-Za-z._-]{1,64}")
_ANSWERING = "garaza.answering"
_STARTS = frozenset({"http.response.start", "websocket.http.response.start"})

HeaderLines = list[tuple[bytes, bytes]]
Add = Callable[[int, HeaderLines], None]
"""Is told an answer's status and its headers so far, and adds to them."""


class Answering:
    """An answer, on its way to the server. Headers are added when it begins, by the innermost first."""

    __slots__ = ("_adding", "_send", "asked", "asked_by_name", "bytes", "line", "status")

    def __init__(self, send: Send, asked: Iterable[tuple[bytes, bytes]] = ()) -> None:
        """`asked`: the headers of its request."""
        self._send = send
        self._adding: list[Add] = []
        self.asked = asked
        self.asked_by_name = dict(asked)
        self.line: tuple[bytes, bytes] | None = None
        """A header that is added after all others."""
        self.status = 0
        """0: it hasn't begun."""
        self.bytes = 0
        """Of the body so far."""

    def add(self, add: Add) -> None:
        """Have headers added by this."""
        self._adding.append(add)

    def send(self, message: Message) -> Awaitable[None]:
        """Instead of the server's."""
        kind = message["type"]
        if kind == "http.response.body":
            self.bytes += len(message.get("body", b""))
        elif kind in _STARTS:
            self.status = status = message["status"]
            headers = message["headers"] = list(message.get("headers", ()))
            for add in reversed(self._adding):
                add(status, headers)
            # They know the request, which knows this: nobody but the garbage collector would take them away.
            self._adding.clear()
            if self.line is not None:
                headers.append(self.line)
        return self._send(message)


class AnswerHeaders:
    """Adds a request id: the client's own, if it has a plain one. And before that, at once, what the middleware inside
    wants to be added: see `answering`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = scope[_ANSWERING] = Answering(send, scope["headers"])
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        answer.line = (b"x-request-id", request_id.encode("ascii"))
        try:
            await self._app(scope, receive, answer.send)
        finally:
            # The server's `send` knows the scope. What knows itself stays until the garbage collector comes.
            del scope[_ANSWERING]


def answering(scope: Scope, send: Send) -> tuple[Answering, Send]:
    """The answer to a request, and what to send with.

    Inside `AnswerHeaders` that is `send` itself, and the answer is everybody's. Elsewhere it is the caller's alone.
    """
    shared: Answering | None = scope.get(_ANSWERING)
    if shared is not None:
        return shared, send
    own = Answering(send)
    return own, own.send


def adding_headers(scope: Scope, send: Send, add: Add) -> Send:
    """What to send with, for middleware that adds headers when an answer begins."""
    answer, send = answering(scope, send)
    answer.add(add)
    return send


async def nothing() -> None:
    """For a plain function that sends nothing yet."""


def headers_of(scope: Scope) -> Mapping[bytes, bytes]:
    """A request's headers by name; of several lines of one name the last one: see `lines_of`."""
    answer: Answering | None = scope.get(_ANSWERING)
    # Middleware may have put others in their place.
    if answer is None or answer.asked is not scope["headers"]:
        return dict(scope["headers"])
    return answer.asked_by_name


def lines_of(scope: Scope, name: bytes) -> list[bytes]:
    """What a request says by one name, in each of its lines."""
    by_name = headers_of(scope)
    if name not in by_name:
        return []
    lines = scope["headers"]
    return [by_name[name]] if len(by_name) == len(lines) else [value for other, value in lines if other == name]


def has_body(scope: Scope) -> bool:
    """Whether a request says that it has one."""
    if b"transfer-encoding" in headers_of(scope):
        return True
    return any(length != b"0" for length in lines_of(scope, b"content-length"))


def _request_id(scope: Scope) -> str:
    for value in lines_of(scope, b"x-request-id"):
        if _REQUEST_ID.fullmatch(value):
            return value.decode("ascii")
    # It has to be another one each time, and may be guessed: so the system isn't asked for it.
    return f"{random.getrandbits(64):016x}"
