"""Nobody who follows events misses one, in whatever order transactions end."""

from __future__ import annotations

import pytest

from garaza.jobs.news import LOOK_BACK, Mark
from garaza.jobs.newsreader import Newsreader
from tests.jobs.queue import FAILURE, Queue

pytestmark = pytest.mark.anyio


def reader_of(queue: Queue) -> Newsreader:
    return Newsreader(queue.clock, in_order=queue.database.dialect == "sqlite")


async def read_on(queue: Queue, mark: Mark) -> tuple[list[str], Mark]:
    """The jobs that something has happened to since, once for each time, and the mark for next time."""
    reader = reader_of(queue)
    found, _ = await queue.read(reader.since, mark)
    return [news.job_id for news in found], reader.moved(mark, [news.id for news in found])


async def test_news_are_of_jobs_that_something_has_happened_to_since(queue: Queue) -> None:
    old, new = await queue.add(), await queue.add()
    mark = await queue.read(reader_of(queue).mark)
    assert await read_on(queue, mark) == ([], mark)
    await queue.write(queue.jobs.cancel, new)
    found, mark = await read_on(queue, mark)
    assert found == [new]
    await queue.write(queue.jobs.cancel, old)
    assert (await read_on(queue, mark))[0] == [old]


# On SQLite writers come one after the other.
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_an_event_that_is_committed_after_later_ones_is_not_missed(queue: Queue) -> None:
    slow, fast = await queue.add(), await queue.add()
    mark = await queue.read(reader_of(queue).mark)
    async with queue.database.write() as session:
        await queue.jobs.cancel(session, slow)
        await queue.write(queue.jobs.cancel, fast)
        found, mark = await read_on(queue, mark)
        assert found == [fast]
        began_late = await queue.read(reader_of(queue).mark)
    assert (await read_on(queue, mark))[0] == [slow]
    assert (await read_on(queue, began_late))[0] == [slow]


async def test_events_of_one_job_are_in_the_order_in_which_they_become_visible(queue: Queue) -> None:
    job_id = await queue.add()
    await queue.write(queue.jobs.fail, await queue.claimed(), FAILURE, permanent=True)
    events = await queue.read(queue.jobs.events_after, 0, 10, job_id)
    assert [event.kind for event in events] == ["uploaded", "queued", "running", "failed"]
    later = await queue.read(queue.jobs.events_after, events[0].id, 10, job_id)
    assert [event.id for event in later] == [event.id for event in events[1:]]
    assert (await queue.read(queue.jobs.latest_event, job_id)).id == events[-1].id


def test_what_was_skipped_is_asked_for_again_and_found_once() -> None:
    mark = Mark(10).moved([11, 14, 15], now=0)
    assert (mark.last, set(mark.missing)) == (15, {12, 13})
    mark = mark.moved([13, 16], now=1)
    assert (mark.last, set(mark.missing)) == (16, {12})


def test_what_never_turns_up_is_forgotten() -> None:
    mark = Mark(10).moved([12], now=0)
    assert set(mark.moved([], now=60).missing) == {11}
    assert mark.moved([], now=100).missing == {}


def test_what_is_remembered_is_bounded() -> None:
    mark = Mark(0).moved([1_000_000], now=0)
    assert len(mark.missing) == LOOK_BACK
    assert max(mark.missing) == 999_999
    mark = mark.moved([2_000_000], now=1)
    assert len(mark.missing) == LOOK_BACK
    assert min(mark.missing) > 1_000_000
