"""Copies in memory: found out once, bounded, and never given out when they are outdated."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field

import pytest

from garaza.kit.cache.cache import Cache, Life, Subject
from garaza.kit.cache.codecs import JsonCodec
from garaza.kit.cache.memory import OVERHEAD_BYTES, VALUE_BYTES, Entry, MemoryTier
from garaza.kit.current_request import CurrentRequest, current_request
from tests.clock import SettableClock

pytestmark = pytest.mark.anyio

LIFE = 100.0


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Source:
    """Where it is found out; counts how often. What is asked for may be held until it is let go."""

    value: str | None = "old"
    asked: int = 0
    began: asyncio.Event = field(default_factory=asyncio.Event)
    let_go: asyncio.Event | None = None
    failing: bool = False

    async def read(self) -> str | None:
        self.asked += 1
        value = self.value
        self.began.set()
        await (self.let_go.wait() if self.let_go is not None else asyncio.sleep(0))
        if self.failing:
            raise OSError
        return value

    def hold(self) -> None:
        self.began, self.let_go = asyncio.Event(), asyncio.Event()

    def release(self) -> None:
        assert self.let_go is not None
        self.let_go.set()
        self.let_go = None


@dataclass
class World:
    """One subject, and the time that it lives in."""

    alone: bool = True
    strict: bool = False
    max_bytes: int = 1 << 20
    max_entries: int = 1000
    generation: object = None
    validated: bool = False
    keep: float | None = None

    def __post_init__(self) -> None:
        self.clock = SettableClock(1000.0)
        self.cache = Cache(MemoryTier(self.max_bytes, self.max_entries), alone=self.alone, clock=self.clock)
        self.source = Source()
        self.subject: Subject[str] = Subject(
            self.cache,
            "word",
            JsonCodec(str),
            Life(LIFE, 10, strict=self.strict),
            validator=(lambda: self.generation) if self.validated else None,
            keep=lambda _value: self.keep,
        )

    async def get(self, key: str = "k") -> str | None:
        return await self.subject.get_or_compute(key, [f"name:{key}", "all"], self.source.read)

    async def settled(self) -> None:
        while self.cache._tasks:
            await asyncio.gather(*self.cache._tasks, return_exceptions=True)


@pytest.fixture
def world() -> World:
    return World()


# Finding out once ------------------------------------------------------------------------------------------------


async def test_a_hundred_who_ask_at_once_have_it_found_out_once(world: World) -> None:
    assert await asyncio.gather(*(world.get() for _ in range(100))) == ["old"] * 100
    assert await world.get() == "old"
    assert world.source.asked == 1
    assert world.cache.misses["word"] == 1
    assert world.cache.hits["word", "memory"] == 1


async def test_others_are_not_waited_for(world: World) -> None:
    world.source.hold()
    waiting = asyncio.create_task(world.get("a"))
    await world.source.began.wait()
    world.source.let_go, held = None, world.source.let_go
    assert await world.get("b") == "old"
    assert not waiting.done()
    held.set()
    assert await waiting == "old"


async def test_who_leaves_takes_nothing_away_from_those_who_wait(world: World) -> None:
    world.source.hold()
    first = asyncio.create_task(world.get())
    await world.source.began.wait()
    others = [asyncio.create_task(world.get()) for _ in range(5)]
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    world.source.release()
    assert await asyncio.gather(*others) == ["old"] * 5
    assert first.cancelled()
    assert world.source.asked == 1


async def test_what_fails_is_told_to_all_and_tried_again(world: World) -> None:
    world.source.failing = True
    found = await asyncio.gather(*(world.get() for _ in range(10)), return_exceptions=True)
    assert [type(one) for one in found] == [OSError] * 10
    world.source.failing = False
    assert await world.get() == "old"
    assert world.source.asked == 2


# Outdated --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["name:k", "all"])
async def test_any_of_its_names_outdates_it(world: World, name: str) -> None:
    await world.get()
    world.source.value = "new"
    await world.cache.outdate("name:other")
    assert await world.get() == "old"
    await world.cache.outdate(name)
    assert await world.get() == "new"


async def test_one_name_outdates_all_that_have_it(world: World) -> None:
    for key in "abc":
        await world.get(key)
    world.source.value = "new"
    await world.cache.outdate("all")
    assert [await world.get(key) for key in "abc"] == ["new"] * 3


async def test_what_was_read_before_a_commit_is_not_kept_after_it(world: World) -> None:
    world.source.hold()
    slow = asyncio.create_task(world.get())
    await world.source.began.wait()
    async with world.cache.announcing(["name:k"]):
        world.source.value = "new"
    # Who asks after the commit doesn't join who asked before, either.
    fast = asyncio.create_task(world.get())
    await asyncio.sleep(0)
    world.source.release()
    assert (await slow, await fast) == ("old", "new")
    assert await world.get() == "new"


async def test_a_commit_that_failed_may_have_been_one(world: World) -> None:
    await world.get()
    with pytest.raises(KeyError):
        async with world.cache.announcing(["name:k"]):
            world.source.value = "new"
            raise KeyError
    assert await world.get() == "new"


async def test_whatever_the_order_nobody_is_given_what_was_before_a_commit_that_he_knows_of(world: World) -> None:
    """Readers and writers at random: who asks after a write has ended is given that or a later one."""
    chance = random.Random(7)
    written = dict.fromkeys("abcd", 0)
    stored = dict(written)

    async def read(key: str) -> None:
        async def compute() -> str:
            value = stored[key]
            for _ in range(chance.randrange(6)):
                await asyncio.sleep(0)
            return str(value)

        for _ in range(300):
            known = written[key]
            found = await world.subject.get_or_compute(key, [key], compute)
            assert int(found or -1) >= known, "an old copy"
            if chance.random() < 0.3:
                await asyncio.sleep(0)

    async def write(key: str) -> None:
        for number in range(1, 150):
            async with world.cache.announcing([key]):
                await asyncio.sleep(0)
                stored[key] = number
                for _ in range(chance.randrange(3)):
                    await asyncio.sleep(0)
            written[key] = number
            for _ in range(chance.randrange(20)):
                await asyncio.sleep(0)

    await asyncio.gather(*(read(key) for key in written for _ in range(4)), *map(write, written))
    assert world.cache.hits["word", "memory"] > 100


async def test_a_validator_that_says_something_else_outdates_all() -> None:
    world = World(validated=True, generation=1)
    assert [await world.get(), await world.get()] == ["old"] * 2
    assert world.source.asked == 1
    world.source.value, world.generation = "new", 2
    assert await world.get() == "new"
    # It can't be said now: then it is looked.
    world.source.value, world.generation = "newer", None
    assert [await world.get(), await world.get()] == ["newer"] * 2
    assert world.source.asked == 4


async def test_what_was_begun_before_the_validator_changed_is_not_joined() -> None:
    world = World(validated=True, generation=1)
    world.source.hold()
    slow = asyncio.create_task(world.get())
    await world.source.began.wait()
    world.source.value, world.generation = "new", 2
    fast = asyncio.create_task(world.get())
    await asyncio.sleep(0)
    world.source.release()
    assert (await slow, await fast, await world.get()) == ("old", "new", "new")


async def test_where_nobody_tells_copies_are_good_for_a_moment() -> None:
    world = World(alone=False)
    assert [await world.get(), await world.get()] == ["old"] * 2
    assert world.source.asked == 1
    world.source.value = "new"
    world.clock.now += 2
    assert await world.get() == "new"


async def test_where_nobody_tells_strict_ones_are_not_given_out() -> None:
    world = World(alone=False, strict=True)
    assert [await world.get(), await world.get()] == ["old"] * 2
    assert world.source.asked == 2


async def test_names_that_are_forgotten_outdate_more_and_never_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("garaza.kit.cache.memory._MOST_NAMES", 10)
    tier = MemoryTier(1 << 20, 100)
    tier.put("old", entry(tier, "a"))
    tier.outdate(["a"])
    later = entry(tier, "b")
    tier.put("later", later)
    for number in range(10):
        tier.outdate([str(number)])
    assert tier.get("old") is None
    assert tier.get("later") is later
    for number in range(20):
        tier.outdate([f"x{number}"])
    assert tier.get("later") is None


# Time ------------------------------------------------------------------------------------------------------------


async def test_a_copy_has_its_time(world: World) -> None:
    await world.get()
    world.source.value = "new"
    world.clock.now += LIFE
    assert await world.get() == "new"


async def test_that_there_is_nothing_is_kept_for_less_long(world: World) -> None:
    world.source.value = None
    assert [await world.get(), await world.get()] == [None, None]
    assert world.source.asked == 1
    world.source.value = "new"
    world.clock.now += 10
    assert await world.get() == "new"


async def test_a_value_says_how_long_it_is_kept() -> None:
    world = World(keep=0.0)
    await world.get()
    await world.get()
    assert world.source.asked == 2


async def test_before_its_time_ends_one_finds_it_out_anew_and_nobody_waits(world: World) -> None:
    await world.get()
    world.source.value = "new"
    world.clock.now += 0.79 * LIFE
    await world.get()
    assert not world.cache._tasks
    world.clock.now += 0.17 * LIFE
    world.source.hold()
    assert [await world.get() for _ in range(10)] == ["old"] * 10
    await world.source.began.wait()
    world.source.release()
    await world.settled()
    assert (world.source.asked, world.cache.refreshes["word"]) == (2, 1)
    world.clock.now += 0.5 * LIFE
    assert await world.get() == "new"
    assert world.source.asked == 2


async def test_what_could_not_be_renewed_is_given_out_until_its_time(world: World) -> None:
    await world.get()
    world.clock.now += 0.96 * LIFE
    world.source.failing = True
    assert await world.get() == "old"
    await world.settled()
    assert [await world.get() for _ in range(5)] == ["old"] * 5
    assert (world.source.asked, world.cache.errors["word", "refresh"]) == (2, 1)


async def test_what_was_renewed_from_before_a_commit_is_not_kept(world: World) -> None:
    await world.get()
    world.clock.now += 0.96 * LIFE
    world.source.hold()
    await world.get()
    await world.source.began.wait()
    async with world.cache.announcing(["all"]):
        world.source.value = "new"
    world.source.release()
    await world.settled()
    assert await world.get() == "new"


# At hand ----------------------------------------------------------------------------------------------------------


async def test_what_is_at_hand_is_given_out_without_waiting(world: World) -> None:
    assert world.subject.at_hand("k") is None
    await world.get()
    first = world.subject.at_hand("k")
    assert first == "old"
    # Read once.
    assert world.subject.at_hand("k") is first
    assert (await world.get()) is first
    assert (world.source.asked, world.cache.hits["word", "memory"]) == (1, 3)


async def test_what_is_outdated_ended_or_has_to_be_renewed_is_not_at_hand(world: World) -> None:
    await world.get()
    # Whoever is told "none" asks, and so has it found out anew.
    world.clock.now += 0.96 * LIFE
    assert world.subject.at_hand("k") is None
    assert (await world.get(), world.source.asked) == ("old", 1)
    await world.settled()
    assert (world.subject.at_hand("k"), world.source.asked) == ("old", 2)
    async with world.cache.announcing(["name:k"]):
        pass
    assert world.subject.at_hand("k") is None
    await world.get()
    world.clock.now += LIFE
    assert world.subject.at_hand("k") is None


async def test_neither_that_there_is_nothing_nor_what_can_not_be_read_is_at_hand(world: World) -> None:
    world.source.value = None
    assert await world.get() is None
    assert world.subject.at_hand("k") is None
    world.source.value = "new"
    assert await world.get("other") == "new"
    world.cache.memory._entries["word:other"].data = b"{"
    assert world.subject.at_hand("other") is None


@pytest.mark.parametrize("validated", [False, True])
async def test_nothing_is_at_hand_of_what_others_may_have_changed(validated: bool) -> None:
    world = World(alone=validated, strict=True, validated=validated, generation=1)
    world.cache._alone = True
    await world.get()
    assert world.subject.at_hand("k") == "old"
    world.cache._alone, world.generation = False, None
    assert world.subject.at_hand("k") is None
    world.cache._alone, world.generation = True, 2
    assert world.subject.at_hand("k") == (None if validated else "old")


# Room ------------------------------------------------------------------------------------------------------------


def entry(tier: MemoryTier, name: str = "a", size: int = 10) -> Entry:
    return Entry(b"x" * size, (name,), tier.now, 0, 100, 90)


def test_it_takes_no_more_bytes_than_it_may() -> None:
    chance = random.Random(3)
    tier = MemoryTier(100_000, 1_000_000)
    for _ in range(3000):
        tier.put(f"key{chance.randrange(500)}", entry(tier, size=chance.randrange(5000)))
        assert tier.bytes <= 100_000
    assert tier.evictions > 100
    held = sum(len(key) + len(one.data or b"") + OVERHEAD_BYTES for key, one in tier._entries.items())
    assert tier.bytes == held
    for key in list(tier._entries):
        tier.drop(key)
    assert tier.bytes == 0


def test_what_data_says_takes_room_too() -> None:
    tier = MemoryTier(20_000, 100)
    for number in range(10):
        tier.put(str(number), entry(tier))
    before = tier.bytes
    kept = tier.get("9")
    assert kept is not None
    tier.add_value("9", kept, "what it says")
    tier.add_value("9", kept, "twice is once")
    assert (kept.value, tier.bytes) == ("what it says", before + VALUE_BYTES + 10)
    tier.drop("9")
    assert tier.bytes == before * 9 // 10
    # It isn't there any more.
    tier.add_value("9", kept, "something else")
    assert tier.bytes == before * 9 // 10
    for number in range(9):
        if (found := tier.get(str(number))) is not None:
            tier.add_value(str(number), found, "more")
        assert tier.bytes <= 20_000
    for key in list(tier._entries):
        tier.drop(key)
    assert tier.bytes == 0


def test_those_go_first_that_were_not_asked_for_the_longest() -> None:
    tier = MemoryTier(1 << 20, 3)
    for key in "abc":
        tier.put(key, entry(tier))
    assert tier.get("a") is not None
    tier.put("d", entry(tier))
    assert [key for key in "abcd" if tier.get(key) is not None] == ["a", "c", "d"]


def test_one_that_would_take_the_room_of_all_others_is_not_kept() -> None:
    tier = MemoryTier(100_000, 100)
    tier.put("small", entry(tier))
    tier.put("large", entry(tier, size=50_000))
    assert (tier.get("large"), len(tier)) == (None, 1)


async def test_it_can_be_emptied(world: World) -> None:
    await world.get()
    world.source.value = "new"
    await world.cache.clear()
    assert (len(world.cache.memory), world.cache.memory.bytes) == (0, 0)
    assert await world.get() == "new"


# Values ----------------------------------------------------------------------------------------------------------


async def test_what_can_not_be_read_is_none(world: World) -> None:
    await world.get()
    world.cache.memory._entries["word:k"].data = b'{"no": "string"}'
    world.source.value = "new"
    assert await world.get() == "new"
    assert world.cache.errors["word", "corrupt"] == 1


def test_another_form_is_another_version() -> None:
    @dataclass
    class Person:
        name: str

    first = JsonCodec[Person](Person)
    assert first.decode(first.encode(Person("Ann"))) == Person("Ann")

    @dataclass
    class Person:  # type: ignore[no-redef]
        name: str
        age: int | None = None

    assert JsonCodec(Person).version != first.version
    assert JsonCodec(str).version == JsonCodec(str).version


async def test_its_time_is_told_apart_from_what_finding_out_takes(world: World) -> None:
    request = CurrentRequest()
    token = current_request.set(request)
    try:
        took = 0.0

        async def slow() -> str:
            nonlocal took
            began = time.perf_counter()
            await asyncio.sleep(0.05)
            took = time.perf_counter() - began
            return "x"

        began = time.perf_counter()
        await world.subject.get_or_compute("slow", [], slow)
        assert 0 < request.cache <= time.perf_counter() - began - took
        before = request.cache
        await world.subject.get_or_compute("slow", [], slow)
        assert request.cache > before
    finally:
        current_request.reset(token)
