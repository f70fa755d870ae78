"""What an account is said to use is what its files take on disk, whatever is done in whatever order."""

from __future__ import annotations

import asyncio
import random
import shutil

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from garaza.jobs.keeping import hold_result
from garaza.jobs.models import Job
from garaza.kit.database import trouble_of
from tests.rooms.world import VIDEO, World

pytestmark = pytest.mark.anyio


async def test_every_step_of_a_long_story(world: World) -> None:
    anna = await world.register(plan="enterprise")

    async def check(what: str) -> None:
        assert await world.used(anna.id) == world.on_disk(), what
        stats = (await anna.get("/api/profile/stats")).json()
        assert stats["storage_used"] == world.on_disk(), what

    await check("nothing yet")
    first = await world.uploaded(anna, video=b"x" * 1000)
    await check("a video")
    second = await world.finished(anna)
    await check("a scan")
    one = await anna.save(second, "one")
    two = await anna.save(second, "two")
    await check("two rooms of it, which take nothing more")
    await world.rescale(second, 2.0)
    await check("another scale, which shares with what the rooms keep")
    three = await anna.save(second, "three")
    await check("a room of that")
    await world.rescale(second, 3.0)
    await check("three versions")
    await anna.delete_room(one["id"])
    await check("the first version has a room still")
    await world.delete_job(second)
    await check("rooms without their scan")
    await anna.delete_room(two["id"])
    await check("the first version is gone")
    await world.delete_job(first)
    await check("a video less")
    await anna.delete_room(three["id"])
    await check("everything is gone")
    assert world.on_disk() == 0


async def test_a_long_story_of_random_steps(world: World) -> None:
    chance = random.Random(20261124)
    anna = await world.register(plan="enterprise")
    jobs: list[str] = []
    rooms: list[int] = []
    kinds = ["upload", "finish", "save", "save", "rescale", "rescale", "drop room", "drop job", "round"]
    done: set[str] = set()
    for step in range(120):
        kind = chance.choice(kinds)
        if kind == "upload":
            jobs.append(await world.uploaded(anna, video=VIDEO * chance.randint(1, 5)))
        elif kind == "finish" and len(jobs) < 8:
            jobs.append(await world.finished(anna))
        elif kind == "drop room" and rooms:
            await anna.delete_room(rooms.pop(chance.randrange(len(rooms))))
        elif kind == "drop job" and jobs:
            await world.delete_job(jobs.pop(chance.randrange(len(jobs))))
        elif kind == "round":
            await world.housekeeping.round()
        elif kind in {"save", "rescale"} and jobs:
            job_id = chance.choice(jobs)
            job = await world.job(job_id)
            if job is None or job.state != "completed":
                continue
            if kind == "save":
                rooms.append((await anna.save(job_id))["id"])
            else:
                await world.rescale(job_id, chance.uniform(0.5, 3))
        done.add(kind)
        assert await world.used(anna.id) == world.on_disk(), (step, kind)
    assert done == set(kinds)


async def test_a_guests_scan_counts_for_everybody_who_keeps_it(world: World) -> None:
    anna, berta = await world.register(), await world.register("berta")
    job_id = await world.finished()
    job = await world.job(job_id)
    assert job is not None
    assert (await world.used(anna.id), await world.used(berta.id)) == (0, 0)
    room = await anna.save(job_id)
    await anna.save(job_id)
    await berta.save(job_id)
    assert (await world.used(anna.id), await world.used(berta.id)) == (job.result_bytes, job.result_bytes)
    async with world.database.write() as session:
        assert await world.jobs.lock_guest_storage(session, "somewhere") == job.result_bytes + job.upload_bytes
    await anna.delete_room(room["id"])
    assert await world.used(anna.id) == job.result_bytes, "the other room keeps it"


@pytest.mark.parametrize("order", range(6))
async def test_saving_while_the_scan_is_deleted(world: World, order: int) -> None:
    """Either there is a room with all its files, or there is none; and nothing is left behind."""
    anna = await world.register(plan="enterprise")
    job_id = await world.finished(anna)

    async def save() -> int:
        answer = await anna.call("POST", "/api/rooms", json={"job_id": job_id, "name": "Kitchen"})
        return answer.status_code

    work = [save(), save(), world.delete_job(job_id), save()]
    random.Random(order).shuffle(work)
    codes = [code for code in await asyncio.gather(*work) if code is not None]
    assert set(codes) <= {201, 404, 409}
    await world.housekeeping.round()
    rooms = (await anna.get("/api/rooms")).json()["rooms"]
    assert len(rooms) == codes.count(201)
    for room in rooms:
        assert (await anna.get(room["assets"]["model_asset"]["url"])).status_code == 200
    assert await world.used(anna.id) == world.on_disk()
    assert (world.on_disk() > 0) == bool(rooms)
    for room in rooms:
        await anna.delete_room(room["id"])
    assert world.names("results") == []


@pytest.mark.parametrize("order", range(4))
async def test_saving_while_the_scale_changes(world: World, order: int) -> None:
    anna = await world.register(plan="enterprise")
    job_id = await world.finished(anna)

    async def save() -> int:
        answer = await anna.call("POST", "/api/rooms", json={"job_id": job_id, "name": "Kitchen"})
        return answer.status_code

    work = [save(), world.rescale(job_id, 2.0), save(), save()]
    random.Random(order).shuffle(work)
    codes = [code for code in await asyncio.gather(*work) if isinstance(code, int)]
    assert codes == [201] * 3
    for room in (await anna.get("/api/rooms")).json()["rooms"]:
        found = await anna.get(room["assets"]["model_asset"]["url"])
        assert found.status_code == 200
        assert found.headers["cache-control"].endswith("immutable"), "the file is the one that the room was made of"
    assert await world.used(anna.id) == world.on_disk()


async def test_deleting_everything_that_keeps_a_result_at_once(world: World) -> None:
    anna, berta = await world.register(), await world.register("berta")
    job_id = await world.finished()
    rooms = [(who, (await who.save(job_id))["id"]) for who in (anna, anna, berta)]
    await asyncio.gather(world.delete_job(job_id), *(who.delete_room(room_id) for who, room_id in rooms))
    assert world.names("results") == []
    assert world.names("uploads") == []
    assert await world.room_ids() == []
    assert await world.job(job_id) is None


async def test_rooms_beyond_the_plan_are_refused_to_those_who_save_at_once(world: World) -> None:
    anna = await world.register()
    job_id = await world.finished(anna)

    async def save() -> int:
        answer = await anna.call("POST", "/api/rooms", json={"job_id": job_id, "name": "Kitchen"})
        return answer.status_code

    codes = await asyncio.gather(*(save() for _ in range(12)))
    assert sorted(codes) == [201] * 5 + [403] * 7
    assert len(await world.room_ids()) == 5


async def test_storage_beyond_the_plan_is_refused_to_those_who_save_at_once(world: World) -> None:
    anna = await world.register()
    jobs = [await world.finished() for _ in range(4)]
    one = await world.job(jobs[0])
    assert one is not None
    # Room for two of the four.
    own = await world.uploaded(anna)
    await _set_upload_bytes(world, own, (1 << 30) - 2 * one.result_bytes - 10)

    async def save(job_id: str) -> int:
        answer = await anna.call("POST", "/api/rooms", json={"job_id": job_id, "name": "Kitchen"})
        return answer.status_code

    assert sorted(await asyncio.gather(*map(save, jobs))) == [201, 201, 403, 403]


async def _set_upload_bytes(world: World, job_id: str, size: int) -> None:
    async with world.database.write() as session:
        job = await world.jobs.get(session, job_id, any=True)
        job.upload_bytes = size


async def test_saving_what_has_no_files_any_more(world: World) -> None:
    anna = await world.register()
    job_id = await world.finished(anna)
    shutil.rmtree(world.data.results / job_id)
    answer = await anna.call("POST", "/api/rooms", json={"job_id": job_id, "name": "Kitchen"})
    assert (answer.status_code, answer.json()["code"]) == (409, "changed_meanwhile")


async def test_a_result_that_is_being_kept_is_locked(world: World) -> None:
    """On PostgreSQL, where several write at once: whoever deletes the scan, or changes its scale, waits."""
    job_id = await world.finished()
    job = await world.job(job_id)
    assert job is not None
    async with world.database.write() as session:
        assert await hold_result(session, job_id, job.result_version or "") == job.result_bytes
        if world.database.dialect == "postgresql":
            async with world.database.write() as other:
                with pytest.raises(DBAPIError) as refused:
                    await other.execute(select(Job.id).where(Job.id == job_id).with_for_update(nowait=True))
                assert trouble_of(refused.value) == "busy"
                await other.rollback()
        assert await hold_result(session, job_id, "another") is None
