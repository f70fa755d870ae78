"""What is really answered, by the names that clients know; and what it means."""

from __future__ import annotations

import re
from typing import Any

import httpx2
import pytest

from tests.accounts.house import PASSWORD, SettableClock
from tests.api.contract import CALLS, FILE, Call
from tests.api.good_requests import GOOD, Good, send
from tests.api.stage import Stage
from tests.api.values import misfits
from tests.api.whole import StartWhole, Visitor, Whole

pytestmark = pytest.mark.anyio


@pytest.fixture
async def stage(start: StartWhole, fake_probe: None) -> Stage:
    whole = await start(furniture={"sample": True})
    await whole.catalogue()
    return Stage(whole)


def good_for(call: Call) -> Good:
    path = re.sub(r"\{[^}]*\}", "{}", call.path)
    return next(good for good in GOOD if good.method == call.method and re.sub(r"\{[^}]*\}", "{}", good.path) == path)


async def test_each_call_answers_with_what_clients_read(stage: Stage) -> None:
    wrong = []
    for call in CALLS:
        answer = await send(stage, good_for(call))
        expected = {call.status, 206} if call.answer == FILE else {call.status}
        if answer.status_code not in expected:
            wrong.append(f"{call.name}: {answer.status_code} {answer.text}")
        elif call.answer is None:
            assert answer.content == b""
        elif call.answer == FILE:
            assert answer.headers["content-type"] in {"model/gltf-binary", "image/jpeg"}
        else:
            assert answer.headers["content-type"] == "application/json"
            wrong += [f"{call.name}: {text}" for text in misfits(answer.json(), call.answer)]
    assert wrong == []


@pytest.mark.parametrize(
    ("value", "shape", "wrong"),
    [
        ({"a": 1}, {"a": "integer"}, []),
        ({"a": 1, "b": 2}, {"a": "number"}, []),
        ({}, {"a?": "integer"}, []),
        ({}, {"a": "integer"}, ["answer.a is missing"]),
        ({"A": 1}, {"a": "integer"}, ["answer.a is missing"]),
        ({"a": True}, {"a": "integer"}, ["answer.a is boolean, and should be integer"]),
        ({"a": 1.5}, {"a": "integer"}, ["answer.a is number, and should be integer"]),
        ({"a": None}, {"a": ("integer", "null")}, []),
        ([{"a": "x"}, {"a": 1}], [{"a": "string"}], ["answer[1].a is integer, and should be string"]),
        ({}, ["string"], ["answer is object, and should be array"]),
    ],
)
def test_a_value_that_does_not_fit_is_noticed(value: Any, shape: Any, wrong: list[str]) -> None:
    assert list(misfits(value, shape)) == wrong


# Scans -------------------------------------------------------------------------------------------------------------


async def test_a_scan_from_upload_to_result(whole: Whole, clip: bytes) -> None:
    guest = whole.guest()
    uploaded = (await guest.post("/api/upload", files={"file": ("room.mp4", clip)})).json()
    job_id = uploaded["job_id"]
    assert uploaded["status"] == "uploaded"
    assert (uploaded["width"], uploaded["height"], uploaded["frame_count"]) == (320, 240, 30)
    status = (await guest.get(f"/api/status/{job_id}")).json()
    known = {name: status[name] for name in ("job_id", "status", "progress", "error")}
    assert known == {"job_id": job_id, "status": "uploaded", "progress": None, "error": None}
    assert (await guest.get(f"/api/result/{job_id}")).status_code == 409

    # Clients send no body, an empty one, or what they wish.
    processing = await guest.post(f"/api/process/{job_id}")
    assert processing.status_code == 200
    assert processing.json() == {"status": "processing", "job_id": job_id, "queue_position": 1}
    assert (await guest.get(f"/api/status/{job_id}")).json()["status"] == "processing"
    assert (await guest.post(f"/api/process/{job_id}", json={"max_frames": 128})).status_code == 409
    assert (await guest.get(f"/api/result/{job_id}")).status_code == 409
    assert (await guest.call("DELETE", f"/api/job/{job_id}")).json() == {"status": "deleted"}
    assert (await guest.get(f"/api/status/{job_id}")).status_code == 404

    done = await whole.finished()
    assert (await guest.get(f"/api/status/{done}")).json()["status"] == "completed"
    assert (await guest.post(f"/api/process/{done}")).status_code == 409


async def test_a_result_leads_to_its_files(whole: Whole) -> None:
    guest, job_id = whole.guest(), await whole.finished()
    result = (await guest.get(f"/api/result/{job_id}")).json()
    assert result["job_id"] == job_id
    assert set(result["lod_assets"]) == {"preview", "medium", "full"}
    assert all("depth_map_b64" not in frame for frame in result["frames"])
    heavy = (await guest.get(f"/api/result/{job_id}?include=frames")).json()
    assert all(frame["depth_map_b64"] and frame["confidence_b64"] for frame in heavy["frames"])
    count = len(result["frames"])
    cameras = result["camera_params"]
    assert [[len(rows), len(rows[0])] for rows in cameras["extrinsics"]] == [[3, 4]] * count
    assert [[len(rows), len(rows[0])] for rows in cameras["intrinsics"]] == [[3, 3]] * count
    as_it_is = {"Accept-Encoding": "identity"}
    for asset in [result["model_asset"], *result["lod_assets"].values()]:
        for there in [asset, *asset["variants"]]:
            assert re.fullmatch(rf"/api/assets/{job_id}/[^?]+\?v=[0-9a-f]+", there["url"])
            whole_file = await guest.get(there["url"], headers=as_it_is)
            assert len(whole_file.content) == there["file_size_bytes"]
            assert whole_file.headers["etag"].startswith('"')
            head = await guest.call("HEAD", there["url"], headers=as_it_is)
            assert (head.status_code, head.content) == (200, b"")
            same = ("content-length", "content-type", "etag", "cache-control", "accept-ranges")
            assert [head.headers[name] for name in same] == [whole_file.headers[name] for name in same]
            part = await guest.get(there["url"], headers={"Range": "bytes=2-5"})
            assert (part.status_code, part.content) == (206, whole_file.content[2:6])
            again = await guest.get(there["url"], headers={"If-None-Match": whole_file.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")
            since = {"If-Modified-Since": whole_file.headers["last-modified"]}
            assert (await guest.get(there["url"], headers=since)).status_code == 304


async def test_many_statuses_come_in_the_order_asked_for_and_once_each(whole: Whole) -> None:
    guest = whole.guest()
    jobs = [await whole.uploaded() for _ in range(3)]
    wanted = [jobs[2], jobs[0], "nonsense", jobs[2], jobs[1]]
    answer = await guest.get("/api/status", params={"ids": ",".join(wanted)})
    assert [status["job_id"] for status in answer.json()] == [jobs[2], jobs[0], jobs[1]]


async def test_statuses_of_more_than_a_hundred_scans_are_refused_rather_than_cut(whole: Whole) -> None:
    guest = whole.guest()
    answer = await guest.get("/api/status", params={"ids": ",".join(["0" * 22] * 100)})
    assert (answer.status_code, answer.json()) == (200, [])
    assert (await guest.get("/api/status", params={"ids": ",".join(["0" * 22] * 101)})).status_code == 422
    # However short they are.
    assert (await guest.get("/api/status", params={"ids": ",".join(["0"] * 101)})).status_code == 422


async def test_ones_own_scans_newest_first_by_status_and_page(whole: Whole, clock: SettableClock) -> None:
    anna = await whole.register(plan="pro")
    jobs = []
    for make in (whole.uploaded, whole.queued, whole.finished, whole.uploaded):
        clock.now += 1
        jobs.append(await make(anna))
    jobs.reverse()

    async def ids(**query: Any) -> list[str]:
        return [job["job_id"] for job in (await anna.get("/api/jobs", params=query)).json()["jobs"]]

    assert await ids() == jobs
    assert await ids(status="uploaded") == [jobs[0], jobs[3]]
    assert await ids(status="processing") == [jobs[2]]
    assert await ids(status="completed") == [jobs[1]]
    assert await ids(page=2, page_size=3) == [jobs[3]]
    assert await ids(page=9) == []


# Accounts and profile ----------------------------------------------------------------------------------------------


async def test_an_account_and_its_tokens(whole: Whole) -> None:
    guest = whole.guest()
    body = {"email": "Anna@Example.com", "username": "anna", "password": PASSWORD}
    made = (await guest.post("/api/auth/register", json=body)).json()
    assert made["token_type"] == "bearer"
    assert made["expires_in"] == 15 * 60
    assert made["user"]["plan"] == "free"
    login = await guest.post("/api/auth/login", json={"email": "anna@example.COM", "password": PASSWORD})
    form = await guest.post("/api/auth/login/form", data={"username": "anna@example.com", "password": PASSWORD})
    fresh = await guest.post("/api/auth/refresh", json={"refresh_token": login.json()["refresh_token"]})
    for answer in (login, form, fresh):
        assert answer.json()["user"] == made["user"]
    bearer = {"Authorization": f"Bearer {fresh.json()['access_token']}"}
    me = await guest.get("/api/auth/me", headers=bearer)
    assert {name: me.json()[name] for name in ("id", "username", "is_active", "plan")} == {
        "id": made["user"]["id"],
        "username": "anna",
        "is_active": True,
        "plan": "free",
    }
    assert (await guest.post("/api/auth/logout", headers=bearer)).status_code == 200
    assert (await guest.get("/api/auth/me", headers=bearer)).status_code == 401
    wrong = await guest.post("/api/auth/login", json={"email": "anna@example.com", "password": "wrong horse"})
    nobody = await guest.post("/api/auth/login", json={"email": "nobody@example.com", "password": "wrong horse"})
    assert wrong.status_code == nobody.status_code == 401
    assert wrong.json() == nobody.json()


@pytest.mark.parametrize(
    ("plan", "display", "scans", "gigabytes", "rooms"),
    [("free", "Free", 3, 1, 5), ("pro", "Pro", -1, 50, 100), ("enterprise", "Enterprise", -1, 500, -1)],
)
async def test_what_a_plan_has(whole: Whole, plan: str, display: str, scans: int, gigabytes: int, rooms: int) -> None:
    anna = await whole.register(plan=plan)
    profile = (await anna.get("/api/profile")).json()
    stats = (await anna.get("/api/profile/stats")).json()
    assert profile["stats"] == stats
    assert (profile["plan"], profile["plan_display"]) == (stats["plan"], stats["plan_display"]) == (plan, display)
    assert (stats["scans_limit"], stats["rooms_limit"]) == (scans, rooms)
    assert stats["storage_limit"] in {gigabytes * 10**9, gigabytes << 30}
    assert profile["recent_activities"][0]["action"] == "register"


async def test_a_plan_goes_down_by_oneself_and_up_by_an_admin(whole: Whole) -> None:
    anna, admin = await whole.register(plan="pro"), await whole.register(role="admin")
    down = await anna.call("PUT", "/api/profile/plan", json={"plan": "free"})
    assert (down.status_code, down.json()["plan"], down.json()["scans_limit"]) == (200, "free", 3)
    for plan in ("pro", "enterprise"):
        up = await anna.call("PUT", "/api/profile/plan", json={"plan": plan})
        assert up.status_code == 403
    assert (await anna.call("PUT", "/api/profile/plan", json={"plan": "gold"})).status_code == 422
    given = await admin.call("PUT", "/api/profile/plan", json={"plan": "pro", "user_id": anna.user_id})
    assert given.status_code == 200
    assert (await anna.get("/api/auth/me")).json()["plan"] == "pro"


async def test_what_a_client_claims_changes_no_counter(whole: Whole) -> None:
    anna = await whole.register(plan="pro")
    await anna.post(f"/api/process/{await whole.uploaded(anna)}")
    for options in ({"params": {"storage_bytes": 10**9}}, {"json": {"storage_bytes": 10**9}}, {}):
        claim = await anna.post("/api/profile/increment-scan", **options)
        told = {"success": True, "scans_this_month": 1, "total_scans": 1, "storage_used": 700}
        assert (claim.status_code, claim.json()) == (200, told)
    assert [a["action"] for a in (await anna.get("/api/profile/activities")).json()].count("scan_claim") == 3
    for options in ({"params": {"format": "glb"}}, {"json": {"format": "glb"}}):
        assert (await anna.post("/api/profile/log-export", **options)).json() == {"success": True}


# Lists -------------------------------------------------------------------------------------------------------------


def links(answer: httpx2.Response) -> dict[str, str]:
    return {name: address for address, name in re.findall(r'<([^>]*)>; rel="(\w+)"', answer.headers["link"])}


async def test_a_list_that_is_a_bare_array_says_beside_it_how_to_go_on(whole: Whole, clock: SettableClock) -> None:
    anna = await whole.register()
    for number in range(24):
        clock.now += 1
        await anna.post("/api/profile/activity", json={"action": "viewed", "description": f"View {number}"})
    first = await anna.get("/api/profile/activities", params={"limit": 10})
    assert isinstance(first.json(), list)
    assert first.headers["x-total-count"] == "25"
    seen = [first.json()]
    while "next" in links(first):
        first = await anna.get(links(first)["next"])
        seen.append(first.json())
    assert [len(page) for page in seen] == [10, 10, 5]
    ids = [activity["id"] for page in seen for activity in page]
    assert ids == sorted(set(ids), reverse=True)
    by_page = await anna.get("/api/profile/activities", params={"limit": 10, "page": 3})
    assert by_page.json() == seen[2]
    assert set(links(by_page)) == {"first", "prev"}
    only = await anna.get("/api/profile/activities", params={"action": "register"})
    assert ([a["action"] for a in only.json()], only.headers["x-total-count"]) == (["register"], "1")
    for bad in ({"limit": 0}, {"limit": -1}, {"limit": 10_000}, {"page": 0}, {"cursor": "x"}):
        assert (await anna.get("/api/profile/activities", params=bad)).status_code == 422


async def save(anna: Visitor, job_id: str, name: str) -> dict[str, Any]:
    answer = await anna.post("/api/rooms", json={"job_id": job_id, "name": name})
    assert answer.status_code == 201, answer.text
    room: dict[str, Any] = answer.json()
    return room


async def test_rooms_and_pages_of_them(whole: Whole, clock: SettableClock) -> None:
    anna = await whole.register(plan="pro")
    job_id = await whole.finished(anna)
    rooms = []
    for number in range(5):
        clock.now += 1
        rooms.append(await save(anna, job_id, f"Room {number}"))
    rooms.reverse()
    page = (await anna.get("/api/rooms", params={"page": 2, "page_size": 2})).json()
    assert page == {
        "rooms": rooms[2:4],
        "total": 5,
        "page": 2,
        "page_size": 2,
        "total_pages": 3,
        "next_cursor": page["next_cursor"],
    }
    assert (await anna.get("/api/rooms")).json()["rooms"] == rooms
    empty = (await (await whole.register()).get("/api/rooms")).json()
    assert (empty["rooms"], empty["total"], empty["page"], empty["total_pages"]) == ([], 0, 1, 0)
    first = rooms[0]
    assert (first["user_id"], first["job_id"], first["description"]) == (anna.user_id, job_id, "")
    assert (await anna.get(f"/api/rooms/{first['id']}")).json() == first
    assert (await anna.get(first["thumbnail_url"])).headers["content-type"] == "image/jpeg"
    model = first["assets"]["model_asset"]
    assert len((await anna.get(model["url"])).content) == model["file_size_bytes"]
    # It outlives the scan.
    assert (await anna.call("DELETE", f"/api/job/{job_id}")).status_code == 200
    assert (await anna.get(model["url"])).status_code == 200
    unfinished = await anna.post("/api/rooms", json={"job_id": await whole.uploaded(anna), "name": "Too early"})
    assert unfinished.status_code == 409


# Admins ------------------------------------------------------------------------------------------------------------


async def test_what_admins_see_and_clean_up(whole: Whole, clock: SettableClock) -> None:
    admin, anna = await whole.register(role="admin"), await whole.register(plan="pro")
    old = [await whole.uploaded(anna), await whole.finished(anna)]
    clock.now += 10 * 3600
    admin = await whole.signed_in(admin)
    young = await whole.uploaded(anna)
    page = (await admin.get("/api/admin/jobs", params={"page": 1, "page_size": 2})).json()
    assert {name: page[name] for name in ("count", "page", "page_size", "total_pages")} == {
        "count": 3,
        "page": 1,
        "page_size": 2,
        "total_pages": 2,
    }
    assert page["jobs"][0]["job_id"] == young
    assert page["jobs"][0]["size_bytes"] == 700
    assert page["jobs"][1]["age_hours"] == 10
    dry = (await admin.post("/api/admin/cleanup", params={"max_age_hours": 5, "dry_run": "true"})).json()
    assert (dry["count"], sorted(dry["job_ids"])) == (2, sorted(old))
    assert (await admin.get("/api/admin/jobs")).json()["count"] == 3
    real = (await admin.post("/api/admin/cleanup", params={"max_age_hours": 5, "dry_run": "false"})).json()
    assert sorted(real["job_ids"]) == sorted(old)
    assert [job["job_id"] for job in (await admin.get("/api/admin/jobs")).json()["jobs"]] == [young]
    users = (await admin.get("/api/admin/users", params={"plan": "pro", "is_active": "true", "page": 1})).json()
    assert [user["id"] for user in users["users"]] == [anna.user_id]


# Errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("GET", "/api/status/unknown", {}, 404),
        ("GET", "/api/nothing", {}, 404),
        ("PATCH", "/api/upload", {}, 405),
        ("GET", "/api/auth/me", {}, 401),
        ("POST", "/api/auth/login", {"json": {}}, 422),
        ("POST", "/api/auth/login", {"content": b"{"}, 422),
        ("POST", "/api/auth/login", {"content": b"x" * 1_000_000}, 413),
        ("POST", "/api/upload", {"json": {}}, 400),
    ],
)
async def test_errors_are_problems(whole: Whole, method: str, path: str, options: dict[str, Any], status: int) -> None:
    answer = await whole.guest().call(method, path, **options)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert set(told) >= {"type", "title", "status", "code", "detail"}
    assert told["status"] == status
    assert answer.headers["x-request-id"]
