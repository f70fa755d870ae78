"""The WebSocket of a job: everything that happens, once, in order, from wherever a client left off."""

from __future__ import annotations

import json
from typing import Any

import pytest
from websockets.sync.client import ClientConnection

from tests.live.clients import read_all
from tests.service.harness import PATIENCE_SECONDS, Server


def read_until(socket: ClientConnection, stage: str) -> list[dict[str, Any]]:
    messages = []
    while not messages or messages[-1]["data"]["stage"] != stage:
        messages.append(json.loads(socket.recv(timeout=PATIENCE_SECONDS)))
    return messages


@pytest.fixture(scope="module")
def finished(server: Server) -> str:
    return server.finished_scan()


def test_a_scan_is_followed_from_upload_to_result(server: Server) -> None:
    job_id = server.new_scan()
    server.hold(job_id)
    with server.socket(job_id) as socket:
        server.process_scan(job_id)
        messages = read_until(socket, "frames")
        server.let_go(job_id)
        rest, code = read_all(socket)
    messages += rest
    assert code == 1000
    assert [message["type"] for message in messages] == ["progress"] * (len(messages) - 1) + ["complete"]
    stages = [message["data"]["stage"] for message in messages[:-1]]
    assert stages[:3] == ["queued", "running", "frames"]
    for message in messages[:-1]:
        assert set(message["data"]) >= {"stage", "progress", "current_frame", "total_frames", "message"}
        assert 0 <= message["data"]["progress"] <= 100
    ids = [message["event_id"] for message in messages]
    assert ids == sorted(set(ids))
    assert messages[-1]["data"] == server.client.get(f"/api/result/{job_id}").json()

    with server.socket(job_id, f"?last_event_id={ids[1]}") as socket:
        resumed, code = read_all(socket)
    assert (resumed, code) == (messages[2:], 1000), "the rest, no more and no less"


@pytest.mark.parametrize(
    "query", ["", "?last_event_id=abc", "?last_event_id=-1", "?last_event_id=99999999999999999999"]
)
def test_who_comes_late_is_told_how_it_ended(server: Server, finished: str, query: str) -> None:
    with server.socket(finished, query) as socket:
        messages, code = read_all(socket)
    assert [message["type"] for message in messages] == ["complete"]
    assert code == 1000


def test_who_has_seen_the_end_is_told_it_again_and_does_not_wait(server: Server, finished: str) -> None:
    with server.socket(finished) as socket:
        (last,), _ = read_all(socket)
    with server.socket(finished, f"?last_event_id={last['event_id']}") as socket:
        assert read_all(socket) == ([last], 1000)


def test_a_failure_is_told_in_words(server: Server) -> None:
    job_id = server.new_scan()
    (server.control / f"{job_id}.fail").write_text("too_dark")
    with server.socket(job_id) as socket:
        server.process_scan(job_id)
        messages, code = read_all(socket)
    assert code == 1000
    assert messages[-1]["type"] == "error"
    assert messages[-1]["data"]["message"] == "The video is too dark to see the room."
    assert messages[-1]["data"]["advice"]

    # Asked for again, its history is still no end for somebody who follows from the beginning.
    (server.control / f"{job_id}.fail").unlink()
    server.process_scan(job_id)
    with server.socket(job_id, "?last_event_id=0") as socket:
        messages, code = read_all(socket)
    assert [message["type"] for message in messages if message["type"] != "progress"] == ["complete"]


def test_several_may_listen_and_may_leave(server: Server) -> None:
    job_id = server.new_scan()
    server.hold(job_id)
    with server.socket(job_id) as one, server.socket(job_id) as other:
        with server.socket(job_id) as leaving:
            server.process_scan(job_id)
            read_until(leaving, "frames")
            leaving.send("what a client says is read past")
        server.let_go(job_id)
        ends = [read_all(socket)[0][-1] for socket in (one, other)]
    assert ends[0] == ends[1]
    assert ends[0]["type"] == "complete"


def test_a_deleted_scan_ends_its_sockets(server: Server) -> None:
    job_id = server.new_scan()
    with server.socket(job_id) as socket:
        server.client.delete(f"/api/job/{job_id}")
        messages, code = read_all(socket)
    assert (messages[-1]["type"], messages[-1]["data"]["reason"], code) == ("error", "not_found", 4404)


@pytest.mark.parametrize("job_id", ["x" * 22, "short", "%2e%2e", "x" * 5000, "a%00b", "%ff"])
def test_an_unknown_scan_is_refused(server: Server, job_id: str) -> None:
    with server.socket(job_id) as socket:
        messages, code = read_all(socket)
    assert [message["type"] for message in messages] == ["error"]
    assert code == 4404


def test_sockets_are_limited(start_server: Any) -> None:
    server = start_server(GARAZA_LIVE__MAX_SOCKETS="1")
    job_id = server.new_scan()
    server.hold(job_id)
    with server.socket(job_id) as first:
        server.process_scan(job_id)
        read_until(first, "running")
        with server.socket(job_id) as second:
            assert read_all(second) == ([], 1013)
        server.let_go(job_id)
        assert read_all(first)[1] == 1000
