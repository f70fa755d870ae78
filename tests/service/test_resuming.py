"""A resumable upload over a real connection to a real process, both of which are cut again and again."""

from __future__ import annotations

import hashlib
import random
import socket
from typing import Any

import pytest

from tests.service import clips
from tests.service.fixtures import StartServer
from tests.service.harness import NO_WORKER, PATIENCE_SECONDS, Server, eventually

TUS = {"Tus-Resumable": "1.0.0"}
PART = {**TUS, "Content-Type": "application/offset+octet-stream"}
KILLS = 5
CUTS = 15


@pytest.fixture(scope="module")
def large() -> bytes:
    """A video with a box in it that players skip: incompressible, and never twice the same."""
    clip = clips.video()
    filling = random.Random(5).randbytes(6_000_000)
    return clip + (8 + len(filling)).to_bytes(4, "big") + b"free" + filling


def begin(server: Server, length: int, **headers: str) -> str:
    answer = server.client.post("/api/uploads", headers={**TUS, "Upload-Length": str(length), **headers})
    assert answer.status_code == 201, answer.text
    return str(answer.headers["Location"])


def offset(server: Server, place: str) -> int:
    answer = server.client.head(place, headers=TUS)
    assert answer.status_code == 200
    return int(answer.headers["Upload-Offset"])


def send(server: Server, place: str, at: int, part: bytes) -> Any:
    return server.client.patch(place, content=part, headers={**PART, "Upload-Offset": str(at)})


class Broken:
    """A request for the rest of an upload, of which only a piece is sent."""

    def __init__(self, server: Server, place: str, at: int, content: bytes, upto: int) -> None:
        self.connection = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_SECONDS)
        head = {**PART, "Host": "x", "Upload-Offset": str(at), "Content-Length": str(len(content) - at)}
        lines = [f"PATCH {place} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""]
        self.connection.sendall("\r\n".join(lines).encode())
        self.connection.sendall(content[at:upto])

    def cut(self) -> None:
        # At once, without waiting for what is on its way.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.connection.close()


@pytest.mark.timeout(600)
def test_an_upload_that_is_cut_twenty_times_arrives_bit_exact(start_server: StartServer, large: bytes) -> None:
    server = start_server(**NO_WORKER)
    place = begin(server, len(large))
    chance = random.Random(11)
    # Most of the cuts in the first part, so that there is always something left to be cut.
    ends = sorted(chance.sample(range(1, len(large) - 1), KILLS + CUTS))
    how = chance.sample(["kill"] * KILLS + ["cut"] * CUTS, KILLS + CUTS)
    told = 0
    for end, blow in zip(ends, how, strict=True):
        here = offset(server, place)
        assert here >= told, "what was said to be here is here"
        told = here
        if here >= end:
            continue
        request = Broken(server, place, here, large, end)
        file = server.data / "partial" / place.rsplit("/", 1)[1]
        assert file.stat().st_size >= here
        if blow == "kill":
            server.kill()
            # It is started again at the same place, as a supervisor does.
            server.start(server.port)
        request.cut()
    here = offset(server, place)
    assert 0 < here < len(large)
    done = send(server, place, here, large[here:])
    while done.status_code == 409:
        # A piece that was on its way when its connection was cut may be read after the offset was told.
        here = offset(server, place)
        done = send(server, place, here, large[here:])
    assert done.status_code == 200, done.text
    kept = (server.data / "uploads" / done.json()["job_id"]).read_bytes()
    assert hashlib.sha256(kept).digest() == hashlib.sha256(large).digest()
    assert server.names("partial") == []


def test_what_has_arrived_is_told_after_a_kill(start_server: StartServer, clip: bytes) -> None:
    server = start_server(**NO_WORKER)
    place = begin(server, len(clip))
    assert send(server, place, 0, clip[:5000]).status_code == 204
    server.kill()
    server.start(server.port)
    assert offset(server, place) == 5000
    assert send(server, place, 5000, clip[5000:]).status_code == 200


def test_a_kill_while_it_is_looked_into_costs_nothing(start_server: StartServer, clip: bytes) -> None:
    server = start_server(**NO_WORKER)
    place = begin(server, len(clip))
    request = Broken(server, place, 0, clip, len(clip))
    file = server.data / "partial" / place.rsplit("/", 1)[1]
    eventually(lambda: not file.exists() or file.stat().st_size == len(clip), "all has arrived")
    server.kill()
    server.start(server.port)
    request.cut()
    done = send(server, place, len(clip), b"")
    assert done.status_code == 200, done.text
    assert server.names("uploads") == [done.json()["job_id"]]
    assert server.names("partial") == []


def test_a_part_with_a_checksum_that_a_kill_cut_short_does_not_count(start_server: StartServer, large: bytes) -> None:
    server = start_server(**NO_WORKER)
    place = begin(server, len(large))
    assert send(server, place, 0, large[:1000]).status_code == 204
    digest = "Upload-Checksum: sha1 " + "A" * 27 + "="
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_SECONDS) as connection:
        head = "\r\n".join(f"{name}: {value}" for name, value in PART.items())
        rest = len(large) - 1000
        connection.sendall(
            f"PATCH {place} HTTP/1.1\r\nHost: x\r\n{head}\r\n{digest}\r\nUpload-Offset: 1000\r\n"
            f"Content-Length: {rest}\r\n\r\n".encode()
        )
        connection.sendall(large[1000:-1000])
        file = server.data / "partial" / place.rsplit("/", 1)[1]
        eventually(lambda: file.stat().st_size > 1_000_000, "some of it is on the disk")
        server.kill()
    server.start(server.port)
    assert offset(server, place) == 1000
    assert file.stat().st_size == 1000
    assert send(server, place, 1000, large[1000:]).status_code == 200


def test_a_connection_that_hangs_gives_way_to_the_one_after_it(server: Server, clip: bytes) -> None:
    place = begin(server, len(clip))
    hanging = Broken(server, place, 0, clip, 4000)
    file = server.data / "partial" / place.rsplit("/", 1)[1]
    # Nothing was heard of its end, and it isn't waited for.
    eventually(lambda: offset(server, place) == 4000, "what it sent is kept")
    assert file.stat().st_size == 4000
    done = send(server, place, 4000, clip[4000:])
    assert done.status_code == 200, done.text
    hanging.cut()
    assert server.client.delete(f"/api/job/{done.json()['job_id']}").status_code == 200


def test_a_video_may_be_the_body_itself(server: Server, clip: bytes) -> None:
    for content in (clip, iter([clip[:1000], clip[1000:]])):
        answer = server.client.put("/api/upload", params={"filename": "../Küche 1.mp4"}, content=content)
        assert answer.status_code == 200, answer.text
        assert answer.json()["filename"] == "Küche 1.mp4"
        job_id = answer.json()["job_id"]
        assert (server.data / "uploads" / job_id).read_bytes() == clip
        assert server.client.delete(f"/api/job/{job_id}").status_code == 200


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_beyond_the_limit_leaves_nothing(server: Server, chunked: bool) -> None:
    """The shared server takes 400,000 bytes."""
    body = bytes(400_001)
    content = iter([body[start : start + 50_000] for start in range(0, len(body), 50_000)]) if chunked else body
    answer = server.client.put("/api/upload", content=content)
    assert (answer.status_code, answer.json()["code"]) == (413, "file_too_large")
    assert server.names("incoming") == []
