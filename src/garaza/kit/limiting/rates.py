"""Rates, by the generic cell rate algorithm (GCRA), and where they are counted.

Each key has one number: the moment at which it will have everything back. A request moves it on by the time in which
one request comes back, and is refused where it would then be further away than the whole window. So `requests` may come
at once, and after that one for each `seconds / requests`. In any span of d seconds that is at most
`requests + d * requests / seconds`, however the requests are placed.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple

from garaza.kit.clock import Clock
from garaza.kit.shared_store import Script, SharedStore

_MICRO = 1_000_000
MAX_KEYS = 100_000
"""Some 20 MB, when all of them are in use."""


@dataclass(frozen=True)
class Limit:
    """So many requests at once, which come back within so many seconds."""

    requests: int
    seconds: float
    window_us: int = field(init=False)
    step_us: int = field(init=False)
    """In which one request comes back."""

    def __post_init__(self) -> None:
        if self.requests < 1 or self.seconds <= 0:
            msg = "a limit lets something through"
            raise ValueError(msg)
        window = int(self.seconds * _MICRO)
        # Rounded down, so that all of them fit into the window.
        object.__setattr__(self, "window_us", window)
        object.__setattr__(self, "step_us", max(1, window // self.requests))


class Verdict(NamedTuple):
    """On one request."""

    allowed: bool
    remaining: int
    """How many more may come at once."""
    reset_seconds: float
    """Until all may."""
    retry_seconds: float
    """Until the next one may; 0 where this one was allowed."""


def _verdict(limit: Limit, ahead_us: int, *, allowed: bool) -> Verdict:
    """`ahead_us`: how far away the moment is at which everything is back, this request included if it was allowed."""
    left = limit.window_us - ahead_us
    retry = 0.0 if allowed else (ahead_us + limit.step_us - limit.window_us) / _MICRO
    return Verdict(allowed, max(0, left // limit.step_us), ahead_us / _MICRO, retry)


class MemoryRates:
    """Counts in this process. Keys are forgotten when they have everything back, or, where there are too many, the one
    first that has been silent for longest: whoever has that many addresses isn't held up by counting addresses.
    """

    def __init__(self, max_keys: int = MAX_KEYS, clock: Clock = time.monotonic) -> None:
        self._max_keys = max_keys
        self._clock = clock
        self._full_at: OrderedDict[str, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def hit(self, key: str, limit: Limit) -> Verdict:
        """Count a request, unless it is refused."""
        now = int(self._clock() * _MICRO)
        known = self._full_at
        full_at = known.get(key)
        if full_at is None:
            self._make_room(now)
            ahead = 0
        else:
            known.move_to_end(key)
            ahead = full_at - now
            # Further away than can be: the clock was set back, or the limit has changed.
            if ahead < 0 or ahead > limit.window_us:
                ahead = 0
        after = ahead + limit.step_us
        if after > limit.window_us:
            return _verdict(limit, ahead, allowed=False)
        known[key] = now + after
        return _verdict(limit, after, allowed=True)

    def _make_room(self, now: int) -> None:
        known = self._full_at
        # Two go for each that comes, so that a crowd that has left is soon forgotten, without anybody waiting for it.
        for _ in range(2):
            oldest = next(iter(known), None)
            if oldest is None or (known[oldest] > now and len(known) < self._max_keys):
                return
            del known[oldest]


_HIT = Script("""
local now = tonumber(ARGV[3])
if not now then
    local time = redis.call('TIME')
    now = time[1] * 1000000 + time[2]
end
local window, step = tonumber(ARGV[1]), tonumber(ARGV[2])
local ahead = (tonumber(redis.call('GET', KEYS[1])) or 0) - now
if ahead < 0 or ahead > window then ahead = 0 end
local after = ahead + step
if after > window then return {0, string.format('%.0f', ahead)} end
redis.call('SET', KEYS[1], string.format('%.0f', now + after), 'PX', math.ceil(after / 1000))
return {1, string.format('%.0f', after)}
""")


class Rates:
    """Counts at a shared store, where there is one, by its clock; in memory otherwise, and while it is away."""

    def __init__(
        self, memory: MemoryRates, shared: SharedStore | None = None, prefix: str = "rate:", clock: Clock | None = None
    ) -> None:
        """`clock`: instead of the store's own, for tests."""
        self._memory = memory
        self._shared = shared
        self._prefix = prefix
        self._clock = clock

    async def hit(self, key: str, limit: Limit, *, together: bool = True) -> Verdict:
        """Count a request, unless it is refused. Not `together`: in memory, where it costs next to nothing."""
        found = self.hit_at_once(key, limit, together=together)
        if found is not None:
            return found
        if self._shared is not None:
            now = "" if self._clock is None else int(self._clock() * _MICRO)
            answer = await self._shared.run(_HIT, [self._prefix + key], [limit.window_us, limit.step_us, now])
            if answer is not None:
                return _verdict(limit, int(answer[1]), allowed=bool(answer[0]))
        return self._memory.hit(key, limit)

    def hit_at_once(self, key: str, limit: Limit, *, together: bool = True) -> Verdict | None:
        """The same, where nobody has to be waited for; None: nothing was counted."""
        return None if together and self._shared is not None else self._memory.hit(key, limit)
