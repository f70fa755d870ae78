"""The table that is the queue: who gets which job, and whose writes count."""

from __future__ import annotations

import asyncio

import pytest

from garaza.errors import GarazaError
from tests.jobs.conftest import Queue

pytestmark = pytest.mark.anyio

FAILURE = {"reason": "too_dark", "message": "Too dark.", "advice": "Light.", "details": {}}


async def test_jobs_are_claimed_in_the_order_they_were_asked_for(queue: Queue) -> None:
    ids = []
    for _ in range(5):
        queue.clock.now += 1
        ids.append(await queue.add())
    claimed = [await queue.claim() for _ in range(5)]
    assert [claim.job_id for claim in claimed if claim] == ids
    assert await queue.claim() is None


async def test_a_job_nobody_asked_for_is_not_claimed(queue: Queue) -> None:
    await queue.add(queued=False)
    assert await queue.claim() is None


async def test_many_claimers_at_once_never_share_a_job(queue: Queue) -> None:
    ids = {await queue.add() for _ in range(12)}
    claims = await asyncio.gather(*(queue.claim(f"w{n}") for n in range(20)))
    taken = [claim.job_id for claim in claims if claim]
    assert len(taken) == len(set(taken)) == 12
    assert set(taken) == ids


async def test_a_renewed_lease_is_kept_and_a_silent_one_is_lost(queue: Queue) -> None:
    job_id = await queue.add()
    first = await queue.claim("first")
    assert first is not None
    queue.clock.now += 14
    async with queue.database.write() as session:
        assert await queue.jobs.renew(session, first)
    queue.clock.now += 14
    assert await queue.claim("second") is None, "the lease was renewed"
    queue.clock.now += 2
    assert await queue.claim("second") is None, "lost, but the next attempt waits for its backoff"
    assert await queue.state(job_id) == "queued"
    queue.clock.now += 10
    second = await queue.claim("second")
    assert second is not None
    assert (second.job_id, second.attempt) == (job_id, 2)
    assert second.fence > first.fence


async def test_writes_of_a_worker_that_lost_its_job_do_not_count(queue: Queue) -> None:
    job_id = await queue.add()
    stale = await queue.claim("first")
    queue.clock.now += 60
    await queue.claim("reaper")
    queue.clock.now += 60
    current = await queue.claim("second")
    assert stale is not None
    assert current is not None
    async with queue.database.write() as session:
        assert not await queue.jobs.renew(session, stale, {"stage": "depth", "progress": 50})
        assert not await queue.jobs.complete(session, stale, "1", [])
        assert not await queue.jobs.fail(session, stale, FAILURE, permanent=True)
        assert not await queue.jobs.release(session, stale)
    assert await queue.state(job_id) == "running"
    async with queue.database.write() as session:
        assert await queue.jobs.complete(session, current, "2", [])
    assert await queue.state(job_id) == "completed"
    assert "progress" not in await queue.kinds(job_id)


async def test_a_worker_that_dies_in_the_last_attempt_leaves_a_failed_job(queue: Queue) -> None:
    job_id = await queue.add()
    for attempt in (1, 2, 3):
        claim = await queue.claim()
        assert claim is not None
        assert claim.attempt == attempt
        queue.clock.now += 100
        await queue.claim("reaper")
        queue.clock.now += 100
    assert await queue.state(job_id) == "failed"
    assert await queue.claim() is None
    assert await queue.kinds(job_id) == ["queued", "running", "retrying", "running", "retrying", "running", "failed"]


async def test_a_permanent_failure_is_not_tried_again(queue: Queue) -> None:
    job_id = await queue.add()
    claim = await queue.claim()
    assert claim is not None
    async with queue.database.write() as session:
        assert await queue.jobs.fail(session, claim, FAILURE, permanent=True)
    queue.clock.now += 1000
    assert await queue.claim() is None
    assert await queue.state(job_id) == "failed"


async def test_a_failed_job_can_be_asked_for_again_with_all_its_attempts(queue: Queue) -> None:
    job_id = await queue.add()
    claim = await queue.claim()
    assert claim is not None
    async with queue.database.write() as session:
        await queue.jobs.fail(session, claim, FAILURE, permanent=True)
        await queue.jobs.ask(session, job_id, {})
    again = await queue.claim()
    assert again is not None
    assert again.attempt == 1
    assert again.fence > claim.fence


async def test_a_job_given_back_does_not_lose_an_attempt(queue: Queue) -> None:
    job_id = await queue.add()
    claim = await queue.claim()
    assert claim is not None
    async with queue.database.write() as session:
        assert await queue.jobs.release(session, claim)
    again = await queue.claim()
    assert again is not None
    assert (again.job_id, again.attempt) == (job_id, 1)


async def test_leases_of_a_dead_worker_are_released_at_once(queue: Queue) -> None:
    dead = await queue.add()
    queue.clock.now += 1
    living = await queue.add()
    await queue.claim("embedded-dead")
    await queue.claim("worker-living")
    async with queue.database.write() as session:
        assert await queue.jobs.release_leases_of(session, "embedded-") == 1
    assert await queue.state(dead) == "queued"
    assert await queue.state(living) == "running"


async def test_a_running_or_finished_job_is_not_queued_twice(queue: Queue) -> None:
    job_id = await queue.add()
    for _ in range(2):
        with pytest.raises(GarazaError) as caught:
            async with queue.database.write() as session:
                await queue.jobs.ask(session, job_id, {})
        assert caught.value.status == 409
        claim = await queue.claim()
    assert claim is None
    assert (await queue.kinds(job_id)).count("queued") == 1


async def test_deleting_a_running_job_voids_its_claim_and_takes_its_events_along(queue: Queue) -> None:
    job_id = await queue.add()
    claim = await queue.claim()
    assert claim is not None
    async with queue.database.write() as session:
        await queue.jobs.delete(session, job_id)
    async with queue.database.write() as session:
        assert not await queue.jobs.renew(session, claim)
        assert not await queue.jobs.complete(session, claim, "1", [])
    assert await queue.kinds(job_id) == []


async def test_an_expired_job_is_gone_for_clients_before_it_is_swept(queue: Queue) -> None:
    job_id = await queue.add(queued=False, expires_at=queue.clock.now + 10)
    await queue.state(job_id)
    queue.clock.now += 10
    with pytest.raises(GarazaError) as caught:
        await queue.state(job_id)
    assert caught.value.status == 404
    async with queue.database.write() as session:
        assert await queue.jobs.delete_expired(session, 10) == [job_id]


async def test_queue_positions_count_what_runs_and_what_waits_before(queue: Queue) -> None:
    positions = []
    for _ in range(3):
        queue.clock.now += 1
        job_id = await queue.add()
        async with queue.database.read() as session:
            job = await queue.jobs.get(session, job_id)
            positions.append(await queue.jobs.queue_position(session, job))
    assert positions == [1, 2, 3]
    await queue.claim()
    async with queue.database.read() as session:
        assert await queue.jobs.queue_position(session, await queue.jobs.get(session, job_id)) == 3


async def test_concurrent_writers_wait_for_each_other_and_lose_nothing(queue: Queue) -> None:
    job_id = await queue.add()
    claim = await queue.claim()
    assert claim is not None

    async def report(number: int) -> None:
        async with queue.database.write() as session:
            await queue.jobs.renew(session, claim, {"stage": "depth", "progress": number})

    await asyncio.gather(*(report(number) for number in range(30)))
    assert (await queue.kinds(job_id)).count("progress") == 30


async def test_a_job_given_back_shows_no_progress_of_before(queue: Queue) -> None:
    job_id = await queue.add()
    claim = await queue.claim()
    assert claim is not None
    async with queue.database.write() as session:
        await queue.jobs.renew(session, claim, {"stage": "depth", "progress": 60})
        await queue.jobs.release(session, claim)
    async with queue.database.read() as session:
        job = await queue.jobs.get(session, job_id)
    assert (job.progress, job.started_at) == (None, None)


async def test_files_of_an_expired_job_are_served_to_nobody(queue: Queue) -> None:
    job_id = await queue.add(expires_at=queue.clock.now + 10)
    claim = await queue.claim()
    assert claim is not None
    file = {"path": "model.glb", "media_type": "model/gltf-binary", "size_bytes": 1, "sha256": "0" * 64}
    async with queue.database.write() as session:
        assert await queue.jobs.complete(session, claim, "1", [file])
    async with queue.database.read() as session:
        assert (await queue.jobs.file_and_version(session, job_id, "model.glb"))[1] == "1"
    queue.clock.now += 10
    with pytest.raises(GarazaError) as caught:
        async with queue.database.read() as session:
            await queue.jobs.file_and_version(session, job_id, "model.glb")
    assert caught.value.status == 404
