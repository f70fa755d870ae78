"""What the whole of the service costs a request, beside a server that does nothing.

Before: an ASGI application of five lines that sends the same few bytes, in the same uvicorn. After: a route by FastAPI
with everything around it that the service has by default; the two calls that are made most, a file that the client has
(304) and the state of a scan; and the route without each part in turn, which tells what that one costs.

Costs are CPU times of the server's process, all threads together: the least of many rounds, in which each has its turn.
"""

from __future__ import annotations

import functools
import http.client
import math
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.finished_scan import add_finished_scan, write_room
from benchmarks.processes import Process, next_part, plain_service, until_idle
from benchmarks.report import Facts, Promise, Report, Row

_ROUNDS = 8
_ROUTE_SHARE, _HOT_SHARE, _STACK_US = 0.15, 0.30, 60
_BUFFER = bytearray(1 << 16)
_HELLO = "/api/hello"
_MANY = {f"{rate}_per_minute": 10_000_000 for rate in ("general", "polling", "assets")}
PARTS = ("shedding", "rate_limits", "compression", "conditional", "timeouts", "monitoring", "security")


@dataclass(frozen=True, slots=True)
class _Asked:
    service: Process
    request: bytes
    status: int


def run(*, quick: bool, place: Path) -> Report:
    """See the module."""
    count = 50 if quick else 250
    job = add_finished_scan(place / "data", functools.partial(write_room, frames=3, width=64, height=48, corners=5000))
    with ExitStack() as running:

        def start(name: str) -> Process:
            return running.enter_context(plain_service(f"benchmarks.stack:{name}", place / "data", place / "log"))

        whole, bare = start("whole"), start("bare")
        asked = {
            "raw": _Asked(start("raw"), _request(_HELLO), 200),
            "route": _Asked(whole, _request(_HELLO), 200),
            "asset 304": _unchanged(whole, f"/api/assets/{job}/model.glb"),
            "status": _Asked(whole, _request(f"/api/status/{job}"), 200),
            "status 304": _unchanged(whole, f"/api/status/{job}"),
            "bare": _Asked(bare, _request(_HELLO), 200),
            **{f"without {part}": _Asked(start(f"without_{part}"), _request(_HELLO), 200) for part in PARTS},
        }
        until_idle(*{id(one.service): one.service for one in asked.values()}.values())
        cost = _compared(asked, count)
    raw, stack = cost["raw"], cost["route"] - cost["bare"]
    shares = {name: raw / cost[name] for name in ("route", "asset 304", "status", "status 304", "bare")}
    parts = [[part, f"{cost['route'] - cost[f'without {part}']:.0f}"] for part in PARTS]
    return Report(
        measured=f"{count * _ROUNDS:,} GETs of each, one by one on a connection that is kept; the least of {_ROUNDS}",
        rows=[
            Row("CPU a request: raw server, FastAPI route in the service", raw, cost["route"], "µs"),
            Row("raw server, a file that the client has (304)", raw, cost["asset 304"], "µs"),
            Row("raw server, the state of a scan", raw, cost["status"], "µs"),
            Row("raw server, the state of a scan that hasn't changed (304)", raw, cost["status 304"], "µs"),
        ],
        promises=[
            Promise(f"a route has {_ROUTE_SHARE:.0%} of the raw server's requests", shares["route"] >= _ROUTE_SHARE),
            Promise(f"a file that the client has {_HOT_SHARE:.0%}", shares["asset 304"] >= _HOT_SHARE),
            Promise(f"the state of a scan {_HOT_SHARE:.0%}", shares["status"] >= _HOT_SHARE),
            Promise(f"all that is around a route costs {_STACK_US} µs", stack <= _STACK_US),
        ],
        facts=[
            Facts(
                "Requests for the CPU of one to the raw server",
                ["", "share"],
                [[n, f"{s:.2f}"] for n, s in shares.items()],
            ),
            Facts("What is around the route", ["", "µs a request"], [["all", f"{stack:.0f}"], *parts]),
        ],
    )


# Applications --------------------------------------------------------------------------------------------------------


def raw(_folder: Path) -> Callable[..., Any]:
    """Sends what the route of the others does."""
    body = b'{"rooms":["kitchen","hall"]}'
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    return app


def whole(folder: Path) -> Any:
    """The service as it is by default, but for one more route."""
    return _service(folder)


def bare(folder: Path) -> Any:
    """The same with nothing around it that can be turned off."""
    return _service(folder, *PARTS)


def _service(folder: Path, *without: str) -> Any:
    from pydantic import BaseModel  # noqa: PLC0415 - the process that measures has no use for these

    from garaza.app import create_app  # noqa: PLC0415
    from garaza.settings import Settings  # noqa: PLC0415

    groups: dict[str, Any] = {part: {"enabled": False} for part in without}
    groups["rate_limits"] = {**_MANY, **groups.get("rate_limits", {})}
    # Several services of one folder would try again and again to own its search index, which no request pays for.
    nothing_to_find = {"sample": False}
    app = create_app(Settings(data_dir=folder, jobs={"embedded_worker": False}, furniture=nothing_to_find, **groups))

    class Answer(BaseModel):
        rooms: list[str]

    # By what it is, and not by its name: annotations here are text, which is looked up where there is no such class.
    @app.get(_HELLO, response_model=Answer)
    async def hello() -> Any:
        return Answer(rooms=["kitchen", "hall"])

    return app


def __getattr__(name: str) -> Callable[[Path], Any]:
    part = name.removeprefix("without_")
    if part == name or part not in PARTS:
        raise AttributeError(name)
    return lambda folder: _service(folder, part)


# Asking --------------------------------------------------------------------------------------------------------------


def _request(path: str, headers: str = "") -> bytes:
    usual = "Host: localhost\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nUser-Agent: benchmark\r\n"
    return f"GET {path} HTTP/1.1\r\n{usual}{headers}\r\n".encode("ascii")


def _unchanged(service: Process, path: str) -> _Asked:
    connection = service.connect()
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.status == http.client.OK
    return _Asked(service, _request(path, f"If-None-Match: {answer.headers['ETag']}\r\n"), 304)


def _compared(asked: dict[str, _Asked], count: int) -> dict[str, float]:
    """Microseconds of CPU a request."""
    least = dict.fromkeys(asked, math.inf)
    with ExitStack() as closing:
        connections = {}
        for name, one in asked.items():
            parts = urlsplit(one.service.address)
            there = (str(parts.hostname), parts.port or 80)
            connections[name] = closing.enter_context(socket.create_connection(there))
        for _ in range(_ROUNDS):
            for name, one in asked.items():
                before = _cpu_us(one.service)
                for _ in range(count):
                    _ask(connections[name], one)
                least[name] = min(least[name], (_cpu_us(one.service) - before) / count)
    return least


def _ask(connection: socket.socket, asked: _Asked) -> None:
    connection.sendall(asked.request)
    answer = b""
    while True:
        count = next_part(connection, _BUFFER)
        assert count, answer
        answer += _BUFFER[:count]
        head, found, body = answer.partition(b"\r\n\r\n")
        if found and len(body) >= _length(head):
            break
    assert answer.startswith(b"HTTP/1.1 %d" % asked.status), answer


def _length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"\r\ncontent-length: ")
    return int(rest.partition(b"\r\n")[0]) if found else 0


def _cpu_us(service: Process) -> float:
    """Of all its threads, to the nanosecond where the kernel counts them; ended ones are as good as none here."""
    return sum(_task_ns(task) for task in _tasks(service)) / 1000 or 1e6 * service.cpu_seconds()


def _tasks(service: Process) -> Iterator[Path]:
    folder = Path(f"/proc/{service.pid}/task")
    return folder.iterdir() if folder.exists() else iter(())


def _task_ns(task: Path) -> int:
    try:
        return int((task / "schedstat").read_text(encoding="ascii").split()[0])
    except (OSError, IndexError, ValueError):
        return 0
