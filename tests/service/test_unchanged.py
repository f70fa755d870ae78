"""What asking for a file costs that the client has: bytes on the wire. That no file is looked at is in tests/kit."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from tests.service.harness import Server


def exchanged(address: str, request: str) -> bytes:
    """All of an answer without a body, on a connection that stays open."""
    parts = urlsplit(address)
    with socket.create_connection((str(parts.hostname), parts.port or 80), 10) as connection:
        connection.sendall(request.replace("\n", "\r\n").encode("ascii"))
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += connection.recv(1 << 16)
        return answer


def test_a_file_that_the_client_has_costs_less_than_300_bytes(server: Server) -> None:
    job_id = server.finished_scan()
    url = server.client.get(f"/api/result/{job_id}").json()["model_asset"]["url"]
    tag = server.client.get(url, headers={"Accept-Encoding": "zstd"}).headers["etag"]
    head = f"GET {url} HTTP/1.1\nHost: x\nAccept-Encoding: gzip, deflate, br, zstd\n"
    answer = exchanged(server.address, f"{head}If-None-Match: {tag}\n\n")
    assert answer.startswith(b"HTTP/1.1 304 ")
    assert len(answer) < 300, answer
