"""Server-sent events: the same as the WebSockets tell, for those to whom they don't get through."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

from tests.live.clients import Account, register
from tests.live.worker import Worker
from tests.service.fixtures import StartServer
from tests.service.harness import NO_WORKER, PATIENCE_SECONDS, Server, eventually


@contextmanager
def stream(
    server: Server, query: str = "", account: Account | None = None, **headers: str
) -> Iterator[tuple[httpx2.Response, Iterator[dict[str, Any]]]]:
    """The answer, and its events as they come: type, cursor and data."""
    headers = {**(account.headers if account else {}), **headers}
    client = httpx2.Client(base_url=server.address, timeout=PATIENCE_SECONDS, trust_env=False)
    with client, client.stream("GET", f"/api/events{query}", headers=headers) as answer:
        yield answer, _events(answer)


def _events(answer: httpx2.Response) -> Iterator[dict[str, Any]]:
    event: dict[str, Any] = {}
    for line in answer.iter_lines():
        name, _, value = line.partition(": ")
        if not line:
            if "data" in event:
                yield {"data": json.loads(event["data"]), **{k: v for k, v in event.items() if k != "data"}}
            event = {}
        elif name:
            event[name] = value


@pytest.mark.parametrize("encoding", ["identity", "gzip", "zstd", "br"])
def test_all_ones_own_scans_are_told_as_it_happens(server: Server, encoding: str) -> None:
    anna = register(server)
    with stream(server, "", anna, **{"Accept-Encoding": encoding}) as (answer, events):
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert answer.headers["Cache-Control"] == "no-store"
        assert next(events)["event"] == "hello"
        job_id = anna.upload()
        first = next(events)
        assert (first["event"], first["data"]["job_id"]) == ("uploaded", job_id)
        anna.process(job_id)
        rest = []
        while not rest or rest[-1]["event"] != "complete":
            rest.append(next(events))
    ids = [int(event["id"]) for event in [first, *rest]]
    assert ids == [event["data"]["event_id"] for event in [first, *rest]] == sorted(set(ids))


@pytest.mark.parametrize("way", ["header", "query"])
def test_it_goes_on_after_the_last_id(server: Server, way: str) -> None:
    anna = register(server)
    job_id = anna.upload()
    anna.process(job_id)
    with stream(server, f"?job_id={job_id}&last_event_id=0", anna) as (_, events):
        told = list(events)
    assert [event["event"] for event in told] == ["uploaded", *["progress"] * (len(told) - 2), "complete"]
    for index in (0, 2):
        last = told[index]["id"]
        query, header = ("", {"Last-Event-ID": last}) if way == "header" else (f"&last_event_id={last}", {})
        with stream(server, f"?job_id={job_id}{query}", anna, **header) as (_, events):
            assert list(events) == told[index + 1 :]
    with stream(server, f"?job_id={job_id}", anna, **{"Last-Event-ID": told[-1]["id"]}) as (answer, _):
        assert answer.status_code == 204, "browsers don't come back after that"


def test_a_guests_scan_is_followed_to_its_end(server: Server) -> None:
    job_id = server.new_scan()
    with stream(server, f"?job_id={job_id}") as (_, events):
        assert next(events)["event"] == "uploaded"
        server.process_scan(job_id)
        assert list(events)[-1]["event"] == "complete"


def test_a_client_that_drops_thirty_times_hears_every_event_once(start_server: StartServer) -> None:
    server = start_server(GARAZA_JOBS__EMBEDDED_WORKER="false")
    anna = register(server)
    job_id = anna.upload()
    anna.process(job_id)
    heard: list[int] = []
    last = "0"
    with Worker(server) as worker:
        claim = worker.claim(job_id)
        for percent in range(30):
            worker.report(claim, percent)
            with stream(server, "", anna, **{"Last-Event-ID": last}) as (_, events):
                for event in events:
                    if event["event"] != "hello":
                        heard.append(event["data"]["event_id"])
                        last = event["id"]
                        if event["data"]["data"].get("progress") == percent or len(heard) % 3 == 0:
                            break
        worker.fail(claim)
    with stream(server, "", anna, **{"Last-Event-ID": last}) as (_, events):
        for event in events:
            heard += [event["data"]["event_id"]] if event["event"] != "hello" else []
            if event["event"] == "error":
                break
    known = server.client.get(f"/api/jobs/{job_id}/events?limit=1000", headers=anna.headers).json()
    assert heard == [event["event_id"] for event in known]


def test_a_ticket_opens_a_stream(server: Server) -> None:
    anna = register(server)
    ticket = server.client.post("/api/live/ticket", headers=anna.headers).json()["ticket"]
    with stream(server, f"?ticket={ticket}") as (_, events):
        assert next(events)["event"] == "hello"
    answer = server.client.get(f"/api/events?ticket={ticket}")
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_ticket")
    for name in ("token", "access_token"):
        answer = server.client.get("/api/events", params={name: anna.token})
        assert (answer.status_code, answer.json()["code"]) == (401, "token_in_address")


def test_who_may_not_see_it_is_told_so_before_it_begins(server: Server) -> None:
    anna, berta = register(server), register(server)
    job_id = anna.upload()
    for query, account, status in (
        ("", None, 401),
        (f"?job_id={job_id}", None, 401),
        (f"?job_id={job_id}", berta, 404),
        ("?job_id=" + "x" * 22, None, 404),
        ("?job_id=%00", None, 404),
    ):
        answer = server.client.get(f"/api/events{query}", headers=account.headers if account else {})
        assert answer.status_code == status, query
        assert answer.headers["Content-Type"] == "application/problem+json"


def test_it_ends_with_the_scan_that_is_deleted_and_with_the_time(start_server: StartServer) -> None:
    server = start_server(**NO_WORKER, GARAZA_LIVE__STREAM_SECONDS="2", GARAZA_LIVE__PING_SECONDS="0.1")
    anna = register(server)
    job_id = anna.upload()
    with stream(server, f"?job_id={job_id}", anna) as (_, events):
        next(events)
        server.client.delete(f"/api/job/{job_id}", headers=anna.headers)
        assert [event["event"] for event in events][-1:] in (["deleted"], [])
    answer = server.client.get("/api/events", headers=anna.headers)
    assert "\n:\n" in answer.text, "signs of life"
    assert answer.text.startswith("retry: ")


def test_a_place_is_free_again_when_a_client_has_gone(start_server: StartServer) -> None:
    server = start_server(**NO_WORKER, GARAZA_LIVE__MAX_SOCKETS="1")
    anna = register(server)

    def opens() -> bool:
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE_SECONDS) as line:
            line.sendall(f"GET /api/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {anna.token}\r\n\r\n".encode())
            return b"200 OK" in line.recv(15)

    for _ in range(3):
        assert eventually(opens, "the place is free")


def test_stopping_the_service_waits_for_nobody_who_listens(start_server: StartServer) -> None:
    server = start_server(**NO_WORKER, GARAZA_SERVER__SHUTDOWN_SECONDS="80")
    anna = register(server)
    with stream(server, "", anna) as (_, events):
        next(events)
        assert server.stop() == 0
        assert list(events) == [], "it has ended as it should"
