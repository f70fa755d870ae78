"""What operators see and do, and that nobody else does."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest
from sqlalchemy import select

from garaza.accounts.dependencies import identify
from garaza.accounts.models import Activity
from garaza.accounts.principal import machine
from garaza.admin.memory import give_back, memory_of, open_files
from garaza.jobs.models import Job
from tests.queries import Queries
from tests.rooms.world import VIDEO, Visitor, World, assert_problem

pytestmark = pytest.mark.anyio

CALLS = [
    ("GET", "/api/admin/jobs"),
    ("GET", "/api/admin/disk-usage"),
    ("POST", "/api/admin/cleanup?max_age_hours=0"),
    ("GET", "/api/admin/memory"),
    ("POST", "/api/admin/clear-memory"),
    ("GET", "/api/admin/users"),
    ("GET", "/api/admin/users/1"),
    ("PATCH", "/api/admin/users/1"),
    ("DELETE", "/api/admin/users/1"),
    ("GET", "/api/admin/activities"),
]


async def admin_of(world: World, name: str = "admin") -> Visitor:
    return await world.register(name, role="admin")


@pytest.mark.parametrize(("method", "path"), CALLS)
async def test_every_call_is_for_admins_only(world: World, method: str, path: str) -> None:
    anna = await world.register()
    job_id = await world.finished(anna)
    body = {"json": {"role": "admin"}} if method == "PATCH" else {}
    assert_problem(await world.client.request(method, path, **body), 401, "not_signed_in")
    assert_problem(await anna.call(method, path, **body), 403, "admins_only")
    assert (await anna.get("/api/auth/me")).json()["role"] == "user"
    await world.housekeeping.round()
    assert await world.job(job_id) is not None


async def test_there_is_no_call_that_the_test_above_does_not_know(world: World) -> None:
    here = {
        (method.upper(), path)
        for path, calls in world.app.openapi()["paths"].items()
        if path.startswith("/api/admin")
        for method in calls
    }
    assert here == {(method, path.partition("?")[0].replace("/1", "/{user_id}")) for method, path in CALLS}


# Scans ------------------------------------------------------------------------------------------------------------


async def test_the_list_of_everybodys_scans(world: World) -> None:
    admin, anna = await admin_of(world), await world.register()
    asleep = await world.uploaded(anna)
    world.clock.now += 3600
    done = await world.finished()
    world.clock.now += 1800
    await admin.renew()
    row = await world.job(done)
    assert row is not None
    first = (await admin.get("/api/admin/jobs", params={"page": 1, "page_size": 1})).json()
    assert {name: first[name] for name in ("count", "page", "page_size", "total_pages")} == {
        "count": 2,
        "page": 1,
        "page_size": 1,
        "total_pages": 2,
    }
    (job,) = first["jobs"]
    assert job["job_id"] == done
    assert job["size_bytes"] == row.upload_bytes + row.result_bytes == world.on_disk() - len(VIDEO)
    assert job["size_gb"] == round(job["size_bytes"] / 1e9, 3)
    assert (job["modified"], job["age_hours"]) == ("2026-11-18T12:06:40.000Z", 0.5)
    assert (job["status"], job["user_id"]) == ("completed", None)
    second = (await admin.get("/api/admin/jobs", params={"page": 2, "page_size": 1})).json()["jobs"]
    assert [(one["job_id"], one["user_id"], one["age_hours"]) for one in second] == [(asleep, anna.id, 1.5)]
    on = (await admin.get("/api/admin/jobs", params={"cursor": first["next_cursor"]})).json()
    assert on["jobs"] == second
    assert (on["count"], on["total_pages"]) == (None, None)
    some = (await admin.get("/api/admin/jobs", params={"status": "uploaded"})).json()
    assert [one["job_id"] for one in some["jobs"]] == [asleep]
    assert_problem(await admin.get("/api/admin/jobs", params={"status": "lost"}), 422, "invalid_request")


async def test_a_page_of_scans_costs_two_queries_however_long_it_is(world: World) -> None:
    admin = await admin_of(world)
    for _ in range(8):
        await world.uploaded()
    for size in (1, 8):
        with Queries(world.database) as seen:
            assert len((await admin.get("/api/admin/jobs", params={"page_size": size})).json()["jobs"]) == size
        assert len(seen) <= 3, "one of them asks who it is"


async def test_cleaning_up(world: World) -> None:
    admin, anna = await admin_of(world), await world.register()
    old = [await world.finished(anna), await world.finished(), await world.uploaded(anna)]
    kept = await world.finished(anna)
    room = await anna.save(kept)
    waiting = await world.queued(anna)
    world.clock.now += 3 * 3600
    young = await world.finished(anna)
    await admin.renew()
    rows = [await world.job(job_id) for job_id in [*old, kept]]
    sizes = [row.upload_bytes + row.result_bytes for row in rows if row is not None]
    # Without what the room keeps.
    expected = sum(sizes[:3]) + len(VIDEO)

    would = (await admin.call("POST", "/api/admin/cleanup?max_age_hours=2&dry_run=true")).json()
    assert would["dry_run"] is True
    assert set(would["job_ids"]) == {*old, kept}
    assert (would["count"], would["freed_bytes"], would["more"]) == (4, expected, False)
    await world.housekeeping.round()
    assert await world.job(old[0]) is not None

    before = world.on_disk()
    did = (await admin.call("POST", "/api/admin/cleanup?max_age_hours=2")).json()
    assert did == {**would, "dry_run": False}
    assert world.told_soon == 1
    await world.housekeeping.round()
    assert [await world.job(job_id) for job_id in [*old, kept]] == [None] * 4
    assert before - world.on_disk() == did["freed_bytes"]
    assert [(await world.job(job_id)) is not None for job_id in (waiting, young)] == [True, True]
    await anna.renew()
    assert (await anna.get(room["assets"]["model_asset"]["url"])).status_code == 200
    (told,) = (await admin.get("/api/admin/activities?action=admin_cleanup")).json()["activities"]
    assert told["user_id"] == admin.id
    assert set(told["details"]["job_ids"]) == {*old, kept}


async def test_cleaning_up_without_saying_how_old_deletes_nothing(world: World) -> None:
    admin = await admin_of(world)
    job_id = await world.finished(await world.register())
    world.clock.now += 25 * 3600
    await admin.renew()
    would = (await admin.call("POST", "/api/admin/cleanup")).json()
    assert (would["dry_run"], would["max_age_hours"], would["job_ids"]) == (True, 24, [job_id])
    await world.housekeeping.round()
    assert await world.job(job_id) is not None
    did = (await admin.call("POST", "/api/admin/cleanup?dry_run=false")).json()
    assert (did["dry_run"], did["count"]) == (False, 1)


@pytest.mark.parametrize("hours", ["-1", "nan", "inf", "1e9", "x"])
async def test_ages_that_are_none(world: World, hours: str) -> None:
    admin = await admin_of(world)
    answer = await admin.call("POST", f"/api/admin/cleanup?max_age_hours={hours}")
    assert_problem(answer, 422, "invalid_request")


async def test_the_disk(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    admin, anna = await admin_of(world), await world.register()
    await world.finished(anna)
    (world.data.incoming / "x").write_bytes(b"12345")
    measured = []
    usage = world.data.usage

    def counting() -> dict[str, int]:
        measured.append(1)
        return usage()

    on_disk = world.on_disk()
    monkeypatch.setattr(world.data, "usage", counting)
    answers = await asyncio.gather(*(admin.get("/api/admin/disk-usage") for _ in range(5)))
    (disk, *others) = [answer.json() for answer in answers]
    assert others == [disk] * 4
    assert measured == [1], "those who ask at once share it"
    assert disk["by_kind"]["uploads"] == len(VIDEO)
    assert disk["by_kind"]["uploads"] + disk["by_kind"]["results"] == on_disk
    assert (disk["by_kind"]["incoming"], disk["by_kind"]["trash"], disk["by_kind"]["work"]) == (5, 0, 0)
    assert disk["garaza_bytes"] == sum(disk["by_kind"].values())
    assert disk["jobs"] == 1
    assert disk["free_bytes"] <= disk["total_bytes"]
    assert str(world.data.root) not in answers[0].text
    world.clock.now += 60
    await admin.get("/api/admin/disk-usage")
    assert measured == [1, 1]


# Memory -----------------------------------------------------------------------------------------------------------


async def test_memory(world: World) -> None:
    admin = await admin_of(world)
    memory = (await admin.get("/api/admin/memory")).json()
    assert 10_000_000 < memory["rss_bytes"] <= memory["peak_bytes"]
    assert memory["components"] == {"something": 7}
    assert len(memory["gc_collections"]) == len(memory["gc_waiting"]) == 3
    assert memory["threads"] >= 1
    assert memory["open_files"] is None or memory["open_files"] > 2
    cleared = (await admin.call("POST", "/api/admin/clear-memory")).json()
    assert world.dropped == 1
    assert cleared["freed_bytes"] >= 0
    assert cleared["before"]["rss_bytes"] > 10_000_000
    (told,) = (await admin.get("/api/admin/activities?action=admin_clear_memory")).json()["activities"]
    assert told["user_id"] == admin.id


def test_memory_of_processes() -> None:
    assert memory_of(os.getpid()).rss_bytes
    assert memory_of(2**22 + 1).rss_bytes is None
    assert isinstance(open_files(), int)
    collected, trimmed = give_back()
    assert collected >= 0
    assert trimmed or not sys.platform.startswith("linux")


def test_memory_where_there_is_no_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("garaza.admin.memory.Path.exists", lambda _path: False)
    assert memory_of().peak_bytes
    assert memory_of(os.getpid()).peak_bytes is None


# Accounts ---------------------------------------------------------------------------------------------------------


async def test_the_list_of_accounts(world: World) -> None:
    admin = await admin_of(world)
    people = [await world.register(f"user{n}", plan="pro" if n % 2 else "free", is_active=n != 3) for n in range(5)]
    everybody = (await admin.get("/api/admin/users", params={"page": 1, "page_size": 4})).json()
    assert [user["id"] for user in everybody["users"]] == [people[n].id for n in (4, 3, 2, 1)]
    assert (everybody["count"], everybody["total_pages"]) == (6, 2)
    assert everybody["users"][0] == {
        "id": people[4].id,
        "email": "user4@example.com",
        "username": "user4",
        "is_active": True,
        "plan": "free",
        "plan_display": "Free",
        "role": "user",
        "created_at": "2026-11-18T11:06:40.000Z",
    }
    on = (await admin.get("/api/admin/users", params={"cursor": everybody["next_cursor"]})).json()
    assert [user["id"] for user in on["users"]] == [people[0].id, admin.id]
    pro = (await admin.get("/api/admin/users?plan=pro&is_active=true")).json()
    assert [user["id"] for user in pro["users"]] == [people[1].id]
    closed = (await admin.get("/api/admin/users?is_active=false")).json()
    assert [user["id"] for user in closed["users"]] == [people[3].id]
    assert_problem(await admin.get("/api/admin/users?plan=gold"), 422, "invalid_request")


async def test_one_account(world: World) -> None:
    admin, anna = await admin_of(world), await world.register()
    await world.finished(anna)
    user = (await admin.get(f"/api/admin/users/{anna.id}")).json()
    assert user["email"] == "anna@example.com"
    assert user["stats"]["storage_used"] == world.on_disk()
    for path in ("/api/admin/users/999", "/api/admin/users/9223372036854775807"):
        assert_problem(await admin.get(path), 404, "not_found")
    assert (await admin.get("/api/admin/users/9223372036854775808")).status_code == 422


async def test_changing_an_account(world: World) -> None:
    admin, anna = await admin_of(world), await world.register()
    room = await anna.save(await world.finished(anna))
    link = await anna.share(room["id"])
    place = f"/api/admin/users/{anna.id}"
    changed = (await admin.call("PATCH", place, json={"plan": "pro", "role": "admin"})).json()
    assert (changed["plan"], changed["role"], changed["stats"]["scans_limit"]) == ("pro", "admin", -1)
    assert (await anna.get("/api/admin/users")).status_code == 200
    changed = (await admin.call("PATCH", place, json={"is_active": False, "role": "user"})).json()
    assert (changed["is_active"], changed["role"], changed["plan"]) == (False, "user", "pro")
    assert_problem(await anna.get("/api/rooms"), 403, "account_inactive")
    assert_problem(await world.client.get(link["url"]), 404, "not_found")
    assert (await admin.call("PATCH", place, json={"is_active": True})).json()["is_active"] is True
    assert (await anna.get(f"/api/rooms/{room['id']}")).status_code == 200
    assert_problem(await world.client.get(link["url"]), 404, "not_found")
    assert (await admin.call("PATCH", place, json={})).json()["is_active"] is True
    told = (await admin.get("/api/admin/activities?action=admin_user_update")).json()["activities"]
    assert [one["details"] for one in told] == [
        {"user_id": anna.id, "is_active": True},
        {"user_id": anna.id, "is_active": False, "role": "user"},
        {"user_id": anna.id, "plan": "pro", "role": "admin"},
    ]
    assert {one["user_id"] for one in told} == {admin.id}
    mine = (await anna.get("/api/profile/activities?action=plan_change")).json()
    assert len(mine) == 1, "who has another plan reads so"
    for body in ({"role": "king"}, {"plan": "gold"}, {"is_active": "maybe"}, {"email": "x@example.com"}):
        assert_problem(await admin.call("PATCH", place, json=body), 422, "invalid_request")
    assert_problem(await admin.call("PATCH", "/api/admin/users/999", json={"is_active": True}), 404, "not_found")
    assert_problem(await admin.call("PATCH", "/api/admin/users/999", json={}), 404, "not_found")


@pytest.mark.parametrize("change", [{"is_active": False}, {"role": "user"}])
async def test_one_admin_is_left(world: World, change: dict[str, object]) -> None:
    first, second = await admin_of(world), await admin_of(world, "second")
    answers = await asyncio.gather(
        first.call("PATCH", f"/api/admin/users/{second.id}", json=change),
        second.call("PATCH", f"/api/admin/users/{first.id}", json=change),
    )
    codes = sorted(answer.status_code for answer in answers)
    assert codes[0] == 200
    # The other one isn't an admin any more by the time that it is asked who it is, or finds itself the last one.
    assert codes[1] in {403, 409}
    left = first if answers[0].status_code == 200 else second
    assert_problem(await left.call("PATCH", f"/api/admin/users/{left.id}", json=change), 409, "last_admin")
    assert (await left.get("/api/admin/users")).status_code == 200


async def test_what_everybody_did(world: World) -> None:
    admin, anna = await admin_of(world), await world.register()
    await anna.save(await world.finished(anna))
    everything = (await admin.get("/api/admin/activities")).json()
    assert [(one["action"], one["user_id"]) for one in everything["activities"]] == [
        ("room_save", anna.id),
        ("register", anna.id),
        ("register", admin.id),
    ]
    assert everything["count"] == 3
    some = (await admin.get("/api/admin/activities?action=register&page_size=1")).json()
    assert [one["user_id"] for one in some["activities"]] == [anna.id]
    on = (await admin.get(f"/api/admin/activities?action=register&cursor={some['next_cursor']}")).json()
    assert [one["user_id"] for one in on["activities"]] == [admin.id]
    assert_problem(await admin.get("/api/admin/activities?action=%00"), 422, "invalid_request")
    with Queries(world.database) as seen:
        await admin.get("/api/admin/activities")
    assert len(seen) <= 3, seen


# Machines ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scope", "may"), [("admin", True), ("billing", False)])
async def test_machines_that_may_stand_for_an_admin(world: World, scope: str, may: bool) -> None:
    anna = await world.register()
    await world.register("admin", role="admin")
    job_id = await world.uploaded(anna)
    world.app.dependency_overrides[identify] = lambda: machine("robot", scope)
    world.clock.now += 3600
    calls = [
        ("GET", "/api/admin/jobs", None),
        ("POST", "/api/admin/cleanup?max_age_hours=0.5", None),
        ("POST", "/api/admin/clear-memory", None),
        ("PATCH", f"/api/admin/users/{anna.id}", {"is_active": False, "plan": "pro"}),
        ("DELETE", f"/api/admin/users/{anna.id}", None),
    ]
    codes = [(await world.client.request(method, path, json=body)).status_code for method, path, body in calls]
    assert codes == ([200, 200, 200, 200, 204] if may else [403] * 5)
    assert_problem(await world.client.get("/api/rooms"), 403, "people_only")
    async with world.database.read() as session:
        told = (await session.scalars(select(Activity).where(Activity.action == "admin_user_update"))).all()
        job = await session.get_one(Job, job_id)
    assert (job.deleted_at is not None) == may
    assert [(one.user_id, one.details["by"]) for one in told] == ([(anna.id, "machine robot")] if may else [])
