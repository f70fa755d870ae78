"""The cache: see the package."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from contextvars import Context
from dataclasses import dataclass
from typing import Generic, TypeVar

from garaza.kit.cache.codecs import Codec
from garaza.kit.cache.memory import Entry, MemoryTier
from garaza.kit.cache.shared import EVERYTHING, CorruptError, Look, SharedTier, pack, unpack
from garaza.kit.cache.tracking import Tracker
from garaza.kit.clock import Clock
from garaza.kit.current_request import current_request

T = TypeVar("T")

_REFRESHED_FROM, _REFRESHED_TO = 0.8, 0.95
"""Of an entry's life, when it is found out anew at the next opportunity. At random between these: processes that keep
the same don't all do it at the same time."""
_LOOK_AGAIN_SECONDS = 0.01
_SETTLE_SECONDS = 0.5

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Life:
    """For how long copies of one kind are given out, in seconds, and under which conditions."""

    seconds: float
    negative_seconds: float = 0.0
    """That there is no such thing; 0: isn't kept."""
    shared: bool = True
    """Whether it may be in the shared tier, too."""
    strict: bool = False
    """Never given out where nobody tells what other processes change, not for a moment."""
    wait_seconds: float = 0.0
    """How long to wait for another process that is finding out the same; 0: not at all. For what takes long."""


class _Flight(Generic[T]):
    """Somebody is finding something out; others who want to know the same wait for it."""

    __slots__ = ("cost", "doubtful", "generation", "stamp", "task")

    def __init__(self, stamp: int, generation: object) -> None:
        self.stamp = stamp
        self.generation = generation
        self.task: asyncio.Task[T | None]
        self.cost = 0.0
        """Seconds that went into finding out, rather than into looking for copies."""
        self.doubtful = False


class Cache:
    """Two tiers, memory and where there is one a shared one, and what they have in common.

    Begun by `start` where others are to be heard of; without, and in processes that only change things, it tells.

    Args:
        url: of the shared tier's server, to be told by it.
        alone: without a shared tier, whether nobody else changes anything.
        untold_seconds: for how long a copy is given out while others may have changed something unheard.
    """

    def __init__(
        self,
        memory: MemoryTier,
        shared: SharedTier | None = None,
        *,
        url: str | None = None,
        alone: bool = True,
        untold_seconds: float = 2.0,
        clock: Clock = time.monotonic,
    ) -> None:
        self.memory = memory
        self.shared = shared
        self.clock = clock
        self._alone = alone and shared is None
        self.untold_seconds = untold_seconds
        self._tracker: Tracker | None = None
        if shared is not None and url is not None:
            self._tracker = Tracker(url, shared.words, self._hear, self._connected)
        self._tasks: set[asyncio.Task[object]] = set()
        self.hits: Counter[tuple[str, str]] = Counter()
        """By subject and tier."""
        self.misses: Counter[str] = Counter()
        self.refreshes: Counter[str] = Counter()
        self.errors: Counter[tuple[str, str]] = Counter()
        """By subject and kind: corrupt, refresh."""
        self.untold = 0
        """Words that didn't reach the shared tier."""
        self._settling: asyncio.Task[object] | None = None

    def start(self) -> None:
        """Begin to hear of others, in a task of the running loop."""
        if self._tracker is not None:
            self._tracker.start()

    async def stop(self) -> None:
        """End, with all that is being found out."""
        if self._tracker is not None:
            await self._tracker.stop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.shared is not None:
            await self.shared.store.close()

    @property
    def is_told(self) -> bool:
        """Whether what others change is heard of."""
        return self._alone if self._tracker is None else self._tracker.is_up

    @property
    def reachable(self) -> SharedTier | None:
        """The shared tier, if what is in it can be used now."""
        return self.shared if self.is_told else None

    # What is outdated --------------------------------------------------------------------------------------------

    async def outdate(self, *names: str) -> None:
        """Nobody is given any more what is a copy of these. Where it is a transaction that changes them, use
        `announcing`: what is read before its commit is the old.
        """
        self.memory.outdate(names)
        await self._tell(names)

    async def clear(self) -> None:
        """Outdate everything, in all processes."""
        self.memory.outdate_all()
        await self._tell([EVERYTHING])

    @asynccontextmanager
    async def announcing(self, names: Iterable[str]) -> AsyncIterator[None]:
        """Around the commit of a transaction that changes what goes by these names. However it ends: who can't know
        whether it was committed must not give out copies of before either.
        """
        await self._tell(names, doubt=True)
        try:
            yield
        finally:
            self.memory.outdate(names)
            # Others have to hear of it even if nobody waits for the answer any more.
            await asyncio.shield(self._spawn(self._tell(names)))

    async def _tell(self, names: Iterable[str], *, doubt: bool = False) -> None:
        if self.shared is None:
            return
        began = time.perf_counter()
        if not await self.shared.tell(names, doubt=doubt):
            self.untold += 1
            if not doubt and self._settling is None:
                self._settling = self._spawn(self._settle(self.shared), Context())
        _spend(began)

    async def _settle(self, shared: SharedTier) -> None:
        """Say what couldn't be said, as soon as somebody listens again."""
        try:
            while shared.owes:
                await asyncio.sleep(_SETTLE_SECONDS)
                if shared.owes:
                    await shared.tell([])
        finally:
            self._settling = None

    def _hear(self, names: list[str] | None) -> None:
        if names is None or EVERYTHING in names:
            self.memory.outdate_all()
        else:
            self.memory.outdate(names)

    async def _connected(self, again: bool) -> bool:
        """Of what was told in between, nothing is known: neither to us, nor whether it was told at all."""
        self.memory.outdate_all()
        shared = self.shared
        return shared is None or not (again or shared.owes) or await shared.tell([EVERYTHING])

    # Tasks -------------------------------------------------------------------------------------------------------

    def _spawn(self, work: Awaitable[object], context: Context | None = None) -> asyncio.Task[object]:
        task = asyncio.create_task(_run(work), context=context)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        # Those who waited may have left: then nobody else asks what went wrong.
        if not task.cancelled():
            task.exception()


class Subject(Generic[T]):
    """What is kept of one kind.

    Args:
        name: in keys and figures.
        validator: says something else whenever a copy may be outdated, by whomever, so that nobody has to tell; None:
            it doesn't know now. It is asked before each look, so it has to be fast.
        keep: of a value, for how long it may be kept; None: as long as the others.
        share: whether a value may be in the shared tier; None: each may. What isn't there nobody waits for.
    """

    def __init__(
        self,
        cache: Cache,
        name: str,
        codec: Codec[T],
        life: Life,
        *,
        validator: Callable[[], object] | None = None,
        keep: Callable[[T], float | None] | None = None,
        share: Callable[[T], bool] | None = None,
    ) -> None:
        self._cache = cache
        self.name = name
        self._codec = codec
        self._life = life
        self._validator = validator
        self._keep = keep
        self._share = share
        self._flights: dict[str, _Flight[T]] = {}

    async def get_or_compute(
        self, key: str, names: Iterable[str], compute: Callable[[], Awaitable[T | None]]
    ) -> T | None:
        """The copy, or what `compute` finds out: once, however many ask at the same time.

        Args:
            names: of what it is a copy. It is outdated with any of them.
            compute: gives None where there is no such thing. It may run on after whoever asked has left, and be run by
                itself, before a copy ends.
        """
        began, spent = time.perf_counter(), 0.0
        names = tuple(names)
        generation, told = self._now()
        try:
            if not told and (self._life.strict or self._validator is not None):
                self._cache.misses[self.name] += 1
                computing = time.perf_counter()
                try:
                    return await compute()
                finally:
                    spent = time.perf_counter() - computing
            found, value = self._in_memory(key, names, generation, compute, told=told)
            if found:
                return value
            flight = self._flights.get(key)
            if flight is None or not self._serves(flight, names, generation):
                flight = self._fly(key, names, generation, compute)
                mine = True
            else:
                mine = False
            value = await asyncio.shield(flight.task)
            if mine:
                spent = flight.cost
            elif flight.doubtful and self._life.strict:
                # Something is being changed just now, and the answer may be of before.
                value = await compute()
            return value
        finally:
            _spend(began, spent)

    def at_hand(self, key: str) -> T | None:
        """The copy, if there is one in memory and it needn't be renewed yet. Waits for nothing, and changes nothing:
        whoever gets None has to ask `get_or_compute`, which does.
        """
        began = time.perf_counter()
        generation, told = self._now()
        place = f"{self.name}:{key}"
        try:
            if not told and (self._life.strict or self._validator is not None):
                return None
            entry = self._good(place, generation, told=told)
            if entry is None or entry.data is None or self._cache.clock() >= entry.refresh:
                return None
            value = self._value_of(place, entry)
        except ValueError:
            return None
        finally:
            _spend(began)
        self._cache.hits[self.name, "memory"] += 1
        return value

    def _now(self) -> tuple[object, bool]:
        """What the validator says, and whether what others change is heard of."""
        generation = None if self._validator is None else self._validator()
        return generation, self._cache.is_told if self._validator is None else generation is not None

    # Memory ------------------------------------------------------------------------------------------------------

    def _good(self, place: str, generation: object, *, told: bool) -> Entry | None:
        """The entry that may be given out."""
        cache = self._cache
        entry = cache.memory.get(place)
        if entry is None:
            return None
        now = cache.clock()
        if now >= entry.expires or entry.generation != generation:
            cache.memory.drop(place)
            return None
        if not told and now - entry.made >= cache.untold_seconds:
            return None
        return entry

    def _value_of(self, place: str, entry: Entry) -> T | None:
        """Read once, so that all who ask get the same object: nobody may change it.

        Raises:
            ValueError: it can't be read.
        """
        if entry.value is None and entry.data is not None:
            value = self._codec.decode(entry.data)
            self._cache.memory.add_value(place, entry, value)
            return value
        return entry.value  # type: ignore[return-value]

    def _in_memory(
        self,
        key: str,
        names: tuple[str, ...],
        generation: object,
        compute: Callable[[], Awaitable[T | None]],
        *,
        told: bool,
    ) -> tuple[bool, T | None]:
        cache, place = self._cache, f"{self.name}:{key}"
        entry = self._good(place, generation, told=told)
        if entry is None:
            return False, None
        try:
            value = self._value_of(place, entry)
        except ValueError:
            self._note_corrupt()
            cache.memory.drop(place)
            return False, None
        cache.hits[self.name, "memory"] += 1
        now = cache.clock()
        if now >= entry.refresh and key not in self._flights:
            # Should it fail, the next try is a while away.
            entry.refresh = now + (entry.expires - now) / 2
            self._fly(key, names, generation, compute, refresh=True)
        return True, value

    def _note_corrupt(self) -> None:
        self._cache.errors[self.name, "corrupt"] += 1

    # Finding out -------------------------------------------------------------------------------------------------

    def _serves(self, flight: _Flight[T], names: tuple[str, ...], generation: object) -> bool:
        """Whether what it finds out is what somebody wants who asks only now."""
        return (
            flight.generation == generation
            and self._cache.memory.is_current(names, flight.stamp)
            and not (flight.doubtful and self._life.strict)
        )

    def _fly(
        self,
        key: str,
        names: tuple[str, ...],
        generation: object,
        compute: Callable[[], Awaitable[T | None]],
        *,
        refresh: bool = False,
    ) -> _Flight[T]:
        cache = self._cache
        flight: _Flight[T] = _Flight(cache.memory.now, generation)
        if refresh:
            cache.refreshes[self.name] += 1
            # No request is to pay for what is done for those to come.
            work, context = self._refresh(flight, key, names, compute), Context()
        else:
            work, context = self._find(flight, key, names, compute), None
        flight.task = cache._spawn(work, context)  # type: ignore[assignment]  # noqa: SLF001 - of one module
        self._flights[key] = flight
        flight.task.add_done_callback(lambda _: self._land(key, flight))
        return flight

    def _land(self, key: str, flight: _Flight[T]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]

    async def _refresh(
        self, flight: _Flight[T], key: str, names: tuple[str, ...], compute: Callable[[], Awaitable[T | None]]
    ) -> T | None:
        try:
            return await self._find(flight, key, names, compute, refresh=True)
        except Exception as error:
            self._cache.errors[self.name, "refresh"] += 1
            logger.debug("a copy of %s could not be renewed: %s", self.name, type(error).__name__)
            raise

    async def _find(
        self,
        flight: _Flight[T],
        key: str,
        names: tuple[str, ...],
        compute: Callable[[], Awaitable[T | None]],
        *,
        refresh: bool = False,
    ) -> T | None:
        place = f"{self.name}:{key}"
        look = None
        shared = self._cache.reachable if self._life.shared else None
        if shared is not None:
            look = await self._look(shared, place, names)
            flight.doubtful = look is not None and look.doubtful
            if look is not None and look.copy and not refresh:
                found, value = self._from_shared(flight, place, names, look)
                if found:
                    return value
        if not refresh:
            self._cache.misses[self.name] += 1
        began = time.perf_counter()
        try:
            value = await compute()
        finally:
            flight.cost = time.perf_counter() - began
        seconds = self._seconds_of(value)
        if seconds <= 0 or flight.doubtful:
            return value
        data = None if value is None else self._codec.encode(value)
        self._remember(flight, place, names, data, seconds)
        if look is not None and shared is not None and (value is None or self._share is None or self._share(value)):
            await shared.put(place, names, look, pack(self._codec.version, data), seconds)
        return value

    async def _look(self, shared: SharedTier, place: str, names: tuple[str, ...]) -> Look | None:
        """What is in the shared tier, where another process that is finding it out is waited for a while."""
        wait = self._life.wait_seconds
        look = await shared.look(place, names, wait)
        deadline = time.monotonic() + wait
        while look is not None and not look.copy and not look.first and time.monotonic() < deadline:
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
            look = await shared.look(place, names, wait)
        return look

    def _from_shared(self, flight: _Flight[T], place: str, names: tuple[str, ...], look: Look) -> tuple[bool, T | None]:
        try:
            data = unpack(self._codec.version, look.copy)
            value = None if data is None else self._codec.decode(data)
        except (CorruptError, ValueError):
            self._note_corrupt()
            return False, None
        self._cache.hits[self.name, "shared"] += 1
        if not flight.doubtful:
            self._remember(flight, place, names, data, look.left_seconds)
        return True, value

    def _seconds_of(self, value: T | None) -> float:
        if value is None:
            return self._life.negative_seconds
        wanted = None if self._keep is None else self._keep(value)
        return self._life.seconds if wanted is None else min(wanted, self._life.seconds)

    def _remember(
        self, flight: _Flight[T], place: str, names: tuple[str, ...], data: bytes | None, seconds: float
    ) -> None:
        now = self._cache.clock()
        refresh = now + seconds * random.uniform(_REFRESHED_FROM, _REFRESHED_TO)
        entry = Entry(data, names, flight.stamp, now, now + seconds, refresh, flight.generation)
        self._cache.memory.put(place, entry)


async def _run(work: Awaitable[object]) -> object:
    return await work


def _spend(began: float, elsewhere: float = 0.0) -> None:
    """Note the time since `began`, but for what was spent elsewhere, as that of the cache."""
    request = current_request.get()
    if request is not None:
        request.cache += max(0.0, time.perf_counter() - began - elsewhere)
