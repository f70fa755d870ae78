"""Hashing: how often, where, and with how many waiting."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from garaza.accounts.passwords import MAX_WAITING, Passwords, standard_hasher
from garaza.errors import GarazaError
from tests.accounts.house import CountingHasher

pytestmark = pytest.mark.anyio


class SlowHasher(CountingHasher):
    """Takes its time until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.begun = threading.Semaphore(0)

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self.begun.release()
        assert self.go.wait(60)
        return super().hash(password, salt=salt)


@pytest.fixture
def hasher() -> CountingHasher:
    return CountingHasher()


@pytest.fixture
def passwords(hasher: CountingHasher) -> Iterator[Passwords]:
    made = Passwords(2, hasher)
    yield made
    made.close()


async def test_a_password_is_right_or_not(passwords: Passwords) -> None:
    stored = await passwords.hash("correct horse")
    assert (await passwords.verify("correct horse", stored)).right
    assert not (await passwords.verify("battery staple", stored)).right


@pytest.mark.parametrize("stored", ["", "nonsense", "$argon2id$v=19$m=8,t=1,p=1$AAAA$AAAA", "x" * 1000])
async def test_a_hash_that_is_none_belongs_to_no_password(passwords: Passwords, stored: str) -> None:
    assert not (await passwords.verify("correct horse", stored)).right


async def test_no_account_and_a_wrong_password_cost_the_same(passwords: Passwords, hasher: CountingHasher) -> None:
    stored = await passwords.hash("correct horse")
    await passwords.verify("warm up", stored)
    costs = []
    for password, against in [("wrong one", stored), ("wrong one", None), (None, stored), (None, None)]:
        hasher.calls.clear()
        assert not (await passwords.verify(password, against)).right
        costs.append(list(hasher.calls))
    assert costs == [["verify"]] * 4


async def test_not_even_the_empty_password_or_that_of_nobody_opens_what_is_not_there(passwords: Passwords) -> None:
    for password in ("", "\0", None):
        assert not (await passwords.verify(password, None)).right


async def test_hashes_with_other_parameters_are_made_anew(passwords: Passwords) -> None:
    old = CountingHasher(memory_cost=16).hash("correct horse")
    verdict = await passwords.verify("correct horse", old)
    assert verdict.right
    assert verdict.better_hash is not None
    assert "m=8," in verdict.better_hash
    again = await passwords.verify("correct horse", verdict.better_hash)
    assert (again.right, again.better_hash) == (True, None)
    assert (await passwords.verify("wrong", old)).better_hash is None


async def test_too_many_who_wait_are_told_to_come_again_and_the_loop_goes_on() -> None:
    hasher = SlowHasher()
    passwords = Passwords(2, hasher)
    waiting = [asyncio.create_task(passwords.hash("x")) for _ in range(2 + MAX_WAITING)]
    await asyncio.to_thread(hasher.begun.acquire)
    with pytest.raises(GarazaError) as caught:
        await passwords.hash("x")
    assert (caught.value.status, caught.value.code) == (503, "busy")
    assert caught.value.headers == {"Retry-After": "2"}
    # Whoever leaves the line makes room in it; whoever is being served doesn't: a thread can't be interrupted.
    waiting[-1].cancel()
    await asyncio.gather(waiting[-1], return_exceptions=True)
    late = asyncio.create_task(passwords.hash("x"))
    await asyncio.sleep(0)
    assert not late.done()
    hasher.go.set()
    answers: list[Any] = await asyncio.gather(*waiting[:-1], late)
    assert all(answer.startswith("$argon2id$") for answer in answers)
    await passwords.hash("x")
    passwords.close()


def test_the_standard_is_argon2id_with_19_mib() -> None:
    assert standard_hasher().hash("x").startswith("$argon2id$v=19$m=19456,t=2,p=1$")
