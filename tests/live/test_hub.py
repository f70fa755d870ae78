"""The hub and those who listen: each event once for each, however many they are, however slow, and however often they
come back.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from garaza.jobs.channels import EVENTS_CHANNEL
from garaza.jobs.claims import Claim, Report
from garaza.jobs.news import Mark
from garaza.jobs.newsreader import Newsreader
from garaza.kit.changes import changes_of
from garaza.live.connection import Tally
from garaza.live.cursors import cursor_of, mark_of
from garaza.live.endings import Endings
from garaza.live.feed import MOST_WAITING
from garaza.live.hub import Hub
from garaza.live.keeper import Keeper
from garaza.live.places import Places
from garaza.live.service import LiveService
from garaza.live.told import Note, Told
from tests.jobs.queue import Queue
from tests.queries import Queries
from tests.service.harness import PATIENCE_SECONDS

pytestmark = pytest.mark.anyio


class Listener:
    """A client that takes what it is sent, when `free` is set, until `wanted` says that it has enough."""

    def __init__(self, wanted: Callable[[Listener], bool] = lambda _: False) -> None:
        self.told: list[Told] = []
        self.notes: list[Note] = []
        self.free = asyncio.Event()
        self.free.set()
        self._wanted = wanted
        self._gone = asyncio.Event()

    @property
    def ids(self) -> list[int]:
        return [told.news.id for told in self.told]

    def leave(self) -> None:
        self._gone.set()

    async def receive(self) -> str | None:
        await self._gone.wait()
        return None

    async def tell(self, told: Told) -> bool:
        await self.free.wait()
        if self._gone.is_set():
            raise OSError
        self.told.append(told)
        if self._wanted(self):
            self.leave()
        return False

    async def say(self, note: Note) -> None:
        self.notes.append(note)

    async def close(self, code: int, reason: str) -> None:
        self.leave()


@asynccontextmanager
async def live_part(queue: Queue, *, in_order: bool | None = None) -> AsyncIterator[LiveService]:
    database = queue.database
    news = Newsreader(queue.clock, in_order=database.dialect == "sqlite" if in_order is None else in_order)
    tally = Tally()

    async def all_of_them(ids: list[str]) -> set[str]:
        return set(ids)

    async def no_result(*_: Any) -> Any:
        raise AssertionError

    hub = Hub(database, queue.jobs, news, changes_of(database, EVENTS_CHANNEL, 0.003))
    keeper = Keeper(queue.clock, all_of_them, tally, beat_seconds=60, send_seconds=60)
    places, endings = Places(10_000, 10_000), Endings(database, queue.jobs, no_result)
    service = LiveService(database, queue.jobs, news, hub, keeper, places, endings, tally)
    yield service
    await keeper.stop()
    await hub.stop()


async def until(fact: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not fact():  # noqa: ASYNC110 - it is about many things
            await asyncio.sleep(0.005)


async def report(queue: Queue, claim: Claim, percent: float = 1, pause: float = 0) -> None:
    progress = {"stage": "depth", "progress": percent, "message": "Measuring"}
    async with queue.database.write() as session:
        assert await queue.jobs.renew(session, claim, Report(progress))
        # What others commit meanwhile has larger ids, and is seen sooner.
        await asyncio.sleep(pause)


async def all_ids(queue: Queue, after: int = 0) -> list[int]:
    return [event.id for event in await queue.read(queue.jobs.events_after, after, 10_000)]


async def test_a_thousand_listeners_cost_no_more_queries_than_one(queue: Queue) -> None:
    job_id = await queue.add()
    claim = await queue.claimed()
    async with live_part(queue) as live, asyncio.TaskGroup() as following:
        listeners = [Listener() for _ in range(1000)]
        for listener in listeners:
            connection = live.connect(listener)
            following.create_task(live.follow_job(connection, job_id, None, None))
        await until(lambda: all(len(listener.told) == 1 for listener in listeners))
        with Queries(queue.database) as seen:
            for percent in range(3):
                await report(queue, claim, percent)
            await until(lambda: all(len(listener.told) == 4 for listener in listeners))
        assert len(seen) < 200, "and not some thousand"
        assert {tuple(listener.ids) for listener in listeners} == {tuple(await all_ids(queue))[-4:]}
        # All of them are sent the same text.
        assert len({id(listener.told[-1].of_a_job()) for listener in listeners}) == 1
        for listener in listeners:
            listener.leave()


async def test_who_is_slow_gets_all_of_it_later_and_little_is_kept_for_it(queue: Queue) -> None:
    owner = await queue.user()
    await queue.add(user_id=owner.user_id)
    claim = await queue.claimed()
    async with live_part(queue) as live, asyncio.TaskGroup() as following:
        slow, quick = Listener(), Listener()
        connection = live.connect(slow)
        for one in (connection, live.connect(quick)):
            following.create_task(live.follow_account(one, owner.user_id, None))
        await until(lambda: bool(slow.notes and quick.notes))
        slow.free.clear()
        for percent in range(MOST_WAITING + 30):
            await report(queue, claim, percent)
        await until(lambda: len(quick.told) == MOST_WAITING + 30)
        assert slow.told == []
        assert connection.feed.queue is not None
        assert len(connection.feed.queue) <= MOST_WAITING
        slow.free.set()
        await report(queue, claim)
        await until(lambda: len(slow.told) >= len(quick.told) == MOST_WAITING + 31)
        assert slow.ids == quick.ids == (await all_ids(queue))[-len(quick.ids) :]
        assert live.tally.replayed >= 29
        for listener in (slow, quick):
            listener.leave()


def some(count: int) -> Callable[[Listener], bool]:
    """So many are enough."""
    return lambda listener: len(listener.told) == count


async def test_it_goes_on_where_nobody_listened_for_a_while(queue: Queue) -> None:
    owner = await queue.user()
    await queue.add(user_id=owner.user_id)
    claim = await queue.claimed()
    async with live_part(queue) as live:
        last, heard = Mark(0), list[int]()
        for _ in range(3):
            await report(queue, claim)
            listener = Listener(some(len(await all_ids(queue)) - len(heard)))
            await live.follow_account(live.connect(listener), owner.user_id, last)
            heard += listener.ids
            last = listener.told[-1].mark
            assert live.hub.listeners == 0
        assert heard == await all_ids(queue)


# On SQLite writers come one after the other.
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_what_is_committed_late_is_neither_missed_nor_told_twice(queue: Queue) -> None:
    owner = await queue.user()
    for _ in range(2):
        await queue.add(user_id=owner.user_id)
    slow, fast = await queue.claimed(), await queue.claimed()
    async with live_part(queue) as live, asyncio.TaskGroup() as following:
        staying, leaving = Listener(), Listener(some(1))
        for listener in (staying, leaving):
            following.create_task(live.follow_account(live.connect(listener), owner.user_id, None))
        await until(lambda: bool(staying.notes and leaving.notes))
        committing = asyncio.Event()

        async def late() -> None:
            async with queue.database.write() as session:
                assert await queue.jobs.renew(session, slow, Report({"stage": "depth", "progress": 1}))
                began.set()
                await committing.wait()

        began = asyncio.Event()
        task = following.create_task(late())
        await began.wait()
        await report(queue, fast)
        await until(lambda: len(staying.told) == len(leaving.told) == 1)
        cursor = cursor_of(leaving.told[0].mark)
        assert "~" in cursor, "it says what is missing"
        committing.set()
        await task
        again = Listener(some(1))
        await live.follow_account(live.connect(again), owner.user_id, mark_of(cursor))
        assert [told.news.job_id for told in again.told] == [slow.job_id]
        await until(lambda: len(staying.told) == 2)
        assert sorted(staying.ids) == sorted(leaving.ids + again.ids)
        # Nothing is told again to who has it all.
        last = Listener(some(1))
        following.create_task(live.follow_account(live.connect(last), owner.user_id, again.told[-1].mark))
        await until(lambda: bool(last.notes))
        await report(queue, fast)
        await until(lambda: len(last.told) == 1)
        assert last.ids == (await all_ids(queue))[-1:]
        staying.leave()


async def test_who_comes_and_goes_while_many_write_hears_each_event_once(queue: Queue) -> None:
    chance = random.Random(3)
    owner = await queue.user()
    for _ in range(4):
        await queue.add(user_id=owner.user_id)
    claims = [await queue.claimed() for _ in range(4)]
    async with live_part(queue) as live, asyncio.TaskGroup() as writing:
        done = 0
        first = Listener()
        first.leave()
        await live.follow_account(live.connect(first), owner.user_id, None)
        cursor = first.notes[0].cursor if first.notes else cursor_of(Mark((await all_ids(queue))[-1]))
        began = mark_of(cursor or "")
        assert began is not None

        async def write(claim: Claim) -> None:
            nonlocal done
            for percent in range(25):
                await report(queue, claim, percent, pause=chance.random() * 0.01)
            done += 1

        for claim in claims:
            writing.create_task(write(claim))
        heard: list[Told] = []
        while done < len(claims) or len(heard) < 100:
            listener = Listener(some(min(chance.randint(1, 7), 100 - len(heard))))
            await live.follow_account(live.connect(listener), owner.user_id, mark_of(cursor or ""))
            heard += listener.told
            cursor = heard[-1].cursor
    ids = [told.news.id for told in heard]
    assert sorted(ids) == await all_ids(queue, began.last)
    for claim in claims:
        mine = [told.news.id for told in heard if told.news.job_id == claim.job_id]
        assert mine == sorted(mine), "in the order in which they happened"
