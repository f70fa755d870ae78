"""Clients that are slow or many, against a real server: each is told, or cut off, and nobody else waits for it."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from websockets.exceptions import InvalidStatus

from tests.service.fixtures import StartServer
from tests.service.harness import NO_WORKER, PATIENCE_SECONDS, Server, eventually

LOGIN = b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def connected(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), PATIENCE_SECONDS)


def all_of(connection: socket.socket) -> bytes:
    """What comes until the server closes."""
    answer = b""
    while part := connection.recv(1 << 16):
        answer += part
    return answer


@pytest.mark.parametrize(
    "framing",
    [b"Content-Length: 100\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"],
    ids=["sized", "chunked"],
)
def test_a_body_that_stops_coming_is_answered_and_the_connection_closed(
    start_server: StartServer, framing: bytes
) -> None:
    server = start_server(**NO_WORKER, GARAZA_TIMEOUTS__BODY_IDLE_SECONDS="0.3")
    with connected(server) as connection:
        connection.sendall(LOGIN + framing)
        head, _, body = all_of(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"x-request-id" in head.lower()
    assert json.loads(body)["code"] == "request_stalled"
    assert server.client.get("/health").status_code == 200


def test_a_body_that_trickles_is_stopped_by_the_time_for_all_of_it(start_server: StartServer) -> None:
    server = start_server(**NO_WORKER, GARAZA_TIMEOUTS__BODY_IDLE_SECONDS="60", GARAZA_TIMEOUTS__GENERAL_SECONDS="1.5")
    with connected(server) as connection:
        connection.sendall(LOGIN + b"Content-Length: 50000\r\n\r\n{")
        connection.settimeout(0.05)
        answer = b""
        for _ in range(int(PATIENCE_SECONDS / 0.05)):
            connection.sendall(b" ")
            with contextlib.suppress(TimeoutError):
                answer = connection.recv(1 << 16)
                break
    assert answer.startswith(b"HTTP/1.1 408 ")


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel does it, and only Linux's can be told to")
def test_a_client_that_takes_nothing_is_cut_off(start_server: StartServer) -> None:
    server = start_server(GARAZA_TIMEOUTS__SEND_IDLE_SECONDS="3", GARAZA_SHEDDING__MAX_TRANSFERS="1")
    job_id = server.finished_scan()
    (folder,) = (server.data / "results" / job_id).iterdir()
    name = server.client.get(f"/api/result/{job_id}").json()["model_asset"]["filename"]
    # What is served is looked up in the database by its name; its length is looked up on the disk.
    path = folder / name
    big = path.read_bytes() + bytes(64 << 20)
    path.write_bytes(big)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", server.port))
        connection.sendall(f"GET /api/assets/{job_id}/{name} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert connection.recv(12) == b"HTTP/1.1 200"
        # While it hangs, it has the only place there is.
        assert server.client.get(f"/api/assets/{job_id}/{name}").status_code == 503
        assert server.client.get(f"/api/status/{job_id}").status_code == 200
        eventually(
            lambda: server.client.head(f"/api/assets/{job_id}/{name}").status_code == 200, "the place is free again"
        )
        with pytest.raises(ConnectionResetError):
            while connection.recv(1 << 16):
                pass


def test_a_client_that_reads_slowly_gets_everything(start_server: StartServer) -> None:
    server = start_server(GARAZA_TIMEOUTS__SEND_IDLE_SECONDS="3")
    job_id = server.finished_scan()
    (folder,) = (server.data / "results" / job_id).iterdir()
    name = server.client.get(f"/api/result/{job_id}").json()["model_asset"]["filename"]
    path = folder / name
    big = path.read_bytes() + bytes(8 << 20)
    path.write_bytes(big)
    taken = 0
    began = time.monotonic()
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
        connection.settimeout(PATIENCE_SECONDS)
        connection.connect(("127.0.0.1", server.port))
        connection.sendall(f"GET /api/assets/{job_id}/{name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        while part := connection.recv(1 << 18):
            taken += len(part)
            # Longer than the time that there is for silence.
            if time.monotonic() < began + 4:
                time.sleep(0.05)
    assert taken > len(big)


def test_sockets_that_are_opened_too_often_are_refused_with_a_reason(start_server: StartServer) -> None:
    server = start_server(**NO_WORKER, GARAZA_RATE_LIMITS__POLLING_PER_MINUTE="4")
    job_id = server.new_scan()
    for _ in range(4):
        with server.socket(job_id):
            pass
    with pytest.raises(InvalidStatus) as refused, server.socket(job_id):
        pass
    assert refused.value.response.status_code == 429
    assert json.loads(refused.value.response.body)["code"] == "rate_limited"
    assert server.client.get("/health").status_code == 200


def test_a_storm_is_answered_at_once_and_health_stays_within_reach(start_server: StartServer) -> None:
    server = start_server(**NO_WORKER, GARAZA_SHEDDING__MAX_REQUESTS="4")
    job_id = server.new_scan()

    def ask(_number: int) -> int:
        return server.client.get(f"/api/status/{job_id}").status_code

    with ThreadPoolExecutor(32) as clients:
        storm = [clients.submit(ask, number) for number in range(300)]
        healthy = [server.client.get("/health").status_code for _ in range(20)]
        found = {one.result() for one in storm}
    assert found <= {200, 503}
    assert set(healthy) == {200}
    assert ask(0) == 200


def test_an_address_is_told_by_a_trusted_proxy_alone(start_server: StartServer) -> None:
    server = start_server(**NO_WORKER, GARAZA_RATE_LIMITS__GENERAL_PER_MINUTE="2")

    def ask(forwarded: str) -> int:
        return server.client.get("/api/profile", headers={"X-Forwarded-For": forwarded}).status_code

    # 127.0.0.1 is trusted, as a proxy on this machine.
    assert [ask("192.0.2.1") for _ in range(3)] == [401, 401, 429]
    assert ask("192.0.2.2") == 401
    server.stop()
    server.environment["FORWARDED_ALLOW_IPS"] = "203.0.113.9"
    server.start()
    assert [ask(f"192.0.2.{number}") for number in range(3)] == [401, 401, 429]
