"""Rounds of housekeeping where videos and results are in a bucket."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta

import obstore
import pytest

from garaza.housekeeping import leftovers
from garaza.kit.blobs.port import result_key, upload_key
from garaza.kit.blobs.s3 import S3Blobs, S3Options
from garaza.kit.ids import new_id
from garaza.kit.storage import DataDirectory
from tests.rooms.fixtures import MakeWorld
from tests.rooms.world import World
from tests.servers.daemon import HOST
from tests.servers.seaweed import ACCESS_KEY, SECRET_KEY, Seaweed

pytestmark = pytest.mark.anyio

TWO_HOURS = 2 * 3600


@pytest.fixture
def bucket(seaweed: Seaweed) -> str:
    return seaweed.new_bucket()


def blobs_in(bucket: str, endpoint: str) -> Callable[[DataDirectory], S3Blobs]:
    options = S3Options(
        bucket,
        endpoint=endpoint,
        access_key_id=ACCESS_KEY,
        secret_access_key=SECRET_KEY,
        patience=timedelta(seconds=5),
    )
    return lambda data: S3Blobs(options, data.incoming)


@pytest.fixture
def world(make_world: MakeWorld, seaweed: Seaweed, bucket: str) -> World:
    made = make_world(make_blobs=blobs_in(bucket, seaweed.endpoint), wanted_free_bytes=1000)
    # The bucket's times are real.
    made.clock.now = time.time()
    return made


async def uploaded(world: World) -> str:
    job_id = await world.uploaded()
    await world.blobs.put(world.data.upload(job_id), upload_key(job_id))
    return job_id


async def finished(world: World) -> str:
    job_id = await world.finished()
    await world.blobs.put(world.data.upload(job_id), upload_key(job_id))
    job = await world.job(job_id)
    assert job is not None
    version = job.result_version or ""
    await world.blobs.publish(world.data.result(job_id, version), result_key(job_id, version))
    return job_id


async def test_what_no_row_knows_of_goes_when_it_is_old(world: World, seaweed: Seaweed, bucket: str) -> None:
    known, done = await uploaded(world), await finished(world)
    store, kept = seaweed.store(bucket), set(seaweed.objects(bucket))
    strays = [f"uploads/{new_id()}", f"results/{new_id()}/1/result.json", f"results/{done}/other/depth/0.webp"]
    for key in strays:
        obstore.put(store, key, b"x")
    await world.housekeeping.prepare()
    assert set(seaweed.objects(bucket)) == {*kept, *strays}, "others may be putting something up"
    assert (await world.housekeeping.round())["leftover files"] == 0, "it is young"
    world.clock.now += TWO_HOURS
    assert (await world.housekeeping.round())["leftover files"] == 3
    assert set(seaweed.objects(bucket)) == kept
    assert await world.job(known) is not None


async def test_a_round_looks_at_a_part_and_the_next_one_goes_on(
    world: World, seaweed: Seaweed, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "PART", 2)
    for _ in range(3):
        await uploaded(world)
    stray = f"results/{'~' * 22}/1/result.json"
    obstore.put(seaweed.store(bucket), stray, b"x")
    world.clock.now += TWO_HOURS
    counts = [(await world.housekeeping.round())["leftover files"] for _ in range(2)]
    assert counts == [0, 1]


async def test_scans_whose_objects_are_gone_fail_with_a_reason(world: World, seaweed: Seaweed, bucket: str) -> None:
    jobs = [await finished(world) for _ in range(3)]
    store = seaweed.store(bucket)
    obstore.delete(store, [key for key in seaweed.objects(bucket) if key.startswith(f"results/{jobs[0]}/")])
    assert (await world.housekeeping.round())["scans without files"] == 1
    states = [job.state for job_id in jobs if (job := await world.job(job_id)) is not None]
    assert states == ["failed", "completed", "completed"]


async def test_a_full_disk_here_takes_nothing_from_the_bucket(world: World, seaweed: Seaweed, bucket: str) -> None:
    await finished(world)
    before = seaweed.objects(bucket)
    world.data.free = 0
    world.clock.now += TWO_HOURS
    assert (await world.housekeeping.round())["scans for want of space"] == 0
    assert seaweed.objects(bucket) == before


async def test_a_bucket_that_is_away_holds_up_nothing_else(
    make_world: MakeWorld, bucket: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = make_world(make_blobs=blobs_in(bucket, f"http://{HOST}:1"))
    job_id, going = await world.uploaded(), await world.uploaded()
    async with world.database.write() as session:
        assert await world.jobs.mark_deleted(session, going)
    await world.housekeeping.prepare()
    caplog.clear()
    done = await world.housekeeping.round()
    assert {"rows that have had their time", "expired scans"} <= set(done)
    assert not {"deleted scans", "leftover files", "scans without files"} & set(done)
    told = [record for record in caplog.records if "wait for the storage" in record.getMessage()]
    assert told
    assert all(record.levelno == logging.WARNING for record in told)
    assert SECRET_KEY not in caplog.text
    for kept in (job_id, going):
        assert await world.job(kept) is not None


async def test_bytes_in_the_bucket_are_summed(world: World) -> None:
    done = await finished(world)
    job = await world.job(done)
    assert job is not None
    assert await world.blobs.usage() == {"uploads": job.upload_bytes, "results": job.result_bytes}
