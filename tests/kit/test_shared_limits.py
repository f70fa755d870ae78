"""Several processes count at one Valkey, and go on without it."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from garaza.kit.limiting.rates import Limit, MemoryRates, Rates, Verdict
from garaza.kit.shared_store import Script, SharedStore
from tests.clock import SettableClock
from tests.servers.fixtures import valkey
from tests.servers.valkey import Valkey
from tests.service.harness import PATIENCE_SECONDS, ROOT

__all__ = ["valkey"]

pytestmark = pytest.mark.anyio

HOUR = 3600.0
ECHO = Script("return ARGV[1]")

PROCESS = """
import asyncio, json, sys
from garaza.kit.limiting.rates import Limit, MemoryRates, Rates
from garaza.kit.shared_store import SharedStore

async def main():
    store = SharedStore(sys.argv[1], patience=60)
    rates = Rates(MemoryRates(), store)
    sys.stdin.readline()
    verdicts = await asyncio.gather(*(rates.hit("together", Limit(50, 3600)) for _ in range(40)))
    await store.close()
    print(json.dumps([sum(verdict.allowed for verdict in verdicts), store.fallbacks]))

asyncio.run(main())
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def store(valkey: Valkey) -> AsyncIterator[SharedStore]:
    store = SharedStore(valkey.url, patience=60)
    yield store
    assert store.fallbacks == 0
    await store.close()
    valkey.flush()


@pytest.fixture
def own(tmp_path: Path) -> AsyncIterator[Valkey]:
    """One to be taken away."""
    with Valkey(tmp_path / "log") as server:
        yield server


async def test_it_counts_there_as_in_memory(store: SharedStore) -> None:
    clock = SettableClock()
    memory = MemoryRates(clock=clock)
    shared = Rates(MemoryRates(), store, clock=clock)
    for requests, seconds in ((1, 0.5), (3, 7.0), (100, 60.0)):
        limit = Limit(requests, seconds)
        for number in range(300):
            clock.now += (number * 7919 % 13) * seconds / requests / 10
            key = f"{requests}"
            assert await shared.hit(key, limit) == memory.hit(key, limit)


async def test_without_a_clock_of_ours_it_takes_its_own(store: SharedStore) -> None:
    rates = Rates(MemoryRates(), store)
    limit = Limit(2, HOUR)
    assert [(await rates.hit("a", limit)).allowed for _ in range(3)] == [True, True, False]
    # What is no longer needed goes by itself.
    assert 0 < await store._client.pttl("rate:a") <= HOUR * 1000


async def test_two_processes_have_one_allowance(valkey: Valkey, store: SharedStore) -> None:
    processes = [
        subprocess.Popen(  # noqa: ASYNC220 - nothing else happens meanwhile
            [sys.executable, "-c", PROCESS, valkey.url],
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    found = [json.loads(process.communicate("go\n", PATIENCE_SECONDS)[0]) for process in processes]
    assert [fallbacks for _, fallbacks in found] == [0, 0]
    assert sum(allowed for allowed, _ in found) == 50


async def test_many_at_once_have_one_allowance(store: SharedStore) -> None:
    rates = Rates(MemoryRates(), store)
    verdicts = await asyncio.gather(*(rates.hit("crowd", Limit(30, HOUR)) for _ in range(200)))
    assert sum(verdict.allowed for verdict in verdicts) == 30


async def test_scripts_are_sent_again_to_whoever_has_forgotten_them(store: SharedStore) -> None:
    assert await store.run(ECHO, [], ["one"]) == b"one"
    await store._client.script_flush()
    assert await store.run(ECHO, [], ["two"]) == b"two"


async def test_when_it_dies_each_counts_by_itself_until_it_is_back(
    own: Valkey, caplog: pytest.LogCaptureFixture
) -> None:
    clock = SettableClock()
    store = SharedStore(own.url, patience=60, clock=clock)
    rates = Rates(MemoryRates(), store)
    limit = Limit(3, HOUR)
    with caplog.at_level(logging.WARNING):
        assert (await rates.hit("a", limit)).remaining == 2
        own.kill()
        # Under way at the same time, and none is lost or let through uncounted.
        verdicts = await asyncio.gather(*(rates.hit("a", limit) for _ in range(10)))
        assert sum(verdict.allowed for verdict in verdicts) == 3
        assert store.is_away
        for _ in range(20):
            clock.now += 20
            assert not (await rates.hit("a", limit)).allowed
        assert [record.message for record in caplog.records if "can't be used" in record.message] != []
        assert len(caplog.records) == 1
        own.restart()
        clock.now += 20
        assert (await rates.hit("a", limit)).remaining == 2
    assert not store.is_away
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert own.url not in caplog.text
    await store.close()


async def test_those_who_wait_for_its_answer_when_it_dies_are_counted_too(own: Valkey) -> None:
    store = SharedStore(own.url, patience=PATIENCE_SECONDS)
    rates = Rates(MemoryRates(), store)
    limit = Limit(3, HOUR)
    await asyncio.gather(*(rates.hit("others", limit) for _ in range(10)))
    own.pause()
    asking = [asyncio.create_task(rates.hit("a", limit)) for _ in range(10)]
    await asyncio.sleep(0.1)
    assert not any(task.done() for task in asking)
    own.kill()
    verdicts = await asyncio.gather(*asking)
    assert sum(verdict.allowed for verdict in verdicts) == 3
    assert store.fallbacks == 10
    await store.close()


async def test_a_silent_one_is_waited_for_once_and_not_by_everybody(own: Valkey) -> None:
    clock = SettableClock()
    store = SharedStore(own.url, patience=0.2, clock=clock)
    assert await store.run(ECHO, [], ["x"]) == b"x"
    own.pause()
    assert await asyncio.gather(*(store.run(ECHO, [], ["x"]) for _ in range(50))) == [None] * 50
    loop = asyncio.get_running_loop()
    asked = 0
    connect = store._try

    async def counted(*arguments: object) -> object:
        nonlocal asked
        asked += 1
        return await connect(*arguments)

    store._try = counted
    # The pause is not over: nobody asks.
    assert [await store.run(ECHO, [], ["x"]) for _ in range(100)] == [None] * 100
    assert asked == 0
    # It is over: one asks, for all.
    clock.now += 20
    assert await asyncio.gather(*(store.run(ECHO, [], ["x"]) for _ in range(100))) == [None] * 100
    assert asked == 1
    own.resume()
    clock.now += 40
    deadline = loop.time() + PATIENCE_SECONDS
    while await store.run(ECHO, [], ["x"]) != b"x":
        assert loop.time() < deadline
        clock.now += 40
    await store.close()


async def test_one_that_was_never_there_costs_nothing_but_the_first_try() -> None:
    store = SharedStore("redis://127.0.0.1:1/0", clock=SettableClock())
    rates = Rates(MemoryRates(), store)
    verdict = await rates.hit("a", Limit(2, HOUR))
    assert verdict == Verdict(allowed=True, remaining=1, reset_seconds=HOUR / 2, retry_seconds=0)
    assert store.is_away
    await store.close()


async def test_who_is_cancelled_while_it_asks_leaves_nothing_mixed_up(store: SharedStore) -> None:
    for number in range(50):
        asking = asyncio.create_task(store.run(ECHO, [], [f"lost{number}"]))
        for _ in range(number % 7):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert await store.run(ECHO, [], [f"kept{number}"]) == f"kept{number}".encode()


async def test_it_can_be_used_again_after_it_was_closed(store: SharedStore) -> None:
    assert await store.run(ECHO, [], ["x"]) == b"x"
    await store.close()
    assert await store.run(ECHO, [], ["y"]) == b"y"
