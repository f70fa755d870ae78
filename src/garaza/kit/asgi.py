"""Plain ASGI middleware: what every answer carries.

Much of the middleware here is called by a plain function, which gives what has to be awaited: where there is nothing to
do afterwards, that is what is inside. A call that only waits for another one takes time, and half a kilobyte while a
WebSocket is open. The outermost is a coroutine function, by which servers tell what they have before them.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_REQUEST_ID = re.compile(rb"[0-9A-Za-z._-]{1,64}")
_HEADS = "garaza.heads"
_STARTS = frozenset({"http.response.start", "websocket.http.response.start"})

HeaderLines = list[tuple[bytes, bytes]]
Add = Callable[[int, HeaderLines], None]
"""Is told an answer's status and its headers so far, and adds to them."""


class AnswerHeaders:
    """Adds a request id: the client's own, if it has a plain one. And before that, at once, what the middleware inside
    wants to be added: see `adding_headers`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        line = request_id.encode("ascii")
        adding: list[Add] = []
        scope[_HEADS] = adding

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"] = list(message.get("headers", ()))
                # The innermost came last.
                for add in reversed(adding):
                    add(message["status"], headers)
                headers.append((b"x-request-id", line))
            await send(message)

        await self._app(scope, receive, send_with_headers)


def adding_headers(scope: Scope, send: Send, add: Add) -> Send:
    """What to send with, for middleware that adds headers when an answer begins.

    Inside `AnswerHeaders` that is `send` itself: a function around it for each such middleware, which sees every piece
    of every answer, costs more than what they add.
    """
    adding: list[Add] | None = scope.get(_HEADS)
    if adding is not None:
        adding.append(add)
        return send

    async def send_with_headers(message: Message) -> None:
        if message["type"] in _STARTS:
            headers = message["headers"] = list(message.get("headers", ()))
            add(message["status"], headers)
        await send(message)

    return send_with_headers


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return str(value.decode("ascii"))
    # It has to be another one each time, and may be guessed: so the system isn't asked for it.
    return f"{random.getrandbits(64):016x}"
