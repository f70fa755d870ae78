"""Attempts to guess a secret, wherever they come from: after some, one has to wait ever longer before the next.

An attempt is counted when it begins, so that many at the same time are no way around it, and what was counted is
forgotten when one succeeds. The wait has an end: nobody is kept out of their own account for good. And whoever has
succeeded from a place before is counted apart there, so that those who guess elsewhere don't make them wait at all.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

from garaza.kit.clock import Clock
from garaza.kit.shared_store import Script, SharedStore

MAX_KEYS = 100_000
KNOWN_SECONDS = 30 * 24 * 3600
"""How long a place is remembered from which somebody succeeded."""
_DOUBLINGS = 40


@dataclass(frozen=True, slots=True)
class Patience:
    """How many attempts are free, and what comes then."""

    free: int = 10
    first_seconds: float = 15
    """The wait after the last free one; doubled with each one more."""
    longest_seconds: float = 900
    forget_seconds: float = 900
    """How long after a wait everything is forgotten."""

    def wait_after(self, count: int) -> float:
        """Seconds that the next attempt has to wait for, after so many."""
        if count < self.free:
            return 0.0
        return float(min(self.first_seconds * 2.0 ** min(count - self.free, _DOUBLINGS), self.longest_seconds))


class Attempt(NamedTuple):
    """One that may be made, or not yet."""

    key: str
    place: str
    known: bool
    """Whether somebody has succeeded with this key from this place before."""
    wait_seconds: float
    """0: go on. Otherwise it was not counted."""


class _Count(NamedTuple):
    made: int
    open_at: float
    forget_at: float


class MemoryAttempts:
    """Counts in this process. Where there are too many keys, the one goes first that was silent for longest."""

    def __init__(self, patience: Patience, max_keys: int = MAX_KEYS, clock: Clock = time.monotonic) -> None:
        self._patience = patience
        self._max_keys = max_keys
        self._clock = clock
        self._counts: OrderedDict[str, _Count] = OrderedDict()
        self._known: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._counts) + len(self._known)

    def begin(self, key: str, place: str) -> Attempt:
        """Count an attempt, unless it has to wait."""
        now = self._clock()
        known = self._known.get(_pair(key, place), 0.0) > now
        name = _pair(key, place) if known else key
        before = self._counts.get(name)
        count = 0
        if before is not None and before.forget_at > now:
            if before.open_at > now:
                return Attempt(key, place, known, before.open_at - now)
            count = before.made
        count += 1
        open_at = now + self._patience.wait_after(count)
        self._counts[name] = _Count(count, open_at, open_at + self._patience.forget_seconds)
        _trim(self._counts, name, self._max_keys)
        return Attempt(key, place, known, 0.0)

    def succeed(self, attempt: Attempt) -> None:
        """Forget what was counted, and remember the place."""
        pair = _pair(attempt.key, attempt.place)
        self._counts.pop(_counted_as(attempt), None)
        if attempt.place:
            self._known[pair] = self._clock() + KNOWN_SECONDS
            _trim(self._known, pair, self._max_keys)

    def undo(self, attempt: Attempt) -> None:
        """Take an attempt back that came to nothing, for reasons of ours."""
        name = _counted_as(attempt)
        before = self._counts.get(name)
        if before is not None:
            made = max(0, before.made - 1)
            # A wait that others have deserved stays.
            open_at = before.open_at if self._patience.wait_after(made) else self._clock()
            self._counts[name] = before._replace(made=made, open_at=open_at)


def _pair(key: str, place: str) -> str:
    return f"{key}@{place}"


def _counted_as(attempt: Attempt) -> str:
    return _pair(attempt.key, attempt.place) if attempt.known else attempt.key


def _trim(entries: OrderedDict[str, _Count] | OrderedDict[str, float], newest: str, most: int) -> None:
    entries.move_to_end(newest)
    if len(entries) > most:
        entries.popitem(last=False)


# KEYS: what all have together, what this place has for itself, that the place is known.
_BEGIN = Script("""
local now = tonumber(ARGV[5])
if not now then
    local time = redis.call('TIME')
    now = time[1] + time[2] / 1000000
end
local free, first, longest, forget = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local known = redis.call('EXISTS', KEYS[3])
local name = known == 1 and KEYS[2] or KEYS[1]
local before = redis.call('HMGET', name, 'count', 'open')
local wait = (tonumber(before[2]) or 0) - now
if wait > 0 and wait <= longest then return {known, string.format('%.6f', wait)} end
local count = (tonumber(before[1]) or 0) + 1
wait = 0
if count >= free then wait = math.min(first * 2 ^ math.min(count - free, 40), longest) end
redis.call('HSET', name, 'count', count, 'open', string.format('%.6f', now + wait))
redis.call('PEXPIRE', name, math.ceil((wait + forget) * 1000))
return {known, '0'}
""")
_SUCCEED = Script("""
redis.call('DEL', ARGV[1] == '1' and KEYS[2] or KEYS[1])
if ARGV[3] == '1' then redis.call('SET', KEYS[3], '1', 'EX', ARGV[2]) end
return 1
""")
_UNDO = Script("""
local name = ARGV[1] == '1' and KEYS[2] or KEYS[1]
local count = tonumber(redis.call('HGET', name, 'count'))
if not count then return 0 end
count = math.max(0, count - 1)
redis.call('HSET', name, 'count', count)
if count < tonumber(ARGV[2]) then redis.call('HSET', name, 'open', '0') end
return 1
""")


class Attempts:
    """Counts at a shared store, where there is one, by its clock; in memory otherwise, and while it is away.

    Keys and places leave the process as they are given: give digests of what shouldn't be read elsewhere.
    """

    def __init__(
        self,
        patience: Patience,
        memory: MemoryAttempts | None = None,
        shared: SharedStore | None = None,
        prefix: str = "attempts:",
        clock: Clock | None = None,
    ) -> None:
        """`clock`: instead of the store's own, for tests."""
        self._patience = patience
        self._memory = MemoryAttempts(patience) if memory is None else memory
        self._shared = shared
        self._prefix = prefix
        self._clock = clock

    async def begin(self, key: str, place: str = "") -> Attempt:
        """Count an attempt, unless it has to wait. `place`: where it comes from; empty, it is never known."""
        if self._shared is not None:
            rules = self._patience
            arguments: list[str | int] = [
                rules.free,
                str(rules.first_seconds),
                str(rules.longest_seconds),
                str(rules.forget_seconds),
                "" if self._clock is None else str(self._clock()),
            ]
            answer = await self._shared.run(_BEGIN, self._names(key, place), arguments)
            if answer is not None:
                return Attempt(key, place, bool(answer[0]), float(answer[1]))
        return self._memory.begin(key, place)

    async def succeed(self, attempt: Attempt) -> None:
        """It was right: forget what was counted, and remember the place."""
        # Also in memory: it may have been counted there while the store was away.
        self._memory.succeed(attempt)
        if self._shared is not None:
            arguments: list[str | int] = [int(attempt.known), KNOWN_SECONDS, int(bool(attempt.place))]
            await self._shared.run(_SUCCEED, self._names(attempt.key, attempt.place), arguments)

    async def undo(self, attempt: Attempt) -> None:
        """It came to nothing, for reasons of ours: neither right nor wrong."""
        self._memory.undo(attempt)
        if self._shared is not None:
            arguments: list[str | int] = [int(attempt.known), self._patience.free]
            await self._shared.run(_UNDO, self._names(attempt.key, attempt.place), arguments)

    def _names(self, key: str, place: str) -> list[str]:
        return [f"{self._prefix}{key}", f"{self._prefix}{key}@{place}", f"{self._prefix}{key}@{place}:known"]
