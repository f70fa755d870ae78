"""Processes with one Valkey give each other what they found out, hear what the others outdate, and go on without it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from garaza.kit.cache.cache import Cache, Life, Subject
from garaza.kit.cache.codecs import JsonCodec
from garaza.kit.cache.memory import MemoryTier
from garaza.kit.cache.shared import SharedTier, pack
from garaza.kit.shared_store import SharedStore
from tests.servers.fixtures import valkey
from tests.servers.valkey import Valkey
from tests.service.harness import PATIENCE_SECONDS, ROOT

__all__ = ["valkey"]

pytestmark = pytest.mark.anyio

PREFIX = "test:"

# Reads a file, of which it keeps copies. Lines on standard input: "get" or "set VALUE"; answers each with a line.
PROCESS = """
import asyncio, json, sys
from pathlib import Path
from garaza.kit.cache.cache import Cache, Life, Subject
from garaza.kit.cache.codecs import JsonCodec
from garaza.kit.cache.memory import MemoryTier
from garaza.kit.cache.shared import SharedTier
from garaza.kit.shared_store import SharedStore

async def main(url, path):
    cache = Cache(MemoryTier(1 << 20, 100), SharedTier(SharedStore(url, patience=60), "test:"), url=url)
    subject = Subject(cache, "word", JsonCodec(str), Life(300))
    asked = 0
    async def read():
        nonlocal asked
        asked += 1
        return path.read_text()
    cache.start()
    while not cache.is_told:
        await asyncio.sleep(0.001)
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        command, _, value = line.strip().partition(" ")
        if command == "set":
            async with cache.announcing(["file"]):
                path.write_text(value)
            print(json.dumps([value, asked]), flush=True)
        else:
            print(json.dumps([await subject.get_or_compute("k", ["file"], read), asked]), flush=True)
    await cache.stop()

asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Valkey]:
    """One to be taken away."""
    with Valkey(tmp_path / "log") as server:
        yield server


@pytest.fixture
def empty(valkey: Valkey) -> Iterator[Valkey]:
    yield valkey
    valkey.flush()


class Process:
    """A cache with what it keeps one copy of."""

    def __init__(self, server: Valkey, source: dict[str, Any], patience: float, **life: Any) -> None:
        self.source = source
        self.asked = 0
        self.store = SharedStore(server.url, patience=patience, what="the cache", without="without it")
        self.shared = SharedTier(self.store, PREFIX)
        self.cache = Cache(MemoryTier(1 << 20, 100), self.shared, url=server.url)
        self.subject: Subject[str] = Subject(self.cache, "word", JsonCodec(str), Life(300, **life))
        self.before_reading: Callable[[], Any] = lambda: asyncio.sleep(0)

    async def get(self, key: str = "k") -> str | None:
        async def read() -> str:
            self.asked += 1
            value: str = self.source["value"]
            await self.before_reading()
            return value

        return await self.subject.get_or_compute(key, ["name"], read)

    async def set(self, value: str) -> None:
        async with self.cache.announcing(["name"]):
            self.source["value"] = value

    async def told(self, *, up: bool = True) -> None:
        await until(lambda: self.cache.is_told is up)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - of what others do
            await asyncio.sleep(0.005)


@asynccontextmanager
async def processes(server: Valkey, count: int, *, patience: float = 60, **life: Any) -> AsyncIterator[list[Process]]:
    """On the same source."""
    source = {"value": "old"}
    async with AsyncExitStack() as ending:
        made = [Process(server, source, patience, **life) for _ in range(count)]
        for one in made:
            one.cache.start()
            ending.push_async_callback(one.cache.stop)
            await one.told()
        yield made


# With it ---------------------------------------------------------------------------------------------------------


async def test_what_one_found_out_another_need_not(empty: Valkey) -> None:
    async with processes(empty, 2) as (one, other):
        assert [await one.get(), await other.get(), await other.get()] == ["old"] * 3
        assert (one.asked, other.asked) == (1, 0)
        assert dict(other.cache.hits) == {("word", "shared"): 1, ("word", "memory"): 1}


async def test_what_one_outdates_another_does_not_give_out(empty: Valkey) -> None:
    async with processes(empty, 3) as (one, other, third):
        for number in range(20):
            assert await other.get() == await third.get()
            before = other.cache.memory.now
            await one.set(f"new{number}")
            assert await one.get() == f"new{number}"
            await until(lambda before=before: other.cache.memory.now > before + 1)
            assert await other.get() == f"new{number}"


def test_two_processes_hear_of_each_other(empty: Valkey, tmp_path: Path) -> None:
    path = tmp_path / "value"
    path.write_text("v0")
    both = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, empty.url, str(path)],
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]

    def say(process: subprocess.Popen[str], line: str) -> list[Any]:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(line + "\n")
        process.stdin.flush()
        found: list[Any] = json.loads(process.stdout.readline())
        return found

    try:
        for process in both:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        one, other = both
        assert say(one, "get") == ["v0", 1]
        assert [say(other, "get") for _ in range(3)] == [["v0", 0]] * 3
        for number in range(1, 21):
            writer, reader = (one, other) if number % 2 else (other, one)
            say(writer, f"set v{number}")
            deadline = time.monotonic() + PATIENCE_SECONDS
            # What it is told of travels while we ask.
            while say(reader, "get")[0] != f"v{number}":
                assert time.monotonic() < deadline
            # And nothing brings the old back.
            assert [say(process, "get")[0] for process in (*both, *both)] == [f"v{number}"] * 4
        # One of both found each out, or nearly: the other one had it from there.
        assert sum(say(process, "get")[1] for process in both) <= 30
    finally:
        for process in both:
            process.communicate(timeout=PATIENCE_SECONDS)


async def test_what_was_read_before_a_commit_elsewhere_is_not_kept(empty: Valkey) -> None:
    async with processes(empty, 3) as (one, other, third):
        go_on, reading = asyncio.Event(), asyncio.Event()

        async def hold() -> None:
            reading.set()
            await go_on.wait()

        other.before_reading = hold
        slow = asyncio.create_task(other.get())
        await reading.wait()
        await one.set("new")
        go_on.set()
        assert await slow == "old"
        assert [await third.get(), await one.get()] == ["new"] * 2
        await until(lambda: "name" in other.cache.memory._outdated)
        assert await other.get() == "new"


async def test_while_it_is_being_committed_nothing_is_kept(empty: Valkey) -> None:
    async with processes(empty, 2) as (one, other):
        await other.get()
        async with one.cache.announcing(["name"]):
            await until(lambda: "name" in other.cache.memory._outdated)
            assert [await other.get() for _ in range(3)] == ["old"] * 3
            assert (other.asked, len(other.cache.memory)) == (4, 0)
            one.source["value"] = "new"
        assert await other.get() == "new"


async def test_who_dies_while_committing_leaves_a_doubt_that_ends(
    empty: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("garaza.kit.cache.shared._DOUBT_MS", 200)
    async with processes(empty, 2) as (one, other):
        await other.get()
        await one.shared.tell(["name"], doubt=True)
        one.source["value"] = "new"
        await until(lambda: "name" in other.cache.memory._outdated)
        assert await other.get() == "new"
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await other.get() and not len(other.cache.memory):  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
        assert await other.get() == "new"


async def test_tokens_that_were_lost_make_no_old_copy_good(empty: Valkey) -> None:
    """A server that is short of memory may take any key away."""
    async with processes(empty, 2) as (one, other):
        await one.get()
        client = one.store._client
        await client.delete(f"{PREFIX}t:name")
        one.source["value"] = "new"
        assert await other.get() == "new"


async def test_an_emptied_server_empties_memory(empty: Valkey) -> None:
    async with processes(empty, 1) as (one,):
        await one.get()
        one.source["value"] = "new"
        empty.flush()
        await until(lambda: len(one.cache.memory) == 0)
        assert await one.get() == "new"


async def test_everything_can_be_outdated_everywhere(empty: Valkey) -> None:
    async with processes(empty, 2) as (one, other):
        await other.get()
        one.source["value"] = "new"
        await one.cache.clear()
        await until(lambda: len(other.cache.memory) == 0)
        assert [await one.get(), await other.get()] == ["new"] * 2


async def test_a_hundred_in_each_of_three_processes_have_it_found_out_once(empty: Valkey) -> None:
    async with processes(empty, 3, wait_seconds=PATIENCE_SECONDS) as all_three:
        for one in all_three:
            one.before_reading = lambda: asyncio.sleep(0.05)
        found = await asyncio.gather(*(one.get() for one in all_three for _ in range(100)))
        assert found == ["old"] * 300
        assert sum(one.asked for one in all_three) == 1


async def test_another_one_is_not_waited_for_without_end(empty: Valkey) -> None:
    async with processes(empty, 2, wait_seconds=0.1) as (one, other):
        stuck = asyncio.Event()
        one.before_reading = stuck.wait
        waiting = asyncio.create_task(one.get())
        await until(lambda: one.asked == 1)
        assert await other.get() == "old"
        assert not waiting.done()
        stuck.set()
        await waiting


@pytest.mark.parametrize(
    "copy",
    [
        b"",
        b"rubbish",
        b"\x00" * 100,
        pack("another_version", b'"from another release"'),
        pack("{version}", b'{"of": "another form"}'),
        pack("{version}", b'"damaged"')[:-1] + b"!",
    ],
)
async def test_what_is_no_copy_is_found_out(empty: Valkey, copy: bytes) -> None:
    async with processes(empty, 2) as (one, other):
        await one.get()
        client = one.store._client
        kept = await client.get(f"{PREFIX}c:word:k")
        tokens = kept.partition(b"\n")[0]
        version = JsonCodec(str).version.encode()
        await client.set(f"{PREFIX}c:word:k", tokens + b"\n" + copy.replace(b"{version}", version), px=60_000)
        one.source["value"] = "new"
        assert await other.get() == "new"
        assert other.cache.errors["word", "corrupt"] == (1 if copy else 0)
        assert await other.get() == "new"


# Without it ------------------------------------------------------------------------------------------------------


async def test_when_it_is_killed_requests_go_on_and_nothing_old_comes_back(
    own: Valkey, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        async with processes(own, 2, strict=True) as (one, other):
            assert [await one.get(), await other.get()] == ["old"] * 2
            own.kill()
            found = await asyncio.gather(*(other.get(str(number % 7)) for number in range(200)))
            assert set(found) == {"old"}
            await one.set("new")
            await other.told(up=False)
            # Nobody tells it what the other one does: it looks.
            assert [await other.get() for _ in range(3)] == ["new"] * 3
            assert len(other.cache.memory) == 0 or other.cache.hits["word", "memory"] == 0
            own.restart()
            await asyncio.gather(one.told(), other.told())
            await until(lambda: not one.shared.owes)
            assert await one.get() == "new"
    # Of each process's tracker and store, going and coming back; and never where it is.
    assert len(caplog.records) <= 6
    assert str(own.port) not in caplog.text


async def test_when_it_is_silent_nobody_waits_long_and_then_nobody_waits_at_all(own: Valkey) -> None:
    async with processes(own, 2, patience=0.1) as (one, other):
        await other.get()
        own.pause()
        # Each asks for itself until one has waited in vain.
        assert set(await asyncio.gather(*(other.get(str(number)) for number in range(50)))) == {"old"}
        await one.set("new")
        await asyncio.gather(one.told(up=False), other.told(up=False))
        asked = other.store.fallbacks
        assert [await other.get(f"x{number}") for number in range(50)] == ["new"] * 50
        assert other.store.fallbacks == asked, "it is known to be silent, and was asked all the same"
        own.resume()
        await asyncio.gather(one.told(), other.told())
        # What was kept there before, one couldn't say was outdated: it is gone with everything else.
        assert [await one.get(), await other.get()] == ["new"] * 2


async def test_who_alone_could_not_tell_tells_as_soon_as_it_can(own: Valkey) -> None:
    async with processes(own, 2) as (one, other):
        await other.get()
        run, one.store.run = one.store.run, lambda *_: asyncio.sleep(0)  # type: ignore[method-assign]
        await one.set("new")
        assert one.shared.owes
        one.store.run = run  # type: ignore[method-assign]
        # Its own copies of before are none, nor does it take them from there.
        assert await one.get() == "new"
        await until(lambda: not one.shared.owes)
        await until(lambda: len(other.cache.memory) == 0)
        assert await other.get() == "new"


async def test_one_that_was_never_there_is_done_without(own: Valkey) -> None:
    own.kill()
    one = Process(own, {"value": "old"}, 0.1)
    one.cache.start()
    try:
        assert [await one.get() for _ in range(3)] == ["old"] * 3
        await one.set("new")
        assert await one.get() == "new"
        own.restart()
        await one.told()
        assert await one.get() == "new"
    finally:
        with contextlib.suppress(asyncio.CancelledError):
            await one.cache.stop()
