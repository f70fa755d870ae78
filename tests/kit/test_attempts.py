"""Guessing gets slower wherever it comes from, and the owner gets in all the same."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from garaza.kit.limiting.attempts import KNOWN_SECONDS, Attempts, MemoryAttempts, Patience
from garaza.kit.shared_store import SharedStore
from tests.clock import SettableClock
from tests.servers.fixtures import valkey
from tests.servers.valkey import Valkey

__all__ = ["valkey"]

pytestmark = pytest.mark.anyio

RULES = Patience(free=3, first_seconds=10, longest_seconds=100, forget_seconds=900)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture(params=["memory", "shared"])
async def attempts(request: pytest.FixtureRequest, clock: SettableClock) -> AsyncIterator[Attempts]:
    memory = MemoryAttempts(RULES, clock=clock)
    if request.param == "memory":
        yield Attempts(RULES, memory)
        return
    server: Valkey = request.getfixturevalue("valkey")
    store = SharedStore(server.url, patience=60)
    yield Attempts(RULES, memory, store, clock=clock)
    assert store.fallbacks == 0
    await store.close()
    server.flush()


async def wait(attempts: Attempts, key: str = "anna", place: str = "") -> float:
    return round((await attempts.begin(key, place)).wait_seconds, 3)


async def test_the_wait_doubles_up_to_an_end(attempts: Attempts, clock: SettableClock) -> None:
    assert [await wait(attempts) for _ in range(3)] == [0, 0, 0]
    seen = []
    for _ in range(6):
        seconds = await wait(attempts)
        seen.append(seconds)
        clock.now += seconds
        assert await wait(attempts) == 0
    assert seen == [10, 20, 40, 80, 100, 100]


async def test_asking_while_one_has_to_wait_makes_it_no_longer(attempts: Attempts, clock: SettableClock) -> None:
    for _ in range(3):
        await wait(attempts)
    assert [await wait(attempts) for _ in range(50)] == [10] * 50
    clock.now += 10
    assert await wait(attempts) == 0


async def test_a_success_forgets_what_was_wrong(attempts: Attempts) -> None:
    for _ in range(2):
        await wait(attempts)
    await attempts.succeed(await attempts.begin("anna", ""))
    assert [await wait(attempts) for _ in range(3)] == [0, 0, 0]
    assert await wait(attempts) == 10


async def test_after_a_while_all_is_forgotten(attempts: Attempts, clock: SettableClock) -> None:
    for _ in range(3):
        await wait(attempts)
    clock.now += 10 + 900.1
    if attempts._shared is not None:
        # Its entries end by its own clock, which nobody can set: that they will is all there is to see.
        client = attempts._shared._client
        assert 0 < await client.pttl("attempts:anna") <= 910_000
        return
    assert [await wait(attempts) for _ in range(3)] == [0, 0, 0]


async def test_where_somebody_has_been_in_before_they_are_not_held_up_by_others(attempts: Attempts) -> None:
    await attempts.succeed(await attempts.begin("anna", "home"))
    for number in range(3):
        await wait(attempts, place=f"attacker{number}")
    assert await wait(attempts, place="elsewhere") == 10
    # Their own mistakes count there too, but for themselves.
    assert [await wait(attempts, place="home") for _ in range(3)] == [0, 0, 0]
    assert await wait(attempts, place="home") == 10
    assert await wait(attempts, key="ben", place="home") == 0


async def test_getting_in_at_home_helps_nobody_elsewhere(attempts: Attempts) -> None:
    await attempts.succeed(await attempts.begin("anna", "home"))
    for _ in range(3):
        await wait(attempts, place="elsewhere")
    await attempts.succeed(await attempts.begin("anna", "home"))
    assert await wait(attempts, place="elsewhere") == 10


async def test_what_came_to_nothing_is_taken_back(attempts: Attempts) -> None:
    for _ in range(20):
        await attempts.undo(await attempts.begin("anna", ""))
    assert [await wait(attempts) for _ in range(3)] == [0, 0, 0]


async def test_taking_one_back_ends_no_wait_that_others_deserved(attempts: Attempts, clock: SettableClock) -> None:
    slow = await attempts.begin("anna", "")
    assert [await wait(attempts) for _ in range(2)] == [0, 0]
    clock.now += 10
    assert await wait(attempts) == 0
    assert await wait(attempts) == 20
    await attempts.undo(slow)
    assert await wait(attempts) == 20


def test_memory_is_bounded() -> None:
    clock = SettableClock()
    memory = MemoryAttempts(RULES, max_keys=50, clock=clock)
    for number in range(1000):
        memory.succeed(memory.begin(f"somebody{number}", "home"))
        memory.begin(f"nobody{number}", "elsewhere")
    assert len(memory) <= 100


def test_a_place_is_known_for_a_month() -> None:
    clock = SettableClock()
    memory = MemoryAttempts(RULES, clock=clock)
    memory.succeed(memory.begin("anna", "home"))
    clock.now += KNOWN_SECONDS - 1
    assert memory.begin("anna", "home").known
    clock.now += 2
    assert not memory.begin("anna", "home").known


def test_the_longest_wait_is_the_longest() -> None:
    assert Patience().wait_after(10**9) == Patience().longest_seconds == 900
