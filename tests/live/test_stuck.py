"""A client that never reads costs the others nothing, and is sent away."""

from __future__ import annotations

import base64
import re
import socket
import time

import pytest

from tests.live.clients import Account, hear, hear_until, open_socket, register
from tests.live.worker import Worker
from tests.service.fixtures import StartServer
from tests.service.harness import NO_WORKER, PATIENCE_SECONDS, Server, eventually

BIG = "x" * 20_000


def never_reads(server: Server, account: Account, *, stream: bool) -> socket.socket:
    line = socket.socket()
    # Before it connects, so that the window is as small as can be.
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    line.settimeout(PATIENCE_SECONDS)
    line.connect(("127.0.0.1", server.port))
    upgrade = (
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: {base64.b64encode(bytes(16)).decode()}\r\n"
    )
    head = "GET /api/events HTTP/1.1\r\n" if stream else f"GET /ws HTTP/1.1\r\n{upgrade}"
    line.sendall(f"{head}Host: x\r\nAuthorization: Bearer {account.token}\r\n\r\n".encode())
    return line


def figure(server: Server, name: str) -> float:
    found = re.search(rf"^{name} (\S+)$", server.client.get("/metrics").text, re.MULTILINE)
    assert found is not None, name
    return float(found[1])


@pytest.mark.parametrize("stream", [False, True])
def test_it_is_sent_away_and_the_others_hear_everything(start_server: StartServer, stream: bool) -> None:
    server = start_server(GARAZA_JOBS__EMBEDDED_WORKER="false", GARAZA_LIVE__SEND_SECONDS="1")
    anna = register(server)
    job_id = anna.upload()
    anna.process(job_id)
    before = server.process
    with Worker(server) as worker, open_socket(server, "/ws", anna.headers) as reading:
        claim = worker.claim(job_id)
        hear(reading)
        stuck = [never_reads(server, anna, stream=stream) for _ in range(5)]
        eventually(lambda: figure(server, "garaza_live_listeners") == 6, "all of them listen")
        resident = _resident_bytes(before.pid)
        sent = 0
        deadline = time.monotonic() + PATIENCE_SECONDS
        while figure(server, "garaza_live_slow_closed_total") < 5:
            assert time.monotonic() < deadline
            for _ in range(20):
                worker.report(claim, 1 + sent % 99, f"{sent} {BIG}")
                sent += 1
            # Read at once, by who reads.
            for number in range(sent - 20, sent):
                message = hear_until(reading, "progress")[-1]
                while not message["data"]["message"].startswith(f"{number} "):
                    message = hear_until(reading, "progress")[-1]
        eventually(lambda: figure(server, "garaza_live_connections") == 1, "their places are free")
        assert _resident_bytes(before.pid) - resident < 40_000_000
        for line in stuck:
            line.close()


def _resident_bytes(pid: int) -> int:
    with open(f"/proc/{pid}/status", encoding="ascii") as status:  # noqa: PTH123
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS:"))


def test_who_only_sends_pings_is_cut_off(start_server: StartServer) -> None:
    """Answers that nobody reads are kept by no one."""
    server = start_server(**NO_WORKER)
    anna = register(server)
    line = never_reads(server, anna, stream=False)
    eventually(lambda: figure(server, "garaza_live_connections") == 1, "it is in")
    ping = b"\x89\xfd" + bytes(4) + bytes(125)
    with pytest.raises((ConnectionError, TimeoutError)):
        for _ in range(200_000):
            line.sendall(ping * 100)
    eventually(lambda: figure(server, "garaza_live_connections") == 0, "it is out")
    line.close()
