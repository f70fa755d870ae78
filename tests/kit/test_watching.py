"""What a request costs, and who is told of it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from garaza.kit.access_log import AccessLog
from garaza.kit.asgi import AnswerHeaders
from garaza.kit.current_request import current_request
from garaza.kit.database import Database, PoolOptions, sqlite_url
from garaza.kit.logs import HumanFormatter, JsonFormatter
from garaza.kit.query_times import QueryTimes
from garaza.kit.slow_queries import SlowQueries, kinds_of, redacted
from garaza.kit.traffic import BOUNDS, NO_ROUTE, Histogram, Traffic
from garaza.kit.watching import CLIENT_GONE, Watching

pytestmark = pytest.mark.anyio

POOL = PoolOptions(
    size=2,
    overflow=0,
    timeout=60,
    recycle=-1,
    pre_ping=False,
    connect_timeout=60,
    statement_timeout=60,
    busy_timeout=60,
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    made = Database(sqlite_url(tmp_path / "x.db"), POOL)
    async with made.write() as session:
        await session.execute(text("CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT)"))
    yield made
    await made.close()


class Lines(logging.Handler):
    """What was logged, as programs read it."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter())
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(self.format(record)))

    def of(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["logger"] == name]


@pytest.fixture
def lines() -> Any:
    handler = Lines()
    logger = logging.getLogger("garaza")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


def _watched(database: Database | None = None, traffic: Traffic | None = None, **options: Any) -> Any:
    async def ask(request: Request) -> PlainTextResponse:
        assert database is not None
        async with database.read() as session:
            for _ in range(int(request.path_params["times"])):
                await session.execute(text("SELECT 1"))
        return PlainTextResponse("x" * 100)

    async def broken(_request: Request) -> PlainTextResponse:
        raise RuntimeError

    async def take(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(len(await request.body())))

    async def slow(_request: Request) -> PlainTextResponse:
        await asyncio.sleep(0.02)
        return PlainTextResponse("x")

    async def parts(_request: Request) -> StreamingResponse:
        async def some() -> AsyncIterator[bytes]:
            for _ in range(3):
                yield b"12345"

        return StreamingResponse(some())

    async def socket(here: WebSocket) -> None:
        await here.accept()
        await here.send_text("hello")
        await here.receive_text()
        await here.close(4404)

    routes = [
        Route("/ask/{times}", ask),
        Route("/broken", broken),
        Route("/take", take, methods=["POST"]),
        Route("/slow", slow),
        Route("/parts", parts),
        WebSocketRoute("/ws/{name}", socket),
    ]
    told = options.pop("told", None) or AccessLog(
        quiet=["/parts"], slow_seconds=0.01, name_client=lambda host: host[:3]
    )
    watching = Watching(Starlette(routes=routes), traffic=traffic or Traffic(), told=told, **options)
    return AnswerHeaders(watching)


def _client(app: Any) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False, client=("192.0.2.1", 5))
    return httpx2.AsyncClient(transport=transport, base_url="http://x.test")


async def test_statements_count_for_the_request_that_makes_them(database: Database, lines: Lines) -> None:
    times = QueryTimes(database.engine)
    async with _client(_watched(database)) as client:
        await asyncio.gather(client.get("/ask/3"), client.get("/ask/1"), client.get("/ask/0"))
    assert sorted(line["queries"] for line in lines.of("garaza.access")) == [0, 1, 3]
    assert times.queries == 4
    assert times.seconds > 0
    assert all(line["database_seconds"] > 0 for line in lines.of("garaza.access"))
    assert current_request.get() is None


async def test_a_line_names_the_route_and_never_what_was_asked_for(database: Database, lines: Lines) -> None:
    QueryTimes(database.engine)
    async with _client(_watched(database)) as client:
        headers = {"X-Request-ID": "mine", "Authorization": "Bearer secret"}
        await client.get("/ask/2?token=secret", headers=headers)
        await client.get("/secret/path?token=secret", headers=headers)
    first, second = lines.of("garaza.access")
    assert (first["method"], first["route"], first["status"], first["bytes"]) == ("GET", "/ask/{times}", 200, 100)
    assert (first["request_id"], first["client"], first["queries"]) == ("mine", "192", 2)
    assert (second["route"], second["status"]) == (NO_ROUTE, 404)
    assert "secret" not in json.dumps(lines.lines)


async def test_what_nobody_foresaw_and_clients_that_leave_are_told_apart(lines: Lines) -> None:
    traffic = Traffic()
    app = _watched(traffic=traffic)
    async with _client(app) as client:
        await client.get("/broken")
        going = asyncio.create_task(client.get("/slow"))
        while not traffic.in_flight:  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0)
        assert traffic.in_flight == 1
        going.cancel()
        await asyncio.gather(going, return_exceptions=True)
    assert [line["status"] for line in lines.of("garaza.access")] == [500, CLIENT_GONE]
    assert traffic.in_flight == 0


async def test_bytes_are_counted_both_ways_and_waiting_for_a_client_is_not_work(lines: Lines) -> None:
    async def slowly() -> AsyncIterator[bytes]:
        for _ in range(2):
            await asyncio.sleep(0.02)
            yield b"x" * 1000

    traffic = Traffic()
    async with _client(_watched(traffic=traffic)) as client:
        assert (await client.post("/take", content=slowly())).text == "2000"
        assert (await client.get("/parts")).text == "12345" * 3
    (line,) = lines.of("garaza.access")
    assert (line["received_bytes"], line["bytes"]) == (2000, 4)
    assert traffic.requests["POST", "/take"].seconds.total < line["seconds"]


async def test_clients_are_told_how_long_it_took(database: Database) -> None:
    QueryTimes(database.engine)
    async with _client(_watched(database, private=["/slow"])) as client:
        answer = await client.get("/ask/1")
        names = [part.split(";")[0].strip() for part in answer.headers["server-timing"].split(",")]
        assert names == ["db", "compute", "total"]
        assert float(answer.headers["x-process-time"]) > 0
        assert answer.headers["x-request-id"]
        # How it was spent would be telling.
        assert (await client.get("/slow")).headers["server-timing"].startswith("total;")
    async with _client(_watched(database, server_timing=False)) as client:
        assert "server-timing" not in (await client.get("/ask/1")).headers


async def test_slow_requests_are_told_of_once_more(database: Database, lines: Lines) -> None:
    async with _client(_watched(database, told=AccessLog(every=False, slow_seconds=0.01))) as client:
        await client.get("/slow")
    (line,) = lines.lines
    assert (line["logger"], line["level"], line["route"]) == ("garaza.slow", "WARNING", "/slow")
    assert line["working_seconds"] >= 0.01


def test_sockets_are_counted_while_they_are_open_and_told_of_when_they_end(lines: Lines) -> None:
    traffic = Traffic()
    with TestClient(_watched(traffic=traffic)).websocket_connect("/ws/anna") as socket:
        assert traffic.sockets == {"/ws/{name}": 1}
        socket.receive_text()
        socket.send_text("bye")
        assert socket.receive()["type"] == "websocket.close"
    assert traffic.sockets == {"/ws/{name}": 0}
    assert traffic.sockets_closed == {("/ws/{name}", 4404): 1}
    (line,) = lines.of("garaza.access")
    assert (line["method"], line["route"], line["status"], line["bytes"]) == ("WS", "/ws/{name}", 4404, 5)


async def test_whatever_clients_send_the_figures_stay_few() -> None:
    traffic = Traffic()
    async with _client(_watched(traffic=traffic)) as client:
        for number in range(50):
            await client.request(f"BREW{number}", f"/made/up/{number}")
    assert set(traffic.requests) == {("OTHER", NO_ROUTE)}


def test_each_time_falls_into_one_bucket() -> None:
    histogram = Histogram()
    for seconds in (0.0, BOUNDS[0], BOUNDS[0] * 1.01, BOUNDS[-1], BOUNDS[-1] + 1):
        histogram.add(seconds)
    assert histogram.counts[0] == 2
    assert histogram.counts[1] == 1
    assert histogram.counts[-2:] == [1, 1]
    assert sum(histogram.counts) == 5


# Slow statements ---------------------------------------------------------------------------------------------------


async def _until_plan(lines: Lines, count: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(60):
        while len([line for line in lines.lines if "plan" in line]) < count:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.005)
    return [line for line in lines.lines if "plan" in line]


async def test_a_slow_statement_is_told_with_its_plan_and_without_its_parameters(
    database: Database, lines: Lines
) -> None:
    slow = SlowQueries(database, 0.0, explain_every=0.001)
    QueryTimes(database.engine, [slow])
    async with database.read() as session:
        await session.execute(text("SELECT * FROM things WHERE id = :id AND name = :name"), {"id": 1, "name": "secret"})
    (plan,) = await _until_plan(lines, 1)
    assert "SEARCH things USING INTEGER PRIMARY KEY" in plan["plan"]
    assert "WHERE id = ?" in plan["statement"]
    told = lines.of("garaza.slow_query")[0]
    assert (told["level"], told["parameters"]) == ("WARNING", "int, str(6)")
    assert "secret" not in json.dumps(lines.lines)
    assert slow.count == 1, "asking for a plan is not among them"

    async with database.read() as session:
        await session.execute(text("SELECT * FROM things WHERE id = :id AND name = :name"), {"id": 2, "name": "x"})
    async with database.write() as session:
        await session.execute(text("UPDATE things SET name = 'x'"))
        await session.execute(text("INSERT INTO things (name) VALUES (:name)"), [{"name": "secret"}, {"name": "b"}])
    await slow.close()
    assert len([line for line in lines.lines if "plan" in line]) == 1, "once for each, and never of what writes"
    assert lines.lines[-1]["parameters"] == "2 times str(6)"


async def test_plans_are_asked_for_only_so_often_and_lines_written(database: Database, lines: Lines) -> None:
    slow = SlowQueries(database, 0.0, explain_every=3600)
    QueryTimes(database.engine, [slow])
    async with database.read() as session:
        for number in range(40):
            await session.execute(text(f"SELECT {number}"))
    await _until_plan(lines, 1)
    await slow.close()
    assert len([line for line in lines.lines if "plan" in line]) == 1
    assert slow.count == 40
    assert len(lines.of("garaza.slow_query")) < 40


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("Seq Scan on users  (cost=0.00..12.50 rows=3 width=8)", None),
        ("  Filter: (email = 'anna@example.com'::text)", "  Filter: (email = '…'::text)"),
        ("  Index Cond: ((id = 17) AND (at > 1.5e9))", "  Index Cond: ((id = …) AND (at > …))"),
        ("  Filter: (name = 'it''s'::text)", "  Filter: (name = '…'::text)"),
        ("SEARCH jobs USING INDEX ix (id=?)", None),
        ("  Recheck Cond: (user_id = 4711)", "  Recheck Cond: (user_id = …)"),
        ("  Filter: (job_2.a1 = 5)", "  Filter: (job_2.a1 = …)"),
    ],
)
def test_a_plan_does_not_say_what_was_asked_for(line: str, shown: str | None) -> None:
    assert redacted(line) == (shown or line)


def test_parameters_are_told_by_their_kinds() -> None:
    assert kinds_of(("abc", 1, None, 1.5)) == "str(3), int, NoneType, float"
    assert kinds_of({"a": b"12"}) == "bytes(2)"
    assert kinds_of(None) == ""
    assert kinds_of([(1,), (2,)]) == "2 times int"


async def test_errors_of_statements_do_not_quote_what_they_were_given(database: Database) -> None:
    with pytest.raises(Exception, match="no such table") as caught:
        async with database.read() as session:
            await session.execute(text("SELECT * FROM missing WHERE name = :name"), {"name": "secret"})
    assert "secret" not in str(caught.value)


# Lines -------------------------------------------------------------------------------------------------------------


def _record(message: str, **fields: Any) -> logging.LogRecord:
    record = logging.LogRecord("garaza.x", logging.INFO, __file__, 1, message, None, None)
    record.fields = fields
    return record


def test_a_line_is_one_line_whatever_is_in_it() -> None:
    told = json.loads(JsonFormatter().format(_record("a\nb", path="c\nd", none=None, other=Path("/x"))))
    assert (told["message"], told["path"], told["other"], "none" in told) == ("a\nb", "c\nd", "/x", False)
    assert "\n" not in JsonFormatter().format(_record("a\nb", path="c\nd"))
    line = HumanFormatter().format(_record("hello", path="c\nd", number=0.123456789, empty=""))
    assert line.endswith(r'INFO    garaza.x: hello path="c\nd" number=0.1235 empty=""')
