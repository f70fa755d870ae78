"""What takes too long is stopped, really, and the client is told the truth."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from fastapi import FastAPI, Request
from starlette.responses import PlainTextResponse, StreamingResponse

from garaza.kit.timeouts import AnswerCutShortError, Timeouts
from tests.service.harness import PATIENCE_SECONDS

pytestmark = pytest.mark.anyio

SOON = 0.05
NEVER = PATIENCE_SECONDS * 10


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Client:
    """What an ASGI server does for one request. `parts`: of its body, as they come; None, it stops coming."""

    def __init__(
        self,
        app: Callable[..., Awaitable[None]],
        *,
        method: str = "GET",
        parts: list[bytes | None] | None = None,
        take: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._app = app
        self._take = take
        self._parts = parts
        self.pause = 0.0
        """Before each part of the body."""
        self.messages: list[dict[str, Any]] = []
        headers = [] if parts is None else [(b"content-length", b"10"), (b"content-type", b"application/json")]
        self.scope = {"type": "http", "method": method, "path": "/", "query_string": b"", "headers": headers}

    async def _receive(self) -> dict[str, Any]:
        if not self._parts:
            if self._parts is None:
                self._parts = []
                return {"type": "http.request", "body": b""}
            await asyncio.Event().wait()
        if self.pause:
            await asyncio.sleep(self.pause)
        part = self._parts.pop(0)
        if part is None:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": part, "more_body": bool(self._parts)}

    async def _send(self, message: dict[str, Any]) -> None:
        self.messages.append(message)
        if self._take is not None and message["type"] == "http.response.body":
            await self._take()

    async def go(self) -> None:
        await asyncio.wait_for(self._app(self.scope, self._receive, self._send), PATIENCE_SECONDS)

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages[1:])


def limited(app: Any, seconds: float | None = SOON, body: float = NEVER) -> tuple[Timeouts, Counter[str]]:
    happened: Counter[str] = Counter()
    late, stalled = PlainTextResponse("late", 504), PlainTextResponse("stalled", 408)
    return Timeouts(app, lambda _: seconds, body, late, stalled, happened), happened


async def test_work_that_takes_too_long_is_stopped_and_answered() -> None:
    ended: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await asyncio.sleep(NEVER)
            ended.append("finished")
        finally:
            ended.append("cleaned up")

    around, happened = limited(app)
    client = Client(around)
    await client.go()
    assert (client.status, client.body) == (504, b"late")
    assert ended == ["cleaned up"]
    assert happened == {"late": 1}


async def test_tasks_of_a_route_are_stopped_too() -> None:
    stopped: list[int] = []
    app = FastAPI()

    async def work(number: int) -> None:
        try:
            await asyncio.sleep(NEVER)
        finally:
            stopped.append(number)

    @app.get("/")
    async def many() -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(3):
                group.create_task(work(number))

    client = Client(limited(app, seconds=0.5)[0])
    await client.go()
    assert client.status == 504
    assert sorted(stopped) == [0, 1, 2]


async def test_an_answer_that_has_begun_is_cut_and_not_pretended_to_be_whole() -> None:
    closed = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        try:
            yield b"first"
            await asyncio.sleep(NEVER)
            yield b"second"
        finally:
            closed.set()

    around, happened = limited(StreamingResponse(pieces()), seconds=0.5)
    client = Client(around)
    with pytest.raises(AnswerCutShortError):
        await client.go()
    assert client.body == b"first"
    # The end was never sent: the server can tell by that, and cuts.
    assert client.messages[-1].get("more_body") is True
    assert closed.is_set()
    assert happened == {"cut": 1}


async def test_a_long_answer_has_its_time_for_each_piece() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(12):
            await asyncio.sleep(0.1)
            yield b"x"

    client = Client(limited(StreamingResponse(pieces()), seconds=1.0)[0])
    await client.go()
    assert client.body == b"x" * 12
    assert client.messages[-1].get("more_body", False) is False


async def test_how_slowly_the_client_reads_is_not_our_work() -> None:
    async def slowly() -> None:
        await asyncio.sleep(0.8)

    async def pieces() -> AsyncIterator[bytes]:
        yield b"a"
        yield b"b"

    client = Client(limited(StreamingResponse(pieces()), seconds=0.5)[0], take=slowly)
    await client.go()
    assert client.body == b"ab"


async def test_a_body_that_stops_coming_is_told_so() -> None:
    app = FastAPI()
    reached: list[Any] = []

    @app.post("/")
    async def take(request: Request) -> None:
        reached.append(await request.json())

    around, happened = limited(app, seconds=NEVER, body=SOON)
    client = Client(around, method="POST", parts=[b'{"a"', None])
    await client.go()
    assert (client.status, client.body) == (408, b"stalled")
    assert reached == []
    assert happened == {"stalled": 1}


async def test_a_body_that_trickles_has_the_time_of_the_work_and_no_more() -> None:
    app = FastAPI()

    @app.post("/")
    async def take(body: dict[str, int]) -> None:
        pass

    around, happened = limited(app, seconds=0.5)
    client = Client(around, method="POST", parts=[b" "] * 100_000)
    client.pause = 0.01
    await client.go()
    assert client.status == 408
    assert happened == {"stalled": 1}


async def test_work_before_the_body_is_read_is_our_own_fault() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(NEVER)

    client = Client(limited(app)[0], method="POST", parts=[None])
    await client.go()
    assert client.status == 504


async def test_a_body_parsed_by_the_framework_is_no_different() -> None:
    app = FastAPI()

    @app.post("/")
    async def take(body: dict[str, int]) -> dict[str, int]:
        return body

    around, _ = limited(app, seconds=NEVER, body=SOON)
    stalled = Client(around, method="POST", parts=[b'{"a"', None])
    await stalled.go()
    assert stalled.status == 408
    whole = Client(around, method="POST", parts=[b'{"a"', b":", b" 1}"])
    await whole.go()
    assert (whole.status, whole.body) == (200, b'{"a":1}')


async def test_after_the_body_one_may_wait_for_the_client_to_go() -> None:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "http.request"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(4 * SOON):
                await receive()
        seen.append("still here")
        await PlainTextResponse("done")(scope, receive, send)

    around, happened = limited(app, seconds=NEVER, body=SOON)
    client = Client(around, method="POST", parts=[b"whole"])
    await client.go()
    assert (client.body, seen, happened) == (b"done", ["still here"], {})


async def test_errors_of_the_application_are_its_own() -> None:
    async def fails(scope: Any, receive: Any, send: Any) -> None:
        raise TimeoutError("of something else")

    client = Client(limited(fails, seconds=NEVER)[0])
    with pytest.raises(TimeoutError, match="of something else"):
        await client.go()
    assert client.messages == []


async def test_who_tidies_up_with_an_error_or_an_answer_of_its_own_changes_nothing() -> None:
    async def fails(scope: Any, receive: Any, send: Any) -> None:
        try:
            await asyncio.sleep(NEVER)
        except asyncio.CancelledError:
            raise RuntimeError("while tidying up") from None

    async def answers(scope: Any, receive: Any, send: Any) -> None:
        try:
            await asyncio.sleep(NEVER)
        except asyncio.CancelledError:
            await PlainTextResponse("too late")(scope, receive, send)

    for app in (fails, answers):
        client = Client(limited(app)[0])
        await client.go()
        assert (client.status, client.body) == (504, b"late")


async def test_whoever_is_cancelled_from_outside_is() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(NEVER)

    client = Client(limited(app, seconds=NEVER)[0])
    going = asyncio.create_task(client.go())
    await asyncio.sleep(0)
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    assert client.messages == []


async def test_some_may_take_as_long_as_they_like() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(4 * SOON)
        await PlainTextResponse("done")(scope, receive, send)

    client = Client(limited(app, seconds=None)[0])
    await client.go()
    assert client.body == b"done"


async def test_who_cancels_at_the_same_moment_is_not_taken_for_the_deadline() -> None:
    """A server that stops wants its tasks to end, however late these are."""
    happened: Counter[str] = Counter()
    began = asyncio.Event()

    async def work(_scope: object, _receive: object, _send: object) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            # The deadline's; the other one comes while this tidies up.
            task.cancel()
            await asyncio.sleep(0)

    timeouts = Timeouts(work, lambda _scope: SOON, SOON, work, work, happened)
    task = asyncio.ensure_future(Client(timeouts).go())
    await began.wait()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert happened == {}
