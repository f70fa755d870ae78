"""The table that is the queue: who gets which job, and whose writes count."""

from __future__ import annotations

import asyncio

import pytest

from garaza.errors import GarazaError
from garaza.jobs.claims import Note, Report
from garaza.jobs.priorities import STEPS
from tests.jobs.queue import FAILURE, Queue
from tests.queries import Queries

pytestmark = pytest.mark.anyio


async def test_jobs_are_claimed_in_the_order_they_were_asked_for(queue: Queue) -> None:
    ids = []
    for _ in range(5):
        queue.clock.now += 1
        ids.append(await queue.add())
    claimed = [await queue.claim() for _ in range(5)]
    assert [claim.job_id for claim in claimed if claim] == ids
    assert await queue.claim() is None


async def test_several_are_claimed_at_once_in_their_order(queue: Queue) -> None:
    ids = []
    for _ in range(5):
        queue.clock.now += 1
        ids.append(await queue.add())
    first = await queue.write(queue.jobs.claim_many, "w", 3)
    rest = await queue.write(queue.jobs.claim_many, "w", 3)
    assert [claim.job_id for claim in first + rest] == ids
    assert await queue.write(queue.jobs.claim_many, "w", 3) == []


async def test_those_who_pay_come_first_unless_others_have_waited_long(queue: Queue) -> None:
    """A step down costs a head start of 1000 s."""
    guest = await queue.add(priority=9)
    queue.clock.now += 1
    free = await queue.add(priority=6)
    queue.clock.now += 1
    enterprise = await queue.add(priority=0)
    queue.clock.now += 1
    pro = await queue.add(priority=3)
    queue.clock.now += 2998
    later = await queue.add(priority=0)
    claimed = [await queue.claimed() for _ in range(5)]
    assert [claim.job_id for claim in claimed] == [enterprise, pro, free, guest, later]


async def test_a_stream_of_those_who_pay_starves_nobody(queue: Queue) -> None:
    guest = await queue.add(priority=9)
    for _ in range(400):
        queue.clock.now += 10
        await queue.add(priority=0)
        claim = await queue.claimed()
        if claim.job_id == guest:
            break
        await queue.write(queue.jobs.complete, claim, "1", [])
    else:
        pytest.fail("the guest's turn never came")


async def test_a_job_nobody_asked_for_is_not_claimed(queue: Queue) -> None:
    await queue.add(queued=False)
    assert await queue.claim() is None
    assert await queue.read(queue.jobs.due_in) is None


async def test_many_claimers_at_once_never_share_a_job(queue: Queue) -> None:
    ids = {await queue.add() for _ in range(12)}
    claims = await asyncio.gather(*(queue.claim(f"w{n}") for n in range(20)))
    taken = [claim.job_id for claim in claims if claim]
    assert len(taken) == len(set(taken)) == 12
    assert set(taken) == ids


async def test_a_certain_job_is_claimed_if_it_is_due_and_only_once(queue: Queue) -> None:
    await queue.add()
    wanted = await queue.add()
    claim = await queue.write(queue.jobs.claim_job, "w", wanted)
    assert claim.job_id == wanted
    assert await queue.write(queue.jobs.claim_job, "v", wanted) is None
    await queue.write(queue.jobs.fail, claim, FAILURE, permanent=False)
    assert await queue.write(queue.jobs.claim_job, "v", wanted) is None, "it waits for its next attempt"
    queue.clock.now += 10
    assert (await queue.write(queue.jobs.claim_job, "v", wanted)).attempt == 2


async def test_workers_know_how_long_they_may_sleep(queue: Queue) -> None:
    assert await queue.read(queue.jobs.due_in) is None
    await queue.add()
    assert await queue.read(queue.jobs.due_in) == 0
    claim = await queue.claimed()
    assert await queue.read(queue.jobs.due_in) == await queue.read(queue.jobs.lease_due_in) == 15
    await queue.write(queue.jobs.fail, claim, FAILURE, permanent=False)
    assert 1.6 <= await queue.read(queue.jobs.due_in) <= 2.4
    assert await queue.read(queue.jobs.lease_due_in) is None


async def test_a_renewed_lease_is_kept_and_a_silent_one_is_lost(queue: Queue) -> None:
    job_id = await queue.add()
    first = await queue.claimed("first")
    queue.clock.now += 14
    assert await queue.write(queue.jobs.renew, first)
    queue.clock.now += 14
    assert await queue.claim("second") is None, "the lease was renewed"
    queue.clock.now += 2
    second = await queue.claimed("second")
    assert (second.job_id, second.attempt) == (job_id, 2)
    assert second.fence > first.fence
    assert await queue.outcomes(job_id) == [(1, "lost"), (2, None)]


async def test_writes_of_a_worker_that_lost_its_job_do_not_count(queue: Queue) -> None:
    job_id = await queue.add()
    stale = await queue.claimed("first")
    queue.clock.now += 60
    current = await queue.claimed("second")
    report = Report({"stage": "depth", "progress": 50}, (Note("log", {"text": "late"}),))
    assert not await queue.write(queue.jobs.renew, stale, report)
    assert not await queue.write(queue.jobs.complete, stale, "1", [])
    assert not await queue.write(queue.jobs.fail, stale, FAILURE, permanent=True)
    assert not await queue.write(queue.jobs.release, stale)
    assert await queue.state(job_id) == "running"
    assert await queue.write(queue.jobs.complete, current, "2", [])
    assert not await queue.write(queue.jobs.complete, stale, "1", [])
    assert (await queue.get(job_id)).result_version == "2"
    assert await queue.kinds(job_id) == ["queued", "running", "retrying", "running", "completed"]


async def test_a_result_may_be_told_of_twice_by_who_was_not_sure(queue: Queue) -> None:
    job_id = await queue.add()
    claim = await queue.claimed()
    file = {"path": "model.glb", "media_type": "model/gltf-binary", "size_bytes": 7, "sha256": "0" * 64}
    for _ in range(2):
        assert await queue.write(queue.jobs.complete, claim, "1", [file])
    assert await queue.kinds(job_id) == ["queued", "running", "completed"]
    assert (await queue.get(job_id)).result_bytes == 7
    assert queue.ended == [(job_id, "completed")]


async def test_a_worker_that_dies_in_the_last_attempt_leaves_a_failed_job(queue: Queue) -> None:
    job_id = await queue.add()
    for attempt in (1, 2, 3):
        claim = await queue.claimed()
        assert claim.attempt == attempt
        queue.clock.now += 100
    assert await queue.claim() is None
    assert await queue.state(job_id) == "failed"
    assert await queue.kinds(job_id) == ["queued", "running", "retrying", "running", "retrying", "running", "failed"]
    assert await queue.outcomes(job_id) == [(1, "lost"), (2, "lost"), (3, "lost")]
    assert queue.ended == [(job_id, "failed")]


async def test_the_last_attempt_is_taken_back_even_if_nobody_claims(queue: Queue) -> None:
    job_id = await queue.add()
    await queue.claimed()
    queue.clock.now += 14
    assert await queue.write(queue.jobs.requeue_expired) == 0
    queue.clock.now += 1
    assert await queue.write(queue.jobs.requeue_expired) == 1
    assert await queue.state(job_id) == "queued"


async def test_a_permanent_failure_is_not_tried_again(queue: Queue) -> None:
    job_id = await queue.add()
    claim = await queue.claimed()
    assert await queue.write(queue.jobs.fail, claim, FAILURE, permanent=True)
    queue.clock.now += 1000
    assert await queue.claim() is None
    assert await queue.state(job_id) == "failed"
    assert queue.ended == [(job_id, "failed")]


async def test_each_failure_is_waited_after_for_longer_and_all_are_remembered(queue: Queue) -> None:
    job_id = await queue.add()
    for expected in (2, 4):
        await queue.write(queue.jobs.fail, await queue.claimed(), FAILURE, permanent=False)
        wait = await queue.read(queue.jobs.due_in)
        assert 0.8 * expected <= wait <= 1.2 * expected
        queue.clock.now += wait - 0.001
        assert await queue.claim() is None
        queue.clock.now += 0.002
    assert queue.ended == []
    await queue.write(queue.jobs.fail, await queue.claimed(), FAILURE, permanent=False)
    attempts = await queue.read(queue.jobs.attempts_of, job_id)
    assert [(a.number, a.outcome, a.failure["reason"]) for a in attempts] == [
        (3, "failed", "too_dark"),
        (2, "failed", "too_dark"),
        (1, "failed", "too_dark"),
    ]
    assert all(a.worker == "w" and a.ended_at >= a.began_at for a in attempts)
    assert len(await queue.read(queue.jobs.attempts_of, job_id, 2)) == 2


async def test_a_failed_job_can_be_asked_for_again_with_all_its_attempts(queue: Queue) -> None:
    job_id = await queue.add()
    claim = await queue.claimed()
    await queue.write(queue.jobs.fail, claim, FAILURE, permanent=True)
    await queue.ask(job_id)
    again = await queue.claimed()
    assert again.attempt == 1
    assert again.fence > claim.fence


async def test_a_job_given_back_does_not_lose_an_attempt_or_its_place(queue: Queue) -> None:
    job_id = await queue.add()
    claim = await queue.claimed()
    queue.clock.now += 1
    await queue.add()
    assert await queue.write(queue.jobs.release, claim)
    again = await queue.claimed()
    assert (again.job_id, again.attempt) == (job_id, 1)
    assert await queue.outcomes(job_id) == [(1, "released"), (1, None)]


async def test_leases_of_a_dead_worker_are_released_at_once(queue: Queue) -> None:
    dead = await queue.add()
    queue.clock.now += 1
    living = await queue.add()
    await queue.claim("embedded-dead")
    await queue.claim("worker-living")
    assert await queue.write(queue.jobs.release_leases_of, "embedded-") == 1
    assert await queue.state(dead) == "queued"
    assert await queue.state(living) == "running"


async def test_a_running_or_finished_job_is_not_queued_twice(queue: Queue) -> None:
    job_id = await queue.add()
    for code in ("already_processing", "already_processing", "already_done"):
        with pytest.raises(GarazaError) as caught:
            await queue.ask(job_id)
        assert (caught.value.status, caught.value.code) == (409, code)
        if (claim := await queue.claim()) is None:
            break
        if code == "already_processing":
            continue
    assert (await queue.kinds(job_id)).count("queued") == 1
    assert claim is None


async def test_many_who_ask_at_once_make_one_job(queue: Queue) -> None:
    job_id = await queue.add(queued=False)
    answers = await asyncio.gather(*(queue.ask(job_id) for _ in range(8)), return_exceptions=True)
    assert answers.count(False) == 1
    assert [answer.status for answer in answers if isinstance(answer, GarazaError)] == [409] * 7
    assert await queue.kinds(job_id) == ["queued"]


async def test_the_same_request_twice_is_one_whatever_became_of_it(queue: Queue) -> None:
    job_id = await queue.add(queued=False)
    answers = await asyncio.gather(*(queue.ask(job_id, process_key="once") for _ in range(8)))
    assert sorted(answers) == [False] + [True] * 7
    with pytest.raises(GarazaError):
        await queue.ask(job_id, process_key="another")
    await queue.write(queue.jobs.fail, await queue.claimed(), FAILURE, permanent=True)
    assert await queue.ask(job_id, process_key="once")
    assert await queue.state(job_id) == "failed"
    assert not await queue.ask(job_id, process_key="twice")
    assert await queue.state(job_id) == "queued"


async def test_a_full_queue_takes_no_more(queue: Queue) -> None:
    queue.jobs._settings = queue.jobs._settings.model_copy(update={"max_queued": 2})
    first = await queue.add()
    await queue.add()
    third = await queue.add(queued=False)
    with pytest.raises(GarazaError) as caught:
        await queue.ask(third)
    assert (caught.value.status, caught.value.code) == (503, "queue_full")
    with pytest.raises(GarazaError) as caught:
        await queue.ask(first)
    assert caught.value.status == 409, "what is queued already is told so"
    await queue.claimed()
    await queue.ask(third)


async def test_queue_positions_count_what_runs_and_what_waits_before(queue: Queue) -> None:
    ids = []
    for _ in range(3):
        queue.clock.now += 1
        ids.append(await queue.add())
    jobs = [await queue.get(job_id) for job_id in ids]
    assert [await queue.read(queue.jobs.queue_position, job) for job in jobs] == [1, 2, 3]
    assert await queue.read(queue.jobs.queue_positions, jobs) == dict(zip(ids, (1, 2, 3), strict=True))
    await queue.claimed()
    with Queries(queue.database) as seen:
        jobs = await queue.read(queue.jobs.get_many, ids, any=True)
        positions = await queue.read(queue.jobs.queue_positions, jobs)
    assert len(seen.statements) == 2, seen.statements
    assert positions == {ids[1]: 2, ids[2]: 3}
    queue.clock.now += 1
    urgent = await queue.get(await queue.add(priority=0))
    late = await queue.get(await queue.add(priority=9))
    assert [await queue.read(queue.jobs.queue_position, job) for job in (urgent, late)] == [4, 5]


async def test_no_query_is_made_for_the_positions_of_those_that_do_not_wait(queue: Queue) -> None:
    job = await queue.get(await queue.add(queued=False))
    with Queries(queue.database) as seen:
        assert await queue.read(queue.jobs.queue_position, job) is None
    assert seen.statements == []


async def test_concurrent_writers_wait_for_each_other_and_lose_nothing(queue: Queue) -> None:
    job_id = await queue.add()
    claim = await queue.claimed()

    async def report(number: int) -> None:
        await queue.write(queue.jobs.renew, claim, Report({"stage": "depth", "progress": number}))

    await asyncio.gather(*(report(number) for number in range(30)))
    assert (await queue.kinds(job_id)).count("progress") == 30


async def test_a_job_given_back_shows_no_progress_of_before(queue: Queue) -> None:
    job_id = await queue.add()
    claim = await queue.claimed()
    await queue.write(queue.jobs.renew, claim, Report({"stage": "depth", "progress": 60}))
    await queue.write(queue.jobs.release, claim)
    job = await queue.get(job_id)
    assert (job.progress, job.started_at) == (None, None)


async def test_stages_and_log_lines_are_kept_in_their_order_with_the_attempt(queue: Queue) -> None:
    job_id = await queue.add()
    claim = await queue.claimed()
    notes = (
        Note("stage", {"stage": "frames", "message": "Reading"}),
        Note("log", {"stage": "frames", "text": "12 of 12 pictures chosen"}),
        Note("stage", {"stage": "depth", "message": "Measuring"}),
    )
    assert await queue.write(queue.jobs.renew, claim, Report({"stage": "depth", "progress": 30}, notes))
    events = await queue.read(queue.jobs.events_after, 0, 100, job_id)
    kinds = ["uploaded", "queued", "running", "stage", "log", "stage", "progress"]
    assert [event.kind for event in events] == kinds
    assert events[4].data["text"] == "12 of 12 pictures chosen"
    assert [event.id for event in events] == sorted(event.id for event in events)
    (attempt,) = await queue.read(queue.jobs.attempts_of, job_id)
    assert attempt.stage == "depth"


async def test_a_broker_is_told_of_what_is_due_and_again_when_it_has_become_more_urgent(queue: Queue) -> None:
    async def told() -> list[tuple[str, int, bool]]:
        waiting = await queue.read(queue.jobs.to_publish)
        await queue.write(queue.jobs.mark_published, [job.id for job in waiting])
        return [(job.id, job.priority, job.again) for job in waiting]

    guest = await queue.add(priority=9)
    pro = await queue.add(priority=3)
    assert await told() == [(pro, 3, False), (guest, 9, False)]
    assert await queue.read(queue.jobs.published) == 2
    assert await told() == []
    queue.clock.now += 61
    assert await told() == [(pro, 3, True), (guest, 9, True)], "they may have been lost"
    queue.clock.now += 940
    assert await told() == [(pro, 0, False), (guest, 6, False)]
    queue.clock.now += 1000
    assert await told() == [(pro, 0, True), (guest, 3, False)]
    claim = await queue.claimed()
    assert claim.job_id == pro
    await queue.write(queue.jobs.fail, claim, FAILURE, permanent=False)
    assert await told() == [], "it isn't due"
    queue.clock.now += 3
    assert await told() == [(pro, 0, False)]
    await queue.write(queue.jobs.release, await queue.claimed())
    assert await told() == [(pro, 0, False)]


async def test_the_steps_are_those_that_ask_knows(queue: Queue) -> None:
    assert STEPS == (0, 3, 6, 9)
    with pytest.raises(ValueError, match="not in tuple"):
        await queue.add(priority=4)
