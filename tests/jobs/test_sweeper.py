"""No waiting job is forgotten: what the sweeper of a service does in a round."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from garaza.jobs.channels import QUEUE_CHANNEL
from garaza.jobs.claims import Waiting
from garaza.jobs.database_queue import DatabaseQueue
from garaza.jobs.queue import BrokerUnavailableError
from garaza.jobs.sweeper import Sweeper
from garaza.kit.changes import changes_of
from tests.jobs.queue import Queue
from tests.queries import Queries

pytestmark = pytest.mark.anyio


class Broker:
    """Remembers what it is told."""

    needs_messages = True

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.away = False
        self.closed = False

    async def publish(self, jobs: Sequence[Waiting]) -> None:
        if self.away:
            raise BrokerUnavailableError
        self.messages += [job.id for job in jobs]

    async def backlog(self) -> int:
        if self.away:
            raise BrokerUnavailableError
        return len(self.messages)

    async def close(self) -> None:
        self.closed = True


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def sweeper(queue: Queue, broker: Broker) -> Sweeper:
    return Sweeper(queue.database, queue.jobs, broker, changes_of(queue.database, QUEUE_CHANNEL, 0.005))


async def test_a_broker_is_told_of_each_job_once(queue: Queue, broker: Broker, sweeper: Sweeper) -> None:
    job_ids = []
    for _ in range(3):
        queue.clock.now += 1
        job_ids.append(await queue.add())
        await sweeper.round()
    assert broker.messages == job_ids


async def test_what_could_not_be_told_is_told_later(queue: Queue, broker: Broker, sweeper: Sweeper) -> None:
    broker.away = True
    job_id = await queue.add()
    with pytest.raises(BrokerUnavailableError):
        await sweeper.round()
    assert (await queue.get(job_id)).published_at is None
    broker.away = False
    await sweeper.round()
    assert broker.messages == [job_id]


async def test_what_the_broker_has_lost_is_told_again_and_nothing_else(
    queue: Queue, broker: Broker, sweeper: Sweeper
) -> None:
    job_ids = []
    for _ in range(2):
        queue.clock.now += 1
        job_ids.append(await queue.add())
    await sweeper.round()
    queue.clock.now += 61
    await sweeper.round()
    assert broker.messages == job_ids, "it has them still"
    del broker.messages[0]
    await sweeper.round()
    assert len(broker.messages) == 1, "not before another minute is over"
    queue.clock.now += 61
    await sweeper.round()
    assert sorted(broker.messages) == sorted([job_ids[1], *job_ids])


async def test_jobs_of_dead_workers_are_taken_back_and_told_of(queue: Queue, broker: Broker, sweeper: Sweeper) -> None:
    job_id = await queue.add()
    await sweeper.round()
    await queue.claimed()
    assert await sweeper.round() == 1
    queue.clock.now += 14.5
    assert await sweeper.round() == 0.5
    queue.clock.now += 0.5
    await sweeper.round()
    assert await queue.state(job_id) == "queued"
    assert broker.messages == [job_id, job_id]


async def test_without_a_broker_a_round_is_one_cheap_query(queue: Queue) -> None:
    sweeper = Sweeper(queue.database, queue.jobs, DatabaseQueue(), changes_of(queue.database, QUEUE_CHANNEL, 0.005))
    await queue.add()
    with Queries(queue.database) as seen:
        await sweeper.round()
    assert len(seen.statements) == 1


async def test_it_begins_and_ends_with_the_service(queue: Queue, broker: Broker, sweeper: Sweeper) -> None:
    sweeper.start()
    job_id = await queue.add()
    while not broker.messages:
        await queue.state(job_id)
    await sweeper.stop()
    assert broker.closed
    assert broker.messages == [job_id]
