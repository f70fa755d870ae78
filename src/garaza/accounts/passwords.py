"""Hashing passwords, with threads of its own: it takes a core for 30 ms, on purpose."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from garaza.errors import GarazaError

MAX_WAITING = 64
"""Two threads are through with them in a second. Whoever would wait longer hears at once that it is busy."""

T = TypeVar("T")


def standard_hasher() -> PasswordHasher:
    """Argon2id with 19 MiB and two passes, which OWASP recommends as the least."""
    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, hash_len=32, salt_len=16, type=Type.ID)


@dataclass(frozen=True, slots=True)
class Verdict:
    """On a password that somebody gave."""

    right: bool
    better_hash: str | None = None
    """Of the same password, to be stored instead of a hash that was made with other parameters."""


class Passwords:
    """See the module."""

    def __init__(self, threads: int, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or standard_hasher()
        self._threads = ThreadPoolExecutor(threads, "password")
        self._most = threads + MAX_WAITING
        self._present = 0
        self._lock = threading.Lock()

    async def hash(self, password: str) -> str:
        """To be stored.

        Raises:
            GarazaError: 503 when too many wait already.
        """
        return await self._in_thread(functools.partial(self._hasher.hash, password))

    async def verify(self, password: str | None, stored: str | None) -> Verdict:
        """Whether a password is the one that was hashed.

        It takes as long where there is nothing to compare with: no account (`stored` None), or a password that can't
        be anybody's (None). So the time tells nobody who has an account.

        Raises:
            GarazaError: 503 when too many wait already.
        """
        return await self._in_thread(functools.partial(self._verify, password, stored))

    def close(self) -> None:
        """End the threads; whoever still waits is cancelled."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _verify(self, password: str | None, stored: str | None) -> Verdict:
        # Made by whoever comes first, be it needed for them or not.
        dummy = self._dummy
        try:
            self._hasher.verify(dummy if stored is None else stored, password or "")
        except (VerificationError, InvalidHashError):
            return Verdict(right=False)
        if stored is None or password is None:
            return Verdict(right=False)
        better = self._hasher.hash(password) if self._hasher.check_needs_rehash(stored) else None
        return Verdict(right=True, better_hash=better)

    @functools.cached_property
    def _dummy(self) -> str:
        """Of a password that nobody has. Made here, so that it costs what those cost that are made here."""
        return self._hasher.hash("\0")

    async def _in_thread(self, work: Callable[[], T]) -> T:
        with self._lock:
            if self._present >= self._most:
                raise GarazaError(503, "busy", "Too many want to sign in right now. Try again.", {"Retry-After": "2"})
            self._present += 1
        future = self._threads.submit(work)
        # When the thread is through, and not when the client has gone: a thread can't be interrupted.
        future.add_done_callback(self._leave)
        return await asyncio.wrap_future(future)

    def _leave(self, _future: Future[T]) -> None:
        with self._lock:
            self._present -= 1
