"""Services that share a database and a store, over which they are told at once; and go on when it goes away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from garaza.kit.broadcast import AnyOf, BroadcastChanges, Broadcaster
from garaza.kit.changes import Changes
from tests.live.clients import Account, hear, hear_until, open_socket, register
from tests.live.worker import Worker
from tests.servers.postgres import Postgres
from tests.servers.valkey import Valkey
from tests.service.fixtures import StartServer
from tests.service.harness import PATIENCE_SECONDS, Server, eventually


@pytest.mark.anyio
async def test_what_is_told_is_heard_also_after_the_store_was_away(tmp_path: Path) -> None:
    store = Valkey(tmp_path / "log")
    telling, hearing = Broadcaster(store.url, "channel"), BroadcastChanges(store.url, "channel")
    other = Changes()
    try:
        async with AnyOf([other, hearing]) as changes:
            for _ in range(2):
                await _until(lambda: hearing.is_up)
                mark = changes.mark()
                telling.tell()
                await _until(partial(_is_past, changes, mark))
                store.kill()
                await _until(lambda: not hearing.is_up)
                # Nobody is kept waiting by it, and whoever else tells is heard.
                mark = changes.mark()
                telling.tell()
                other._tell()
                await changes.wait(mark, PATIENCE_SECONDS)
                assert changes.mark() > mark
                store.restart()
    finally:
        await telling.close()
        store.stop()


def _is_past(changes: Changes, mark: int) -> bool:
    return changes.mark() > mark


async def _until(fact: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not fact():  # noqa: ASYNC110 - it is about another server
            await asyncio.sleep(0.01)


def test_two_services_and_a_worker_are_told_of_each_others_events(
    start_server: StartServer, tmp_path: Path, postgres: Postgres, template: Path, clip: bytes
) -> None:
    """And of those that come while the store is away."""
    store = Valkey(tmp_path / "valkey.log")
    settings = {
        "GARAZA_DATABASE__URL": postgres.new_database(),
        "GARAZA_REDIS__URL": store.url,
        "GARAZA_JOBS__EMBEDDED_WORKER": "false",
        "GARAZA_ACCOUNTS__SIGNING_KEYS": "one:" + "A" * 43 + "=",
    }
    first = start_server(**settings)
    second = Server(tmp_path / "second", tmp_path / "control2", template, clip, **settings)
    try:
        anna = register(first)
        job_id = anna.upload()
        anna.process(job_id)
        with (
            Worker(first) as worker,
            open_socket(first, "/ws", anna.headers) as here,
            open_socket(second, "/ws", anna.headers) as there,
        ):
            hear(here), hear(there)
            claim = worker.claim(job_id)
            heard: dict[str, list[int]] = {"here": [], "there": []}
            for percent in range(1, 31):
                if percent == 11:
                    store.kill()
                if percent == 21:
                    store.restart()
                worker.report(claim, percent)
                for name, socket in (("here", here), ("there", there)):
                    message = hear_until(socket, "progress")[-1]
                    while message["data"]["stage"] == "running":
                        message = hear(socket)
                    heard[name].append(message["data"]["progress"])
            assert heard == {"here": list(range(1, 31)), "there": list(range(1, 31))}
        _used_once(first, second, anna, store)
    finally:
        second.stop()
        store.stop()


def _used_once(first: Server, second: Server, anna: Account, _store: Valkey) -> None:
    """A ticket that one of them has taken, the other one doesn't."""

    def refused_elsewhere() -> bool:
        # For a while after it was away, the store is left alone.
        ticket = first.client.post("/api/live/ticket", headers=anna.headers).json()["ticket"]
        with open_socket(first, f"/ws?ticket={ticket}") as socket:
            assert hear(socket)["type"] == "hello"
        with open_socket(second, f"/ws?ticket={ticket}") as socket:
            return hear(socket)["type"] == "error"

    assert eventually(refused_elsewhere, "they know of each other's tickets")
