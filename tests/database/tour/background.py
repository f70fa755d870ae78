"""What happens though nobody calls: workers, sweepers, deliveries, housekeeping, the hub."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from garaza.errors import GarazaError
from garaza.jobs.claims import Note, Report
from garaza.jobs.news import Mark
from garaza.jobs.newsreader import Newsreader
from garaza.jobs.states import JobState
from garaza.jobs.upkeep import Stored
from garaza.live.feed import Feed
from garaza.webhooks.service import Outcome
from tests.database.seed import HEAVY, job_id
from tests.database.service import Service

FAILURE = {"reason": "too_dark", "message": "Too dark.", "advice": "Light.", "details": {}}
PROGRESS = {"stage": "frames", "progress": 1.0, "current_frame": 1, "total_frames": 2, "message": "Reading"}


async def tour(service: Service) -> None:
    service.recorder.who = "nobody"
    await _workers(service)
    await _broker(service)
    await _listeners(service)
    await _deliveries(service)
    await _housekeeping(service)
    await _command_line(service)
    await _nobody(service)


async def _workers(service: Service) -> None:
    jobs, database = service.jobs, service.database
    async with database.read() as session:
        await jobs.due_in(session)
        await jobs.lease_due_in(session)
        await jobs.queue_lengths(session)
    async with database.write() as session:
        claims = await jobs.claim_many(session, "tour-1", 4)
        assert len(claims) == 4
    failing, permanent, released, crashed = claims
    note = Report(PROGRESS, (Note("stage", {"stage": "frames", "message": "Reading"}),))
    async with database.write() as session:
        assert await jobs.renew(session, failing, note)
        assert await jobs.fail(session, failing, FAILURE, permanent=False)
        assert await jobs.fail(session, permanent, FAILURE, permanent=True)
        assert await jobs.release(session, released)
        assert not await jobs.complete(session, released, "1", [])
    async with database.read() as session:
        assert await jobs.is_active(session, crashed.job_id)
    async with database.write() as session:
        assert await jobs.release_leases_of(session, "tour-1") == 1
    await service.running()
    service.clock.now += 60
    async with database.write() as session:
        assert await jobs.requeue_expired(session)
    service.clock.now -= 60


async def _broker(service: Service) -> None:
    async with service.database.read() as session:
        waiting = await service.jobs.to_publish(session)
        assert waiting
    async with service.database.write() as session:
        await service.jobs.mark_published(session, [job.id for job in waiting])
    async with service.database.read() as session:
        assert await service.jobs.published(session)
        await service.jobs.to_publish(session)


async def _listeners(service: Service) -> None:
    live = service.services.live.service
    owner = await service.register("livia")
    claim = await service.running(owner)
    woken = asyncio.Event()
    feed = Feed(woken.set, job_ids=[claim.job_id], user_id=owner.id)
    async with live.hub.follow(feed) as mark:
        async with service.database.write() as session:
            await service.jobs.renew(session, claim, Report(PROGRESS))
        await asyncio.wait_for(woken.wait(), 60)
        until = live.hub.mark
    await service.services.live.stop()
    assert await service.services.accounts.logins_there([job_id(number) for number in range(1, 100)])
    news = Newsreader(service.clock, in_order=False)
    async with service.database.read() as session:
        assert (await news.mark(session)).last >= mark.last
        # Some that were still on their way.
        since, until = Mark(1, {1: 0.0}), Mark(until.last, {2: 0.0})
        assert (await news.since(session, Mark(until.last - 3, {until.last - 5: 0.0})))[0]
        assert (await news.missed_of_account(session, owner.id, since, until))[0]
        assert (await news.missed_of_jobs(session, [claim.job_id, *map(job_id, range(1, 50))], since, until))[0]
        assert (await news.missed_of_account(session, HEAVY, since, until))[0]
        assert await service.jobs.happenings_since(session, Mark(until.last - 3, {until.last - 5: 0.0}))
        await service.jobs.news_mark(session)
        await service.jobs.events_after(session, 0, 1000)


async def _deliveries(service: Service) -> None:
    webhooks = service.parts.webhooks
    async with service.database.read() as session:
        assert await webhooks.anything_due(session)
    async with service.database.write() as session:
        busy = Counter({"https://receiver1.example.com": 100})
        first, second, *_ = await webhooks.claim(session, 16, busy)
        await webhooks.note(session, first, Outcome(delivered=False, error="Nobody is there."))
        await webhooks.note(session, second, Outcome(delivered=True))
        await webhooks.release(session, first)


async def _housekeeping(service: Service) -> None:
    housekeeping = service.services.housekeeping
    await housekeeping.prepare()
    done = await housekeeping.round()
    assert done["expired scans"]
    assert done["closed accounts"]
    assert done["rows that have had their time"]
    await _lost_files(service)
    await _pressure(service)
    # What a round does only where there is something left from before.
    job_id = await service.finished(await service.register("clara"))
    async with service.database.write() as session:
        job = await service.jobs.get(session, job_id, any=True)
        assert job.user_id is not None
        assert await service.jobs.mark_deleted_of(session, job.user_id, 10) == [job_id]
    await service.services.removal.remove_job(job_id)


async def _lost_files(service: Service) -> None:
    finished, uploaded = await service.finished(), await service.uploaded()
    async with service.database.write() as session:
        assert await service.upkeep.result_lost(session, Stored(finished, JobState.COMPLETED, "1", 7, 7))
        assert await service.upkeep.video_lost(session, Stored(uploaded, JobState.UPLOADED, None, 7, 0))
        await service.services.rooms.files_lost(session, 1)


async def _pressure(service: Service) -> None:
    async with service.database.read() as session:
        finished = await service.upkeep.guests_finished(session, 900, 50)
        assert finished
        assert await service.upkeep.unprocessed(session, 900, 50)
    async with service.database.write() as session:
        assert await service.upkeep.mark_resting(session, finished[0])


async def _command_line(service: Service) -> None:
    await service.services.accounts.create_admin("dora@example.org", "dora", "correct horse")
    async with service.database.write() as session:
        assert await service.services.accounts.promote(session, "user5@example.com") is not None


async def _nobody(service: Service) -> None:
    """An account that went since it was recognised."""
    async with service.database.read() as session:
        with pytest.raises(GarazaError):
            await service.services.accounts.profile.stats_and_latest(session, 1_000_000_000)
