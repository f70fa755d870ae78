"""What clients are told of limits, over HTTP and before WebSockets open."""

from __future__ import annotations

from collections import Counter
from typing import Any

import http_sf
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.types import Scope
from starlette.websockets import WebSocket

from garaza.kit.asgi import AnswerHeaders
from garaza.kit.limiting.middleware import Policy, RateLimits
from garaza.kit.limiting.rates import Limit, MemoryRates, Rates, Verdict
from tests.clock import SettableClock


async def _hello(_request: Request) -> Response:
    return PlainTextResponse("hello", headers={"X-Mine": "kept"})


async def _socket(socket: WebSocket) -> None:
    await socket.accept()
    await socket.close()


def client(clock: SettableClock, refused: Counter[str]) -> TestClient:
    few, many = Policy("few", Limit(2, 60)), Policy("many", Limit(5, 10))

    def choose(scope: Scope) -> tuple[Policy, str] | None:
        return {"/few": (few, "me"), "/many": (many, "me"), "/ws": (few, "socket")}.get(scope["path"])

    def refuse(policy: Policy, verdict: Verdict) -> Response:
        return PlainTextResponse(policy.name, 429, {"Retry-After": str(verdict.retry_seconds)})

    routes: list[Any] = [Route(path, _hello) for path in ("/few", "/many", "/free")]
    app = Starlette(routes=[*routes, WebSocketRoute("/ws", _socket)])
    rates = Rates(MemoryRates(clock=clock))
    return TestClient(AnswerHeaders(RateLimits(app, rates, choose, refuse, refused)))


def test_each_answer_says_the_limit_and_what_is_left() -> None:
    clock, refused = SettableClock(1000.0), Counter[str]()
    with client(clock, refused) as web:
        answers = [web.get("/few") for _ in range(3)]
        other = web.get("/many")
        free = web.get("/free")
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["RateLimit"] for answer in answers] == ['"few";r=1;t=30', '"few";r=0;t=60', '"few";r=0;t=60']
    assert {answer.headers["RateLimit-Policy"] for answer in answers} == {'"few";q=2;w=60'}
    assert answers[0].headers["X-Mine"] == "kept"
    assert answers[2].headers["Retry-After"] == "30.0"
    assert other.headers["RateLimit"] == '"many";r=4;t=2'
    assert "RateLimit" not in free.headers
    assert refused == {"few": 1}


def test_the_headers_are_structured_fields() -> None:
    with client(SettableClock(1000.0), Counter()) as web:
        answer = web.get("/many")
    assert http_sf.parse(answer.headers["RateLimit-Policy"].encode(), tltype="list") == [("many", {"q": 5, "w": 10})]
    assert http_sf.parse(answer.headers["RateLimit"].encode(), tltype="list") == [("many", {"r": 4, "t": 2})]


def test_a_socket_too_many_is_not_opened() -> None:
    refused: Counter[str] = Counter()
    with client(SettableClock(1000.0), refused) as web:
        for _ in range(2):
            with web.websocket_connect("/ws"):
                pass
        with pytest.raises(WebSocketDenialResponse) as denial, web.websocket_connect("/ws"):
            pass
    assert denial.value.status_code == 429
    assert refused == {"few": 1}
