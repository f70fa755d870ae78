"""What all middleware looks at once, and that nothing of a request is left when it has ended."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections import Counter

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from garaza.errors import UnexpectedErrors
from garaza.kit.asgi import AnswerHeaders, has_body, headers_of, lines_of
from garaza.kit.compression import Compression
from garaza.kit.conditional import EntityTags
from garaza.kit.limiting.middleware import Policy, RateLimits
from garaza.kit.limiting.rates import Limit, MemoryRates, Rates
from garaza.kit.security_headers import SecurityHeaders
from garaza.kit.timeouts import Timeouts
from garaza.kit.traffic import Traffic
from garaza.kit.watching import Watching


class _Served:
    """A request as a server has it: what sends its answer knows its scope."""

    def __init__(self, *headers: tuple[bytes, bytes]) -> None:
        self.scope: Scope = {"type": "http", "method": "GET", "path": "/", "headers": list(headers)}
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        return {"type": "http.request"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)


def _everything(app: ASGIApp) -> ASGIApp:
    policy = Policy("few", Limit(100, 60))
    app = EntityTags(Timeouts(app, lambda _: 5.0, 1.0, app, app, Counter()))
    app = RateLimits(Compression(app), Rates(MemoryRates()), lambda _: (policy, "me"), lambda *_: app, Counter())
    watched = Watching(SecurityHeaders(UnexpectedErrors(app)), traffic=Traffic(), told=lambda *_: None)
    return AnswerHeaders(watched)


async def _failing(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise ValueError


def test_a_request_is_gone_when_it_has_ended() -> None:
    async def ask(app: ASGIApp) -> tuple[int, weakref.ref[_Served]]:
        served = _Served((b"accept-encoding", b"gzip"))
        await app(served.scope, served.receive, served.send)
        return served.sent[0]["status"], weakref.ref(served)

    gc.disable()
    try:
        # Without the collector: each request that it has to look for makes all others slower.
        status, served = asyncio.run(ask(_everything(PlainTextResponse("x" * 2000))))
        assert (status, served()) == (200, None)
    finally:
        gc.enable()
    assert asyncio.run(ask(_everything(_failing)))[0] == 500


def test_headers_are_those_of_all_lines() -> None:
    scope = _Served((b"a", b"1"), (b"b", b"2"), (b"a", b"3")).scope
    assert headers_of(scope) == {b"a": b"3", b"b": b"2"}
    assert [lines_of(scope, name) for name in (b"a", b"b", b"c")] == [[b"1", b"3"], [b"2"], []]


def test_headers_that_middleware_exchanged_are_seen() -> None:
    seen: list[object] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(dict(headers_of(scope)))
        scope["headers"] = [*scope["headers"], (b"b", b"2")]
        seen.append(dict(headers_of(scope)))
        await PlainTextResponse("")(scope, receive, send)

    served = _Served((b"a", b"1"))
    asyncio.run(AnswerHeaders(inner)(served.scope, served.receive, served.send))
    assert seen == [{b"a": b"1"}, {b"a": b"1", b"b": b"2"}]


def test_a_body_is_seen_in_any_line() -> None:
    assert not has_body(_Served((b"content-length", b"0")).scope)
    assert has_body(_Served((b"content-length", b"5"), (b"content-length", b"0")).scope)
    assert has_body(_Served((b"transfer-encoding", b"chunked")).scope)
