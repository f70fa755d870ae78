"""Plain ASGI middleware that knows what each request costs, and tells: the client, the log, the figures, the trace."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Token
from typing import Any, Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from garaza.kit.asgi import HeaderLines, answering
from garaza.kit.current_request import CurrentRequest, current_request
from garaza.kit.traffic import Traffic, route_of

CLIENT_GONE = 499
"""What is noted as the status of a request that its client left before there was an answer."""
_NOT_MODIFIED = 304
_FAILED = 500
_CLOSED_ABNORMALLY = 1006

Told = Callable[[Scope, str, CurrentRequest, float], None]
"""Called when a request has ended, with its route and the seconds that it took in all."""


class Spans(Protocol):
    """Makes a span of each request."""

    def begin(self, scope: Scope, request: CurrentRequest) -> Any:
        """Begin the span of a request, and make it the current one; gives what `end` needs."""
        ...

    def end(self, span: Any, scope: Scope, route: str, request: CurrentRequest, error: BaseException | None) -> None:
        """The request has ended."""
        ...


class Watching:
    """Watches each request and WebSocket.

    Args:
        traffic: counts them.
        told: hears of the end of each.
        server_timing: whether clients are told what took how long.
        private: beginnings of paths of which no more than the whole time is told. How long a database was asked, apart
            from the hashing of a password, would tell whether there is such an account.
        spans: makes a trace of them.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        traffic: Traffic,
        told: Told,
        server_timing: bool = True,
        private: Sequence[str] = (),
        spans: Spans | None = None,
    ) -> None:
        self._app = app
        self._traffic = traffic
        self._told = told
        self._server_timing = server_timing
        self._private = tuple(private)
        self._spans = spans

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """See the class."""
        match scope["type"]:
            case "http":
                return self._request(scope, receive, send)
            case "websocket":
                return self._socket(scope, receive, send)
            case _:
                return self._app(scope, receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = CurrentRequest(scope.get("state", {}).get("request_id"))
        clock = time.perf_counter

        async def noting_receive() -> Message:
            before = clock()
            message = await receive()
            # Later it is only listened for whether the client goes away.
            if not request.answered:
                request.waited += clock() - before
            if body := message.get("body"):
                request.received += len(body)
            return message

        def begun(status: int, headers: HeaderLines) -> None:
            request.answered = clock()
            request.status = status
            if status != _NOT_MODIFIED:
                # Caches would keep it with what they have, as if that had taken so long.
                self._add_times(scope["path"], headers, request)

        answer, send = answering(scope, send)
        answer.add(begun)
        token: Token[CurrentRequest | None] = current_request.set(request)
        span = self._spans.begin(scope, request) if self._spans is not None else None
        self._traffic.in_flight += 1
        failure: BaseException | None = None
        try:
            await self._app(scope, noting_receive, send)
        except BaseException as error:
            failure = error
            raise
        finally:
            self._traffic.in_flight -= 1
            request.sent = answer.bytes
            if not request.status:
                request.status = _FAILED if isinstance(failure, Exception) else CLIENT_GONE
            route = route_of(scope)
            self._traffic.add(scope["method"], route, request.status, request.working)
            self._told(scope, route, request, clock() - request.began)
            if self._spans is not None:
                self._spans.end(span, scope, route, request, failure)
            current_request.reset(token)

    def _add_times(self, path: str, headers: HeaderLines, request: CurrentRequest) -> None:
        total = request.answered - request.began
        headers.append((b"x-process-time", b"%.6f" % total))
        if not self._server_timing:
            return
        if path.startswith(self._private):
            timing = b"total;dur=%.1f" % (1000 * total)
        else:
            named = request.parts or {}
            rest = max(0.0, total - request.database - request.cache - request.waited - sum(named.values()))
            parts = (1000 * request.database, 1000 * rest, 1000 * total)
            timing = b"db;dur=%.1f, compute;dur=%.1f, total;dur=%.1f" % parts
            for name, seconds in named.items():
                timing = b"%s;dur=%.1f, %s" % (name.encode(), 1000 * seconds, timing)
            if request.cache:
                timing = b"cache;dur=%.1f, %s" % (1000 * request.cache, timing)
        headers.append((b"server-timing", timing))

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = CurrentRequest(scope.get("state", {}).get("request_id"))
        code = 0
        opened = False

        async def noting_receive() -> Message:
            nonlocal code
            message = await receive()
            if message["type"] == "websocket.disconnect":
                code = code or message.get("code") or _CLOSED_ABNORMALLY
            return message

        async def noting_send(message: Message) -> None:
            nonlocal code, opened
            match message["type"]:
                case "websocket.accept":
                    request.answered = time.perf_counter()
                    if not opened:
                        opened = True
                        self._traffic.open_socket(route_of(scope))
                case "websocket.close":
                    code = code or message.get("code", 1000)
                case "websocket.send":
                    request.sent += len(message.get("text") or message.get("bytes") or "")
            await send(message)

        token = current_request.set(request)
        try:
            await self._app(scope, noting_receive, noting_send)
        finally:
            route = route_of(scope)
            if opened:
                self._traffic.sockets[route] -= 1
            request.status = code or _CLOSED_ABNORMALLY
            self._traffic.add_socket(route, request.status)
            self._told(scope, route, request, time.perf_counter() - request.began)
            current_request.reset(token)
