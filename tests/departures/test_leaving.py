"""Closing an account: what is gone at once, what goes after, and who may not go."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import func, select

from garaza.accounts.models import Activity, LoginSession, User
from garaza.jobs.states import JobState
from garaza.kit.pagination import Paging
from tests.accounts.house import PASSWORD
from tests.rooms.world import Visitor, World, assert_problem

pytestmark = pytest.mark.anyio


async def leave(visitor: Visitor, password: str = PASSWORD) -> int:
    answer = await visitor.call("DELETE", "/api/auth/me", json={"password": password})
    return answer.status_code


async def rows(world: World, user_id: int) -> list[int]:
    async with world.database.read() as session:
        counts = [
            select(func.count()).select_from(User).where(User.id == user_id),
            select(func.count()).select_from(LoginSession).where(LoginSession.user_id == user_id),
            select(func.count()).select_from(Activity).where(Activity.user_id == user_id),
        ]
        return [await session.scalar(count) or 0 for count in counts]


async def test_whoever_leaves_takes_everything_along(world: World) -> None:
    anna, berta = await world.register(), await world.register("berta")
    asleep, waiting, done = await world.uploaded(anna), await world.queued(anna), await world.finished(anna)
    room = await anna.save(done)
    link = await anna.share(room["id"])
    guests = await world.finished()
    hers = await anna.save(guests)
    kept = await berta.save(guests)
    assert await leave(anna) == 204
    assert world.told_soon == 1
    # At once, whatever is still on the disk.
    assert_problem(await anna.get("/api/auth/me"), 401, "invalid_token")
    assert_problem(await world.client.get(link["url"]), 404, "not_found")
    assert await world.register("anna"), "the name is free again"
    async with world.database.read() as session:
        for job_id in (asleep, waiting, done):
            job = await world.job(job_id)
            assert job is not None
            assert job.deleted_at is not None
        assert (await world.jobs.list_own(session, anna.id, Paging())).rows == []
    job = await world.job(waiting)
    assert job is not None
    assert job.state == JobState.CANCELLED.value
    # And then the rest.
    done_now = await world.housekeeping.round()
    assert done_now["closed accounts"] == 1
    assert await rows(world, anna.id) == [0, 0, 0]
    assert world.names("uploads") == [guests]
    assert world.names("results") == [guests]
    assert await world.room_ids() == [kept["id"]]
    assert hers["id"] != kept["id"]
    assert (await berta.get(kept["thumbnail_url"])).status_code == 200


async def test_a_crash_in_the_middle_is_gone_on_from(world: World) -> None:
    anna = await world.register()
    jobs = [await world.finished(anna) for _ in range(3)]
    await anna.save(jobs[0])
    assert await leave(anna) == 204
    await world.removal.remove_job(jobs[0])
    await world.housekeeping.round()
    assert await rows(world, anna.id) == [0, 0, 0]
    assert world.names("results") == []


async def test_what_came_in_meanwhile_goes_too(world: World) -> None:
    anna = await world.register()
    room = await anna.save(await world.finished(anna))
    assert await leave(anna) == 204
    # An upload that had begun before is noted only now.
    late = await world.uploaded(anna)
    assert await world.removal.remove_account(anna.id)
    assert await world.job(late) is None
    assert room["id"] not in await world.room_ids()
    assert world.names("uploads") == []


async def test_the_password_is_needed(world: World) -> None:
    anna = await world.register()
    await world.finished(anna)
    assert_problem(
        await anna.call("DELETE", "/api/auth/me", json={"password": "something else"}), 403, "wrong_password"
    )
    assert_problem(await anna.call("DELETE", "/api/auth/me"), 422, "invalid_request")
    assert_problem(await anna.call("DELETE", "/api/auth/me", json={"password": "x" * 2000}), 422, "invalid_request")
    assert_problem(
        await world.client.request("DELETE", "/api/auth/me", json={"password": PASSWORD}), 401, "not_signed_in"
    )
    await world.housekeeping.round()
    assert len(world.names("results")) == 1
    assert world.told_soon == 0


async def test_leaving_twice_at_once(world: World) -> None:
    anna = await world.register()
    await world.finished(anna)
    codes = await asyncio.gather(leave(anna), leave(anna))
    assert 204 in codes
    assert set(codes) <= {204, 401, 403, 404}
    await world.housekeeping.round()
    assert await rows(world, anna.id) == [0, 0, 0]


async def test_leaving_while_saving(world: World) -> None:
    anna = await world.register()
    job_id = await world.finished(anna)
    body = {"job_id": job_id, "name": "Kitchen"}
    codes = await asyncio.gather(
        anna.call("POST", "/api/rooms", json=body),
        asyncio.create_task(leave(anna)),
        anna.call("POST", "/api/rooms", json=body),
    )
    assert codes[1] == 204
    await world.housekeeping.round()
    assert await rows(world, anna.id) == [0, 0, 0]
    assert await world.room_ids() == []
    assert world.names("results") == []


async def test_the_last_admin_stays(world: World) -> None:
    anna, berta = await world.register(role="admin"), await world.register("berta", role="admin")
    assert await leave(anna) == 204
    answer = await berta.call("DELETE", "/api/auth/me", json={"password": PASSWORD})
    assert_problem(answer, 409, "last_admin")
    assert (await berta.get("/api/auth/me")).status_code == 200


async def test_two_last_admins_cannot_both_go(world: World) -> None:
    anna, berta = await world.register(role="admin"), await world.register("berta", role="admin")
    assert sorted(await asyncio.gather(leave(anna), leave(berta))) == [204, 409]


async def test_an_admin_closes_an_account(world: World) -> None:
    anna, admin = await world.register(), await world.register("admin", role="admin")
    await anna.save(await world.finished(anna))
    assert (await admin.call("DELETE", f"/api/admin/users/{anna.id}")).status_code == 204
    assert_problem(await anna.get("/api/rooms"), 401, "invalid_token")
    assert_problem(await admin.call("DELETE", f"/api/admin/users/{anna.id}"), 404, "not_found")
    assert_problem(await admin.call("DELETE", f"/api/admin/users/{admin.id}"), 409, "last_admin")
    await world.housekeeping.round()
    assert await rows(world, anna.id) == [0, 0, 0]
    assert world.names("results") == []
    told = (await admin.get("/api/admin/activities", params={"action": "admin_user_delete"})).json()["activities"]
    assert [(one["user_id"], one["details"]) for one in told] == [(admin.id, {"user_id": anna.id})]
