"""Who may follow a scan by WebSocket."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed

from tests.live.clients import Account, read_all, refused, register, socket
from tests.service.fixtures import StartServer
from tests.service.harness import NO_WORKER, PATIENCE_SECONDS, Server


@pytest.fixture(scope="module")
def anna(server: Server) -> Account:
    return register(server)


@pytest.fixture(scope="module")
def scan(anna: Account) -> str:
    job_id = anna.upload()
    anna.process(job_id)
    return job_id


@pytest.mark.parametrize("way", ["header", "message"])
def test_the_owner_follows_a_scan_to_its_end(server: Server, way: str) -> None:
    anna = register(server)
    job_id = anna.upload()
    server.hold(job_id)
    with socket(server, job_id, anna.headers if way == "header" else None) as connection:
        if way == "message":
            connection.send(anna.message)
        anna.process(job_id)
        first = json.loads(connection.recv(timeout=PATIENCE_SECONDS))
        server.let_go(job_id)
        rest, code = read_all(connection)
    assert first["type"] == "progress"
    assert set(first["data"]) >= {"stage", "progress", "current_frame", "total_frames", "message"}
    assert (rest[-1]["type"], code) == ("complete", 1000)
    result = server.client.get(f"/api/result/{job_id}", headers=anna.headers).json()
    assert rest[-1]["data"] == result


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_written_in_any_case(server: Server, anna: Account, scan: str, scheme: str) -> None:
    with socket(server, scan, {"Authorization": f"{scheme} {anna.token}"}) as connection:
        messages, code = read_all(connection)
    assert (messages[-1]["type"], code) == ("complete", 1000)


@pytest.mark.parametrize("way", ["header", "message"])
@pytest.mark.parametrize("token", ["nonsense", "", "a.b.c", "x" * 5000])
def test_a_token_that_is_none_is_refused(server: Server, scan: str, way: str, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"} if way == "header" else None
    with socket(server, scan, headers) as connection:
        if way == "message":
            connection.send(json.dumps({"type": "auth", "token": token}))
        assert refused(connection)[1] == 4401


@pytest.mark.parametrize(
    "message",
    [
        "",
        "nonsense",
        "[]",
        "null",
        '{"type": "auth"}',
        '{"type": "auth", "token": 5}',
        '{"type": "hello", "token": "TOKEN"}',
        '{"token": "TOKEN"}',
        '{"type": "auth", "token": "TOKEN\\u0000"}',
        '{"type": "auth", "token": "\\ud800"}',
        "[" * 5000,
        "9" * 8000,
        " " * 9000 + '{"type": "auth", "token": "TOKEN"}',
        b"bytes",
    ],
    ids=lambda message: repr(message[:40]),
)
def test_a_first_message_that_does_not_say_who_it_is_is_refused(
    server: Server, anna: Account, scan: str, message: str | bytes
) -> None:
    with socket(server, scan) as connection:
        connection.send(message.replace("TOKEN", anna.token) if isinstance(message, str) else message)
        assert refused(connection)[1] == 4401


def test_a_token_in_the_address_opens_nothing(start_server: StartServer) -> None:
    server = start_server(**NO_WORKER, GARAZA_LIVE__AUTH_SECONDS="0.2")
    anna = register(server)
    job_id = anna.upload()
    for query in (f"?token={anna.token}", f"?access_token={anna.token}"):
        with socket(server, f"{job_id}{query}") as connection:
            assert refused(connection) == ("token_in_address", 4401)
            assert connection.close_reason == "token_in_address"
    with socket(server, job_id) as connection:
        # Nobody says anything, and isn't waited for for ever.
        assert refused(connection) == ("not_authenticated", 4401)


def test_a_token_that_was_signed_out_is_refused(server: Server) -> None:
    anna = register(server)
    job_id = anna.upload()
    assert server.client.post("/api/auth/logout", headers=anna.headers).status_code == 200
    with socket(server, job_id, anna.headers) as connection:
        assert refused(connection)[1] == 4401


@pytest.mark.parametrize("way", ["header", "message"])
def test_somebody_elses_scan_looks_like_none(server: Server, scan: str, way: str) -> None:
    berta = register(server)
    answers = []
    for job_id in (scan, "0" * 22):
        with socket(server, job_id, berta.headers if way == "header" else None) as connection:
            if way == "message":
                # Where there is none, that may be said before anything was asked.
                with suppress(ConnectionClosed):
                    connection.send(berta.message)
            answers.append(read_all(connection))
    assert answers[0] == answers[1]
    assert answers[0][1] == 4404


def test_a_guests_scan_needs_no_token(server: Server) -> None:
    job_id = server.finished_scan()
    berta = register(server)
    # One that isn't needed does no harm, be it sent before or after.
    for headers, message in ((None, None), (berta.headers, None), (None, berta.message)):
        with socket(server, job_id, headers) as connection:
            if message is not None:
                connection.send(message)
            messages, code = read_all(connection)
        assert (messages[-1]["type"], code) == ("complete", 1000)


def test_a_deleted_scan_ends_its_owners_socket(server: Server) -> None:
    anna = register(server)
    job_id = anna.upload()
    with socket(server, job_id, anna.headers) as connection:
        assert server.client.delete(f"/api/job/{job_id}", headers=anna.headers).status_code == 200
        assert refused(connection) == ("not_found", 4404)


def test_what_was_missed_is_told_to_the_owner_again(server: Server, anna: Account, scan: str) -> None:
    with socket(server, f"{scan}?last_event_id=0", anna.headers) as connection:
        messages, code = read_all(connection)
    # By now the scan has ended, whichever test comes first.
    server_events = server.client.get(f"/api/jobs/{scan}/events", headers=anna.headers)
    assert server_events.status_code == 200
    ids = [event["event_id"] for event in server_events.json()]
    assert {message["event_id"] for message in messages} <= set(ids)
    assert (messages[-1]["type"], code) == ("complete", 1000)
    with socket(server, f"{scan}?last_event_id={ids[0]}") as connection:
        connection.send(json.dumps({"type": "auth", "token": "nonsense"}))
        assert refused(connection)[1] == 4401
