"""Clients that mean harm, or only get in each other's way: each is answered, and nobody else notices."""

from __future__ import annotations

import errno
import json
import os
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import create_engine

from garaza.errors import add_handlers
from tests.service.fixtures import StartServer
from tests.service.harness import NO_WORKER, PATIENCE_SECONDS, Server, eventually

HEAD = (
    b"POST /api/upload HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: multipart/form-data; boundary=xyz\r\n"
)
FILE = b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'


def answer_to(server: Server, parts: Iterator[bytes]) -> bytes:
    """What comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE_SECONDS) as connection:
        answer = b""
        try:
            for part in parts:
                connection.sendall(part)
        except OSError:
            pass
        try:
            while part := connection.recv(1 << 16):
                answer += part
        except OSError:
            pass
    return answer


def endless(first: bytes, more: bytes) -> Iterator[bytes]:
    """Stops at a size that says that nobody will stop it."""
    yield first
    for _ in range(100_000_000 // len(more)):
        yield more


def sent(first: bytes, more: bytes) -> Iterator[bytes]:
    yield first
    yield more


# The connection ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "more"),
    [
        (b"GET /health HTTP/1.1\r\nHost: x\r\nA: ", b"a" * 65_536),
        (b"GET /health HTTP/1.1\r\nHost: x\r\n", b"A: b\r\n" * 10_000),
    ],
    ids=["one", "many"],
)
def test_headers_without_end_are_not_kept(server: Server, first: bytes, more: bytes) -> None:
    taken = 0

    def counted() -> Iterator[bytes]:
        nonlocal taken
        for part in endless(first, more):
            taken += len(part)
            yield part

    answer = answer_to(server, counted())
    assert taken < 50_000_000
    # The answer may be lost with what was still on its way here.
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")
    assert server.client.get("/health").status_code == 200


def test_headers_that_are_too_long_are_told(server: Server) -> None:
    # In pieces, so that each is read before the next one, and all of them before the answer.
    def slowly() -> Iterator[bytes]:
        yield b"GET /health HTTP/1.1\r\nHost: x\r\nA: "
        for _ in range(5):
            yield b"a" * 14_000
            time.sleep(0.05)

    head, _, body = answer_to(server, slowly()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 431 ")
    assert b"application/problem+json" in head
    assert json.loads(body)["code"] == "headers_too_large"


def test_a_long_body_is_no_long_header(server: Server, clip: bytes) -> None:
    with httpx2.Client(base_url=server.address, trust_env=False, timeout=PATIENCE_SECONDS) as client:
        for _ in range(3):
            form = {"file": ("a.mp4", clip + bytes(300_000))}
            assert client.post("/api/upload", files=form).status_code == 200
            assert client.get("/health").status_code == 200


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /health HTTP/1.1\r\nHost: x\r\nHost: y", b"400"),
        (b"GET /health HTTP/1.1\r\nX: y", b"400"),
        (b"GET /health", b"400"),
        (b"GET /ws/x HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket", b"400"),
        (b"GET /health HTTP/1.0", b"200"),
    ],
)
def test_whom_a_request_is_for_is_said_once(server: Server, head: bytes, status: bytes) -> None:
    assert answer_to(server, iter([head + b"\r\n\r\n"])).startswith(b"HTTP/1.1 " + status)


@pytest.mark.parametrize("long", [b"?" + b"a" * 9000, b""], ids=["a line", "many lines"])
def test_an_upgrade_that_is_too_long_is_not_left_waiting(server: Server, long: bytes) -> None:
    lines = [b"GET /ws/x" + long + b" HTTP/1.1", b"Host: x", b"Upgrade: websocket", b"Connection: Upgrade"]
    lines += [b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
    lines += [] if long else [b"A: b"] * 200
    assert answer_to(server, iter([b"\r\n".join([*lines, b"", b""])])).startswith(b"HTTP/1.1 431 ")


# Uploads -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "first",
    [b'--xyz\r\nContent-Disposition: form-data; name="other"\r\n\r\n', FILE + b"\r\n--xyz--\r\n"],
    ids=["another field", "after the end"],
)
def test_what_is_read_past_is_bounded_too(server: Server, first: bytes) -> None:
    chunks = endless(
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (len(first), first),
        b"10000\r\n" + b"a" * 0x10000 + b"\r\n",
    )
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE_SECONDS) as connection:
        for chunk in chunks:
            # It may have been answered, and closed, in the middle of this one.
            with suppress(OSError):
                connection.sendall(chunk)
            connection.settimeout(0.01)
            try:
                head = connection.recv(1 << 16)
                break
            except TimeoutError:
                connection.settimeout(PATIENCE_SECONDS)
    assert head.startswith(b"HTTP/1.1 413 ")
    assert server.names("incoming") == []


def test_an_upload_that_comes_to_a_halt_is_given_up(start_server: StartServer) -> None:
    server = start_server(**NO_WORKER, GARAZA_UPLOADS__STALL_SECONDS="0.3")
    answer = answer_to(server, sent(HEAD + b"Content-Length: 100000\r\n\r\n", FILE + b"x"))
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"upload_stalled" in answer
    assert server.names("incoming") == []


def test_an_upload_without_a_length_leaves_the_reserve_alone(start_server: StartServer) -> None:
    def free() -> int:
        return os.statvfs(server.data).f_bavail * os.statvfs(server.data).f_frsize

    server = start_server(**NO_WORKER)
    reserve = free() - 32_000_000
    server.stop()
    server = start_server(**NO_WORKER, GARAZA_UPLOADS__MIN_FREE_BYTES=str(reserve))
    first = HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (len(FILE), FILE)
    chunks = endless(first, b"100000\r\n" + bytes(1 << 20) + b"\r\n")
    answer = answer_to(server, chunks)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 507 ")
    eventually(lambda: server.names("incoming") == [], "the partial file goes")


# One scan, many requests ---------------------------------------------------------------------------------------------


def together(calls: list[Callable[[], httpx2.Response]]) -> list[int]:
    with ThreadPoolExecutor(16) as threads:
        return [future.result().status_code for future in [threads.submit(call) for call in calls]]


def test_many_scales_at_once_leave_one_and_no_reader_sees_none(server: Server) -> None:
    job_id = server.finished_scan()
    client = server.client

    def calls(number: int) -> list[Callable[[], httpx2.Response]]:
        return [
            lambda: client.put(f"/api/scans/{job_id}/scale", json={"metres_per_unit": 1 + number / 100}),
            lambda: client.get(f"/api/result/{job_id}"),
            lambda: client.get(f"/api/result/{job_id}?include=frames"),
            lambda: client.get(f"/api/assets/{job_id}/model.glb"),
        ]

    codes = together([call for number in range(15) for call in calls(number)])
    scales, results, frames, assets = (set(codes[kind::4]) for kind in range(4))
    assert 200 in scales
    assert scales <= {200, 409}
    assert results <= {200, 409}
    assert frames <= {200, 409, 503}
    assert assets <= {200, 404}
    assert len(server.results_of(job_id)) == 1


def test_deleting_while_others_scale_and_look_leaves_nothing(server: Server) -> None:
    job_id = server.finished_scan()
    client = server.client
    scale = [lambda: client.put(f"/api/scans/{job_id}/scale", json={"metres_per_unit": 2.0})] * 3
    look = [lambda: client.get(f"/api/result/{job_id}")] * 3
    codes = together([*scale, lambda: client.delete(f"/api/job/{job_id}"), *look, *scale])
    assert codes[3] == 200
    assert set(codes) <= {200, 404, 409}
    assert job_id not in server.names("results")


# Ranges --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(server: Server) -> str:
    """Only to be looked at."""
    return server.finished_scan()


@pytest.mark.parametrize("value", ["bytes=5-2", "bytes=", "bytes=a-b", f"bytes={'9' * 500}-", "bytes=-0"])
def test_a_range_that_is_none_is_told_as_all_errors_are(server: Server, finished: str, value: str) -> None:
    answer = server.client.get(f"/api/assets/{finished}/model.glb", headers={"Range": value})
    assert answer.status_code == 416
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["content-range"].startswith("bytes */")


@pytest.mark.parametrize("value", ["items=0-1", f"bytes={'9' * 5000}-", "bytes=" + "0-0," * 200])
def test_a_range_of_another_kind_or_of_too_many_parts_is_no_range(server: Server, finished: str, value: str) -> None:
    answer = server.client.get(f"/api/assets/{finished}/model.glb", headers={"Range": value})
    assert (answer.status_code, "content-range" in answer.headers) == (200, False)


# Trouble below -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_database_that_others_hold_is_a_reason_to_wait(start_server: StartServer, kind: str) -> None:
    server = start_server(**NO_WORKER, GARAZA_DATABASE__BUSY_TIMEOUT_SECONDS="1")
    job_id = server.new_scan()
    with closing(sqlite3.connect(server.data / "garaza.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = server.process_scan(job_id)
        assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
        assert "retry-after" in answer.headers
        other.execute("ROLLBACK")
    assert server.process_scan(job_id).status_code == 200


def fill_a_file() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def fill_a_database() -> None:
    with create_engine("sqlite://").connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 2")
        connection.exec_driver_sql("CREATE TABLE t AS SELECT zeroblob(100000)")


@pytest.mark.anyio
@pytest.mark.parametrize("fill", [fill_a_file, fill_a_database])
async def test_a_full_disk_is_told_wherever_it_shows(fill: Callable[[], None]) -> None:
    app = FastAPI()
    add_handlers(app)
    app.add_api_route("/", fill)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://x") as client:
        answer = await client.get("/")
    assert (answer.status_code, answer.json()["code"]) == (507, "disk_full")


@pytest.mark.parametrize("kind", ["sqlite"])
def test_scans_are_not_swept_away_when_their_database_is_missing(start_server: StartServer, kind: str) -> None:
    server = start_server()
    job_id = server.finished_scan()
    server.stop()
    aside = [path.rename(path.with_name(f"{path.name}.aside")) for path in server.data.glob("garaza.db*")]
    with (server.control / "log").open("a") as server.log:
        for command in ("serve", "worker"):
            assert server.spawn(command).wait(PATIENCE_SECONDS) != 0
    for path in aside:
        path.rename(path.with_suffix(""))
    server.start()
    assert server.client.get(f"/api/result/{job_id}").status_code == 200
