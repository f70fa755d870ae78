"""Nobody who follows events misses one, in whatever order transactions end."""

from __future__ import annotations

import pytest

from garaza.jobs.news import LOOK_BACK, Mark
from tests.jobs.queue import FAILURE, Queue

pytestmark = pytest.mark.anyio


async def test_news_are_of_jobs_that_something_has_happened_to_since(queue: Queue) -> None:
    old, new = await queue.add(), await queue.add()
    mark = await queue.read(queue.jobs.news_mark)
    _, mark = await queue.read(queue.jobs.news_since, mark)
    assert await queue.read(queue.jobs.news_since, mark) == (set(), mark)
    await queue.write(queue.jobs.cancel, new)
    found, mark = await queue.read(queue.jobs.news_since, mark)
    assert found == {new}
    await queue.write(queue.jobs.cancel, old)
    assert (await queue.read(queue.jobs.news_since, mark))[0] == {old}


# On SQLite writers come one after the other.
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_an_event_that_is_committed_after_later_ones_is_not_missed(queue: Queue) -> None:
    slow, fast = await queue.add(), await queue.add()
    mark = (await queue.read(queue.jobs.news_since, await queue.read(queue.jobs.news_mark)))[1]
    async with queue.database.write() as session:
        await queue.jobs.cancel(session, slow)
        await queue.write(queue.jobs.cancel, fast)
        found, mark = await queue.read(queue.jobs.news_since, mark)
        assert found == {fast}
        began_late = await queue.read(queue.jobs.news_mark)
    assert (await queue.read(queue.jobs.news_since, mark))[0] == {slow}
    assert slow in (await queue.read(queue.jobs.news_since, began_late))[0]


async def test_events_of_one_job_are_in_the_order_in_which_they_become_visible(queue: Queue) -> None:
    job_id = await queue.add()
    await queue.write(queue.jobs.fail, await queue.claimed(), FAILURE, permanent=True)
    events = await queue.read(queue.jobs.events_after, 0, 10, job_id)
    assert [event.kind for event in events] == ["queued", "running", "failed"]
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
