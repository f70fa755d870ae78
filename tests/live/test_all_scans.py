"""The WebSocket of all one's own scans: every event once, in order, from wherever a client left off."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.live.clients import Account, hear, hear_until, open_socket, read_all, refused, register
from tests.live.worker import Worker
from tests.service.fixtures import StartServer
from tests.service.harness import NO_WORKER, Server, eventually


@pytest.fixture(scope="module")
def anna(server: Server) -> Account:
    return register(server)


def ids_of(messages: list[dict[str, Any]]) -> list[int]:
    return [message["event_id"] for message in messages if "event_id" in message]


def events_of(server: Server, account: Account, job_id: str) -> list[dict[str, Any]]:
    """What the table says, which is the truth."""
    answer = server.client.get(f"/api/jobs/{job_id}/events?limit=1000", headers=account.headers)
    assert answer.status_code == 200, answer.text
    events: list[dict[str, Any]] = answer.json()
    return events


def test_all_that_happens_to_ones_own_scans_is_told(server: Server) -> None:
    anna, berta = register(server), register(server)
    before = anna.upload()
    with open_socket(server, "/ws?log=true", anna.headers) as socket:
        hello = hear(socket)
        assert hello["type"] == "hello"
        assert [job["job_id"] for job in hello["data"]["jobs"]] == [before]
        assert hello["data"]["jobs"][0]["status"] == "uploaded"
        berta.process(berta.upload())
        job_id = anna.upload()
        anna.process(job_id)
        messages = hear_until(socket, "complete", job_id)
        assert {message["job_id"] for message in messages} == {job_id}
        assert messages[0]["type"] == "uploaded"
        assert messages[-1]["data"] == {"status": "completed", "result": f"/api/result/{job_id}"}
        told = [event["event_id"] for event in events_of(server, anna, job_id)]
        assert ids_of(messages) == told
        # It goes on after that.
        server.client.delete(f"/api/job/{job_id}", headers=anna.headers)
        gone = hear(socket)
        assert (gone["type"], gone["job_id"]) == ("deleted", job_id)


def test_who_was_away_hears_all_of_it_afterwards(server: Server) -> None:
    anna = register(server)
    with open_socket(server, "/ws", anna.headers) as socket:
        cursor = hear(socket)["cursor"]
    first, second = anna.upload(), anna.upload()
    assert server.client.delete(f"/api/job/{first}", headers=anna.headers).status_code == 200
    anna.process(second)
    eventually(lambda: events_of(server, anna, second)[-1]["kind"] == "completed", "it is done")
    with open_socket(server, f"/ws?log=true&last_event_id={cursor}", anna.headers) as socket:
        hello, *messages = hear_until(socket, "complete", second)
    assert [job["job_id"] for job in hello["data"]["jobs"]] == [second]
    # What happened to a scan that is gone is gone with it, but for that.
    assert [m["type"] for m in messages if m["job_id"] == first] == ["deleted"]
    assert ids_of(messages) == sorted(set(ids_of(messages)))
    with open_socket(server, f"/ws?last_event_id={messages[-1]['cursor']}", anna.headers) as socket:
        hear(socket)
        third = anna.upload()
        assert hear(socket)["job_id"] == third, "nothing twice"


@pytest.fixture
def alone(start_server: StartServer) -> Server:
    """Without a worker of its own."""
    return start_server(GARAZA_JOBS__EMBEDDED_WORKER="false")


@pytest.mark.parametrize("path", ["/ws", "/ws/JOB"])
def test_a_client_that_drops_thirty_times_hears_every_event_once(alone: Server, path: str) -> None:
    anna = register(alone)
    job_id = anna.upload()
    anna.process(job_id)
    path = path.replace("JOB", job_id)
    heard: list[dict[str, Any]] = []
    last, drops, reported = "0", 0, 0
    with Worker(alone) as worker:
        claim = worker.claim(job_id)
        while not heard or heard[-1]["type"] != "error":
            with open_socket(alone, f"{path}?last_event_id={last}", anna.headers) as socket:
                # Some while it listens, some that come while it doesn't.
                for _ in range(drops % 3 if drops < 30 else 0):
                    worker.report(claim, reported := reported + 1)
                # What is sent after that breaks off with the line.
                for _ in range(1 + drops % 4):
                    if (message := hear(socket))["type"] != "hello":
                        heard.append(message)
                        last = message.get("cursor", message["event_id"])
                    if message["type"] == "error" or message["data"].get("progress") == reported:
                        break
                # Closed by the service already, where that was the end.
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(2)
            drops += 1
            if drops == 30:
                worker.fail(claim)
            elif drops < 30:
                worker.report(claim, reported := reported + 1)
    events = events_of(alone, anna, job_id)
    assert drops >= 30
    assert len(events) > 60
    assert ids_of(heard) == [event["event_id"] for event in events if path == "/ws" or event["kind"] != "uploaded"]


def test_a_cursor_that_is_none_begins_now(server: Server, anna: Account) -> None:
    for cursor in ("abc", "-1", "9" * 15, "1~5000-1", "5~" + "1." * 3000, "", "١"):
        with open_socket(server, f"/ws?last_event_id={cursor}", anna.headers) as socket:
            assert hear(socket)["type"] == "hello"
            job_id = anna.upload()
            assert hear(socket)["job_id"] == job_id


# Who -------------------------------------------------------------------------------------------------------------


def test_a_token_may_come_as_a_subprotocol(server: Server, anna: Account) -> None:
    with open_socket(server, "/ws", subprotocols=["garaza", f"bearer.{anna.token}"]) as socket:
        assert hear(socket)["type"] == "hello"
        assert socket.subprotocol == "garaza", "and not the token"


def test_a_ticket_opens_one_connection(server: Server, anna: Account) -> None:
    answer = server.client.post("/api/live/ticket", headers=anna.headers).json()
    assert 0 < answer["expires_in"] <= 60
    with open_socket(server, f"/ws?ticket={answer['ticket']}") as socket:
        assert hear(socket)["type"] == "hello"
    with open_socket(server, f"/ws?ticket={answer['ticket']}") as socket:
        assert refused(socket) == ("invalid_ticket", 4401)
    # It opens nothing but that.
    ticket = server.client.post("/api/live/ticket", headers=anna.headers).json()["ticket"]
    assert server.client.get("/api/jobs", headers={"Authorization": f"Bearer {ticket}"}).status_code == 401
    with open_socket(server, "/ws") as socket:
        socket.send(json.dumps({"type": "auth", "token": ticket}))
        assert refused(socket)[1] == 4401


def test_guests_get_no_ticket(server: Server) -> None:
    assert server.client.post("/api/live/ticket").status_code == 401


@pytest.mark.parametrize(
    "query", ["?ticket=", "?ticket=abc", "?ticket=a.b.c", "?ticket=TOKEN", "?token=TOKEN", "?access_token=TOKEN"]
)
def test_what_is_no_ticket_in_the_address_is_refused(server: Server, anna: Account, query: str) -> None:
    with open_socket(server, "/ws" + query.replace("TOKEN", anna.token)) as socket:
        assert refused(socket)[1] == 4401
        assert socket.close_reason in {"invalid_ticket", "token_in_address"}


@pytest.mark.parametrize(
    "message",
    [
        "",
        "nonsense",
        "[]",
        '{"type": "subscribe"}',
        '{"type": "subscribe", "job_ids": []}',
        '{"type": "subscribe", "job_ids": [1]}',
        '{"type": "subscribe", "job_ids": "x"}',
        "[" * 5000,
        json.dumps({"type": "subscribe", "job_ids": ["x"] * 51}),
        '{"type": "ping"}',
        b"bytes",
    ],
    ids=lambda message: repr(message[:40]),
)
def test_who_does_not_say_who_it_is_is_refused(server: Server, message: str | bytes) -> None:
    with open_socket(server, "/ws") as socket:
        socket.send(message)
        assert refused(socket)[1] == 4401


def test_guests_follow_scans_by_their_ids(server: Server, anna: Account) -> None:
    one, other, annas = server.new_scan(), server.new_scan(), anna.upload()
    with open_socket(server, "/ws") as socket:
        socket.send(json.dumps({"type": "subscribe", "job_ids": [one, other, annas, "x" * 22]}))
        assert {job["job_id"] for job in hear(socket)["data"]["jobs"]} == {one, other}
        anna.process(annas)
        server.process_scan(one)
        messages = hear_until(socket, "complete", one)
        assert {message["job_id"] for message in messages} == {one}
        server.client.delete(f"/api/job/{other}")
        assert hear_until(socket, "deleted", other)
    with open_socket(server, "/ws?last_event_id=0") as socket:
        socket.send(json.dumps({"type": "subscribe", "job_ids": [one]}))
        hear(socket)
        assert ids_of(hear_until(socket, "complete"))[1:] == ids_of(messages)
    with open_socket(server, "/ws") as socket:
        socket.send(json.dumps({"type": "subscribe", "job_ids": [annas]}))
        assert refused(socket) == ("not_found", 4404)


def test_rubbish_is_read_past_and_pings_are_answered(server: Server, anna: Account) -> None:
    with open_socket(server, "/ws", anna.headers) as socket:
        hear(socket)
        for message in (
            "",
            "nonsense",
            "[]",
            "null",
            "1",
            '{"type": []}',
            b"bytes",
            "[" * 5000,
            '{"type": "subscribe"}',
        ):
            socket.send(message)
        socket.send('{"type": "ping"}')
        assert hear(socket)["type"] == "pong"


def test_a_flood_is_sent_away(server: Server, anna: Account) -> None:
    with open_socket(server, "/ws", anna.headers) as socket:
        hear(socket)
        for _ in range(61):
            socket.send("x")
        assert read_all(socket) == ([], 4429)


# For how long ------------------------------------------------------------------------------------------------------


def test_it_ends_with_the_token_unless_there_is_a_new_one(start_server: StartServer) -> None:
    server = start_server(**NO_WORKER, GARAZA_ACCOUNTS__ACCESS_TOKEN_SECONDS="60")
    anna = register(server)
    with open_socket(server, "/ws", anna.headers) as socket:
        warning = hear_until(socket, "expiring")[-1]
        fresh = server.client.post("/api/auth/refresh", json={"refresh_token": anna.refresh_token})
        socket.send(json.dumps({"type": "auth", "token": fresh.json()["access_token"]}))
        assert hear_until(socket, "expiring")[-1]["data"]["expires_at"] >= warning["data"]["expires_at"]
        socket.send(json.dumps({"type": "auth", "token": register(server).token}))
        assert refused(socket) == ("another_account", 4401)


def test_it_ends_with_the_login(server: Server) -> None:
    anna = register(server)
    with open_socket(server, "/ws", anna.headers) as socket:
        hear(socket)
        assert server.client.post("/api/auth/logout", headers=anna.headers).status_code == 200
        assert read_all(socket) == ([], 4401)
        assert socket.close_reason == "signed out"


# How many ----------------------------------------------------------------------------------------------------------


def test_one_account_has_so_many_and_a_place_that_was_left_is_free(start_server: StartServer) -> None:
    server = start_server(**NO_WORKER, GARAZA_LIVE__MAX_SOCKETS_PER_USER="2")
    anna, berta = register(server), register(server)
    with open_socket(server, "/ws", anna.headers) as first, open_socket(server, "/ws", anna.headers) as second:
        hear(first), hear(second)
        with open_socket(server, "/ws", anna.headers) as third:
            assert read_all(third) == ([], 4429)
            assert third.close_reason == "too_many_of_yours"
        stream = server.client.get("/api/events", headers=anna.headers)
        assert (stream.status_code, stream.json()["code"]) == (429, "too_many_of_yours")
        with open_socket(server, "/ws", berta.headers) as hers:
            hear(hers)
        # However they end.
        first.socket.shutdown(2)
        second.close()

    for _ in range(5):
        assert eventually(lambda: _opens(server, anna), "a place is free again")
    assert "garaza_live_refused_total 2.0" in server.client.get("/metrics").text
    eventually(lambda: "garaza_live_connections 0.0" in server.client.get("/metrics").text, "all places are free")


def _opens(server: Server, account: Account) -> bool:
    with open_socket(server, "/ws", account.headers) as socket:
        try:
            return hear(socket)["type"] == "hello"
        except ConnectionClosed:
            return False


# Signs of life -----------------------------------------------------------------------------------------------------


def test_a_client_that_gives_no_sign_of_life_is_sent_away(start_server: StartServer) -> None:
    server = start_server(**NO_WORKER, GARAZA_LIVE__PING_SECONDS="1")
    anna = register(server)
    with (
        open_socket(server, "/ws?heartbeat=app", anna.headers) as silent,
        open_socket(server, "/ws?heartbeat=app", anna.headers) as alive,
    ):
        hear(alive)
        for _ in range(3):
            assert hear(alive)["type"] == "ping"
            alive.send('{"type": "pong"}')
        messages, code = read_all(silent)
        assert {message["type"] for message in messages} == {"hello", "ping"}
        assert (code, silent.close_reason) == (4408, "no sign of life")


def test_stopping_the_service_waits_for_nobody_who_listens(start_server: StartServer) -> None:
    server = start_server(**NO_WORKER)
    anna = register(server)
    with open_socket(server, "/ws", anna.headers) as socket:
        hear(socket)
        assert server.stop() == 0
        assert read_all(socket)[1] == 1012
