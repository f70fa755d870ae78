"""Rounds of housekeeping: what they remove, what they leave alone, and that nothing stops them for good."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from garaza.housekeeping import leftovers, lost_files
from garaza.housekeeping.leftovers import GRACE_SECONDS
from garaza.housekeeping.pressure import LEFT_ALONE_SECONDS
from garaza.jobs.states import JobState
from garaza.kit.ids import new_id
from tests.rooms.fixtures import MakeWorld
from tests.rooms.world import World, assert_problem

pytestmark = pytest.mark.anyio

HOUR = 3600


async def mark(world: World, job_id: str) -> None:
    async with world.database.write() as session:
        assert await world.jobs.mark_deleted(session, job_id)


async def state(world: World, job_id: str) -> str | None:
    job = await world.job(job_id)
    return None if job is None else job.state


def age(world: World, path: Path, seconds: float) -> None:
    """Make it look as old to the world's clock. When a file was renamed can't be set, so the clock is."""
    world.clock.now = max(world.clock.now, path.lstat().st_ctime + seconds)


# Deleting in steps ------------------------------------------------------------------------------------------------


async def test_a_round_finishes_what_was_marked(world: World) -> None:
    """As after a crash between the mark and the files, or between the files and the row."""
    anna = await world.register()
    job_id, other = await world.finished(anna), await world.finished(anna)
    room = await anna.save(other)
    await mark(world, job_id)
    async with world.database.write() as session:
        await world.rooms.delete(session, anna.id, room["id"])
    world.data.checkpoints(job_id).mkdir()
    assert_problem(await anna.get(f"/api/rooms/{room['id']}"), 404, "not_found")
    done = await world.housekeeping.round()
    assert (done["deleted scans"], done["deleted rooms"]) == (1, 1)
    assert await world.job(job_id) is None
    assert await world.room_ids() == []
    assert world.names("uploads") == world.names("results") == [other]
    assert world.names("work") == []
    assert sum((await world.housekeeping.round()).values()) == 0


async def test_what_is_not_marked_keeps_its_files(world: World) -> None:
    job_id = await world.finished()
    before = world.on_disk()
    await world.removal.remove_job(job_id)
    await world.removal.remove_version(job_id, "1")
    await world.removal.remove_room(7)
    assert world.on_disk() == before
    assert await state(world, job_id) == "completed"


async def test_a_crash_after_the_files_leaves_a_row_that_goes_next(world: World) -> None:
    job_id = await world.finished()
    await mark(world, job_id)
    await world.data.remove(world.data.upload(job_id), world.data.results / job_id)
    await world.housekeeping.round()
    assert await world.job(job_id) is None


async def test_a_running_job_that_is_deleted_takes_its_late_result_along(world: World) -> None:
    job_id = await world.queued()
    async with world.database.write() as session:
        claim = await world.jobs.claim_job(session, "worker", job_id)
    assert claim is not None
    await mark(world, job_id)
    shutil.copytree(world.template, world.data.result(job_id, str(claim.fence)))
    async with world.database.write() as session:
        assert not await world.jobs.complete(session, claim, str(claim.fence), [])
    await world.removal.remove_job(job_id)
    assert world.names("results") == []


async def test_what_expires_goes_and_what_a_room_keeps_stays(world: World) -> None:
    anna = await world.register()
    guests, kept, own = await world.finished(), await world.finished(), await world.finished(anna)
    room = await anna.save(kept)
    world.clock.now += 23 * HOUR
    assert (await world.housekeeping.round())["expired scans"] == 0
    world.clock.now += 2 * HOUR
    done = await world.housekeeping.round()
    assert (done["expired scans"], done["deleted scans"]) == (2, 2)
    assert await world.job(guests) is None
    assert world.names("uploads") == [own]
    assert world.names("results") == sorted([own, kept])
    await anna.renew()
    assert (await anna.get(room["assets"]["model_asset"]["url"])).status_code == 200


async def test_videos_that_nobody_asked_for_expire(world: World) -> None:
    anna = await world.register()
    asleep, done = await world.uploaded(anna), await world.finished(anna)
    world.clock.now += 7 * 24 * HOUR + 1
    await world.housekeeping.round()
    assert await state(world, asleep) is None
    assert await state(world, done) == "completed"


async def test_one_thing_that_cannot_be_removed_holds_up_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    bad, good = await world.finished(), await world.finished()
    for job_id in (bad, good):
        await mark(world, job_id)
        world.clock.now += 1
    remove = world.data.remove_now

    def stubborn(*paths: Path) -> None:
        if any(path.name == bad for path in paths):
            raise PermissionError(13, "no")
        remove(*paths)

    monkeypatch.setattr(world.data, "remove_now", stubborn)
    assert (await world.housekeeping.round())["deleted scans"] == 1
    assert (await world.job(bad), await world.job(good)) != (None, None)
    assert await world.job(good) is None
    monkeypatch.undo()
    await world.housekeeping.round()
    assert await world.job(bad) is None


async def test_one_step_that_fails_holds_up_nothing(make_world: MakeWorld) -> None:
    calls = []

    async def broken(_session: Any) -> int:
        calls.append("broken")
        raise RuntimeError

    world = make_world(purges={"broken": broken})
    job_id = await world.finished()
    await mark(world, job_id)
    done = await world.housekeeping.round()
    assert done["deleted scans"] == 1
    assert "rows that have had their time" not in done
    assert calls == ["broken"]


async def test_purges_are_asked_until_nothing_is_left(make_world: MakeWorld) -> None:
    left = {"tokens": 5, "nonces": 0}

    def purge_of(what: str) -> Any:
        async def purge(_session: Any) -> int:
            removed = min(left[what], 2)
            left[what] -= removed
            return removed

        return purge

    world = make_world(purges={what: purge_of(what) for what in left})
    assert (await world.housekeeping.round())["rows that have had their time"] == 5
    assert left == {"tokens": 0, "nonces": 0}


async def test_it_begins_with_a_round_and_has_another_when_told(world: World) -> None:
    job_id = await world.finished()
    await mark(world, job_id)
    world.housekeeping.start()
    try:
        await _until(lambda: world.job(job_id))
        other = await world.finished()
        await mark(world, other)
        world.housekeeping.soon()
        await _until(lambda: world.job(other))
    finally:
        await world.housekeeping.stop()
    await world.housekeeping.stop()


async def _until(ask: Any) -> None:
    async with asyncio.timeout(60):
        while await ask() is not None:  # noqa: ASYNC110 - it is a database that changes
            await asyncio.sleep(0.01)


# A full disk ------------------------------------------------------------------------------------------------------


class Shrinking:
    """Free space that grows with each thing that is removed."""

    def __init__(self, world: World, wanted: int, things: int) -> None:
        self.world, self.wanted, self.things = world, wanted, things
        self.before = self.count()

    def count(self) -> int:
        return len(self.world.names("uploads"))

    def __call__(self) -> int:
        return self.wanted if self.before - self.count() >= self.things else 0


async def full_disk(make_world: MakeWorld, things: int, monkeypatch: pytest.MonkeyPatch) -> tuple[World, Any]:
    world = make_world(wanted_free_bytes=1000)

    def begin() -> None:
        monkeypatch.setattr(world.data, "free_bytes", Shrinking(world, 1000, things))

    return world, begin


async def test_guests_oldest_scans_go_first_and_no_more_than_needed(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, begin = await full_disk(make_world, 2, monkeypatch)
    anna = await world.register()
    guests = []
    for _ in range(4):
        guests.append(await world.finished())
        world.clock.now += 10
    own, asleep = await world.finished(anna), await world.uploaded(anna)
    world.clock.now += LEFT_ALONE_SECONDS
    begin()
    assert (await world.housekeeping.round())["scans for want of space"] == 2
    assert [await state(world, job_id) for job_id in guests] == [None, None, "completed", "completed"]
    assert [await state(world, job_id) for job_id in (own, asleep)] == ["completed", "uploaded"]


async def test_videos_go_after_guests_scans_and_accounts_scans_never(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world, begin = await full_disk(make_world, 100, monkeypatch)
    anna = await world.register()
    guests, asleep, guests_asleep = await world.finished(), await world.uploaded(anna), await world.uploaded()
    own, waiting = await world.finished(anna), await world.queued()
    room = await anna.save(await world.finished())
    world.clock.now += LEFT_ALONE_SECONDS + 1
    fresh, young = await world.uploaded(anna), await world.finished()
    begin()
    done = await world.housekeeping.round()
    assert done["scans for want of space"] == 4
    for gone in (guests, asleep, guests_asleep, room["job_id"]):
        assert await state(world, gone) is None
    for kept in (own, waiting, fresh, young):
        assert await state(world, kept) is not None
    await anna.renew()
    assert (await anna.get(room["assets"]["model_asset"]["url"])).status_code == 200
    await world.housekeeping.round()
    await world.housekeeping.round()
    told = [record.message for record in caplog.records if "nothing left that may go" in record.message]
    assert len(told) == 1, "and not every half minute"


async def test_with_enough_room_nothing_goes(make_world: MakeWorld) -> None:
    world = make_world(wanted_free_bytes=1000)
    job_id = await world.finished()
    world.clock.now += LEFT_ALONE_SECONDS + 1
    world.data.free = 1000
    assert (await world.housekeeping.round())["scans for want of space"] == 0
    assert await state(world, job_id) == "completed"


async def test_a_video_that_is_asked_for_at_the_last_moment_stays(world: World) -> None:
    job_id = await world.uploaded()
    world.clock.now += LEFT_ALONE_SECONDS + 1
    async with world.database.read() as session:
        (seen,) = await world.upkeep.unprocessed(session, LEFT_ALONE_SECONDS, 10)
    async with world.database.write() as session:
        await world.jobs.ask(session, job_id, {"quality": "draft"})
    async with world.database.write() as session:
        assert not await world.upkeep.mark_resting(session, seen)
    assert await state(world, job_id) == "queued"


# Files without rows -----------------------------------------------------------------------------------------------


async def test_at_the_start_everything_that_no_row_knows_of_goes(world: World) -> None:
    anna = await world.register()
    known, kept = await world.finished(anna), await world.finished()
    await anna.save(kept)
    await world.delete_job(kept)
    others = [await world.finished(anna) for _ in range(2)]
    queued = await world.queued(anna)
    async with world.database.write() as session:
        claim = await world.jobs.claim_job(session, "worker", queued)
    assert claim is not None
    mine = {
        world.data.working(queued, claim.fence),
        world.data.checkpoints(queued),
        world.data.result(queued, str(claim.fence)),
    }
    left = [
        world.data.new_incoming(),
        world.data.upload(new_id()),
        world.data.uploads / "no id",
        world.data.working(known, 1),
        world.data.checkpoints(known),
        world.data.result(known, "other"),
        world.data.result(new_id(), "1"),
        world.data.results / "stray",
        world.data.trash / new_id(),
    ]
    for path in [*mine, *left]:
        path.mkdir(parents=True)
        (path / "part").write_bytes(b"x")
    await world.housekeeping.prepare()
    assert all(path.exists() for path in mine)
    assert not any(path.exists() for path in left)
    assert world.names("uploads") == sorted([known, queued, *others])
    assert world.names("results") == sorted([known, kept, queued, *others])


async def test_while_it_runs_what_is_young_is_left_alone(world: World) -> None:
    await world.finished()
    world.clock.now = 2e9
    stray = world.data.result(new_id(), "1")
    stray.mkdir(parents=True)
    coming = world.data.new_incoming()
    coming.write_bytes(b"x")
    dead = world.data.working(new_id(), 3)
    dead.mkdir()
    world.clock.now = stray.lstat().st_ctime + GRACE_SECONDS - 1
    assert (await world.housekeeping.round())["leftover files"] == 1
    assert stray.exists()
    assert not dead.exists()
    age(world, stray, GRACE_SECONDS + 1)
    assert (await world.housekeeping.round())["leftover files"] == 1
    assert not stray.exists()
    assert coming.exists(), "somebody may be sending it"


async def test_a_round_looks_at_a_part_and_the_next_one_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "PART", 2)
    anna = await world.register()
    for _ in range(3):
        await world.finished(anna)
    strays = [world.data.upload(new_id()) for _ in range(3)]
    for path in strays:
        path.write_bytes(b"x")
        age(world, path, GRACE_SECONDS + 1)
    removed = [(await world.housekeeping.round())["leftover files"] for _ in range(3)]
    assert sum(removed) == 3
    assert not any(path.exists() for path in strays)


async def test_a_database_that_knows_hardly_anything_removes_nothing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody has put back an old copy of it, or pointed it at another directory."""
    anna = await world.register()
    known = await world.finished(anna)
    strangers = [await world.finished(anna) for _ in range(4)]
    before = world.on_disk()
    async with world.database.write() as session:
        for job_id in strangers:
            assert await world.jobs.mark_deleted(session, job_id)
            assert await world.jobs.finish_deleted(session, job_id)
    await world.housekeeping.prepare()
    for path in world.data.uploads.iterdir():
        age(world, path, GRACE_SECONDS + 1)
    await world.housekeeping.round()
    assert world.names("uploads") == world.names("results") == sorted([known, *strangers])
    assert world.on_disk() == before
    assert len([record for record in caplog.records if "unknown to the database" in record.message]) == 2


# Rows without files -----------------------------------------------------------------------------------------------


async def test_scans_whose_files_are_gone_fail_with_a_reason(world: World) -> None:
    anna = await world.register()
    asleep, waiting, done = await world.uploaded(anna), await world.queued(anna), await world.finished(anna)
    fine = [await world.finished(anna) for _ in range(4)]
    for job_id in (asleep, waiting):
        world.data.upload(job_id).unlink()
    shutil.rmtree(world.data.results / done)
    assert (await world.housekeeping.round())["scans without files"] == 3
    for job_id, advice in [(asleep, "Upload"), (waiting, "Upload"), (done, "processed again")]:
        job = await world.job(job_id)
        assert job is not None
        assert job.state == "failed"
        assert job.failure is not None
        assert job.failure["reason"] == "files_lost"
        assert advice in job.failure["advice"]
        async with world.database.read() as session:
            event = await world.jobs.latest_event(session, job_id)
        assert event is not None
        assert (event.kind, event.data["reason"]) == ("failed", "files_lost")
    assert sorted(world.ended) == sorted((job_id, "failed") for job_id in (asleep, waiting, done))
    assert [await state(world, job_id) for job_id in fine] == ["completed"] * 4
    assert await world.used(anna.id) == world.on_disk()
    assert (await world.housekeeping.round())["scans without files"] == 0
    async with world.database.write() as session:
        assert (await world.jobs.ask(session, done, {"quality": "draft"}, viewer=anna)).job.state == "queued"


async def test_rooms_whose_files_are_gone_say_so(world: World) -> None:
    anna = await world.register(plan="pro")
    fine = [await anna.save(await world.finished(anna)) for _ in range(4)]
    guests = await world.finished()
    empty = await anna.save(guests)
    await world.delete_job(guests)
    shutil.rmtree(world.data.results / guests)
    assert (await world.housekeeping.round())["rooms without files"] == 1
    room = (await anna.get(f"/api/rooms/{empty['id']}")).json()
    assert (room["assets"], room["thumbnail_url"], room["file_size_bytes"]) == (None, None, 0)
    assert_problem(await anna.get(f"/api/rooms/{empty['id']}/thumbnail"), 404, "not_found")
    assert [one["assets"] is None for one in (await anna.get("/api/rooms")).json()["rooms"]].count(True) == 1
    assert await world.used(anna.id) == world.on_disk()
    assert (await anna.get(fine[0]["thumbnail_url"])).status_code == 200
    assert (await world.housekeeping.round())["rooms without files"] == 0
    await anna.delete_room(empty["id"])


async def test_a_disk_that_is_not_there_changes_nothing(world: World, caplog: pytest.LogCaptureFixture) -> None:
    anna = await world.register()
    jobs = [await world.finished(anna) for _ in range(4)]
    room = await anna.save(jobs[0])
    world.data.results.rename(world.data.root / "elsewhere")
    world.data.results.mkdir()
    done = await world.housekeeping.round()
    assert done["scans without files"] == 0
    assert [await state(world, job_id) for job_id in jobs] == ["completed"] * 4
    assert any("is it the right place" in record.message for record in caplog.records)
    world.data.results.rmdir()
    (world.data.root / "elsewhere").rename(world.data.results)
    assert (await anna.get(f"/api/rooms/{room['id']}")).json()["job_id"] == jobs[0]


async def test_rows_are_looked_at_in_parts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lost_files, "PART", 3)
    jobs = sorted([await world.finished() for _ in range(7)])
    for job_id in (jobs[0], jobs[6]):
        shutil.rmtree(world.data.results / job_id)
    counts = [(await world.housekeeping.round())["scans without files"] for _ in range(4)]
    assert sum(counts) == 2
    assert counts[0] == 1


async def test_a_new_scale_meanwhile_is_no_loss(world: World) -> None:
    job_id = await world.finished()
    async with world.database.read() as session:
        (seen,) = await world.upkeep.after(session, "", 10)
    await world.rescale(job_id, 2.0)
    async with world.database.write() as session:
        assert not await world.upkeep.result_lost(session, seen)
    assert await state(world, job_id) == JobState.COMPLETED.value


async def test_sizes_are_those_of_the_disk(world: World) -> None:
    job_id = await world.finished()
    await world.rescale(job_id, 2.0)
    place = world.data.root
    seen = {}
    for path in [*place.joinpath("results").rglob("*"), *place.joinpath("uploads").rglob("*")]:
        if path.is_file():
            seen[path.stat().st_ino] = path.stat().st_size
    assert world.on_disk() == sum(seen.values())
    assert os.path.lexists(world.data.upload(job_id))
