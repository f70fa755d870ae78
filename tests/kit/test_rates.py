"""Never more than was promised, however requests are placed, and never more memory than was said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garaza.kit.limiting.rates import Limit, MemoryRates, Verdict
from tests.clock import SettableClock

MINUTE = 60.0


def rates(max_keys: int = 1000) -> tuple[MemoryRates, SettableClock]:
    clock = SettableClock(1000.0)
    return MemoryRates(max_keys, clock), clock


def test_so_many_at_once_and_then_one_for_each_step() -> None:
    memory, clock = rates()
    limit = Limit(5, MINUTE)
    assert [memory.hit("a", limit).remaining for _ in range(5)] == [4, 3, 2, 1, 0]
    refused = memory.hit("a", limit)
    assert refused == Verdict(allowed=False, remaining=0, reset_seconds=60.0, retry_seconds=12.0)
    clock.now += 11.999
    assert not memory.hit("a", limit).allowed
    clock.now += 0.001
    assert memory.hit("a", limit).allowed
    assert not memory.hit("a", limit).allowed


def test_what_is_refused_is_not_counted() -> None:
    memory, clock = rates()
    limit = Limit(2, MINUTE)
    assert sum(memory.hit("a", limit).allowed for _ in range(100)) == 2
    clock.now += 30
    assert memory.hit("a", limit).allowed


def test_keys_have_nothing_to_do_with_each_other() -> None:
    memory, _ = rates()
    limit = Limit(1, MINUTE)
    assert memory.hit("a", limit).allowed
    assert memory.hit("b", limit).allowed
    assert not memory.hit("a", limit).allowed


def test_after_a_window_of_silence_all_is_back() -> None:
    memory, clock = rates()
    limit = Limit(7, MINUTE)
    for _ in range(7):
        memory.hit("a", limit)
    clock.now += MINUTE
    assert [memory.hit("a", limit).allowed for _ in range(8)] == [True] * 7 + [False]


def test_a_clock_that_was_set_back_locks_nobody_out() -> None:
    memory, clock = rates()
    limit = Limit(1, MINUTE)
    memory.hit("a", limit)
    clock.now -= 3600
    assert memory.hit("a", limit).allowed


def test_a_limit_lets_something_through() -> None:
    with pytest.raises(ValueError, match="lets something through"):
        Limit(0, MINUTE)


@given(
    st.integers(1, 40),
    st.floats(0.5, 600),
    st.lists(st.one_of(st.just(0.0), st.floats(0, 30)), max_size=150),
)
def test_no_span_of_time_has_more_than_was_promised(requests: int, seconds: float, pauses: list[float]) -> None:
    memory, clock = rates()
    limit = Limit(requests, seconds)
    allowed: list[int] = []
    for pause in pauses:
        clock.now += pause
        if memory.hit("a", limit).allowed:
            allowed.append(int(clock.now * 1_000_000))
    for first, began in enumerate(allowed):
        for last in range(first, len(allowed)):
            spent = allowed[last] - began
            assert last - first + 1 <= (limit.window_us + spent) // limit.step_us


@given(st.integers(1, 40), st.floats(0.5, 600), st.lists(st.floats(0, 30), max_size=60))
def test_whoever_waits_as_told_is_let_in_and_not_before(requests: int, seconds: float, pauses: list[float]) -> None:
    memory, clock = rates()
    limit = Limit(requests, seconds)
    for pause in pauses:
        clock.now += pause
        verdict = memory.hit("a", limit)
        assert verdict.remaining <= requests
        assert 0 <= verdict.reset_seconds <= seconds
        if not verdict.allowed:
            assert 0 < verdict.retry_seconds <= seconds
            clock.now += verdict.retry_seconds + 2e-6
            assert memory.hit("a", limit).allowed


@given(st.lists(st.integers(0, 300), min_size=1, max_size=400))
def test_what_remains_is_what_is_let_in(keys: list[int]) -> None:
    memory, _ = rates()
    limit = Limit(3, MINUTE)
    left: dict[int, int] = {}
    for key in keys:
        verdict = memory.hit(str(key), limit)
        assert verdict.allowed == (left.get(key, 3) > 0)
        left[key] = verdict.remaining


def test_no_crowd_of_addresses_takes_more_memory() -> None:
    memory, clock = rates(max_keys=100)
    limit = Limit(5, MINUTE)
    for number in range(10_000):
        clock.now += 0.001
        memory.hit(f"attacker{number}", limit)
        assert len(memory) <= 100


def test_those_who_are_busy_are_remembered_longest() -> None:
    memory, _ = rates(max_keys=100)
    limit = Limit(1, MINUTE)
    memory.hit("busy", limit)
    for number in range(1000):
        memory.hit(f"once{number}", limit)
        assert not memory.hit("busy", limit).allowed


def test_a_crowd_that_has_left_is_forgotten() -> None:
    memory, clock = rates(max_keys=1000)
    limit = Limit(5, MINUTE)
    for number in range(500):
        memory.hit(f"first{number}", limit)
    clock.now += 2 * MINUTE
    for number in range(300):
        memory.hit(f"second{number}", limit)
    assert len(memory) == 300
