"""Rooms over HTTP: keeping a finished scan under a name, looking at it, and letting it go."""

from __future__ import annotations

import asyncio
import hashlib
import json

import pytest

from garaza.accounts.plans import LIMITS, Plan
from garaza.jobs.models import Job
from garaza.kit.ids import new_id
from tests.queries import Queries
from tests.rooms.world import World, assert_problem

pytestmark = pytest.mark.anyio

FIELDS = {
    *("id", "user_id", "name", "description", "job_id", "frame_count", "point_count", "model_used"),
    *("original_width", "original_height", "file_size_bytes", "file_size_display", "thumbnail_url", "assets"),
    *("created_at", "updated_at"),
}
"""Those that existing clients read."""


async def test_a_finished_scan_is_kept_as_a_room(world: World) -> None:
    anna = await world.register()
    job_id = await world.finished(anna)
    answer = await anna.call(
        "POST", "/api/rooms", json={"job_id": job_id, "name": " Ku\u0308che\t".rstrip(), "description": "New\r\ntiles "}
    )
    assert answer.status_code == 201, answer.text
    room = answer.json()
    assert set(room) == FIELDS
    assert answer.headers["location"] == f"/api/rooms/{room['id']}"
    assert (room["name"], room["description"]) == ("Küche", "New\ntiles")
    assert (room["user_id"], room["job_id"]) == (anna.id, job_id)
    described = json.loads((world.template / "result.json").read_text())
    full = next(model for model in described["models"] if model["level"] == "full")
    assert room["frame_count"] == len(described["frames"])
    assert room["point_count"] == full["vertices"]
    assert room["model_used"] == "geometric"
    assert (room["original_width"], room["original_height"]) == (320, 240)
    size = sum(path.stat().st_size for path in (world.data.results / job_id).rglob("*") if path.is_file())
    assert room["file_size_bytes"] == size
    assert room["file_size_display"] == f"{size / 1000:.1f} KB"
    assert room["created_at"] == room["updated_at"] == "2026-11-18T11:06:40.000Z"
    assert (await anna.get(f"/api/rooms/{room['id']}")).json() == room


async def test_assets_are_those_of_the_result_at_addresses_of_the_room(world: World) -> None:
    anna = await world.register()
    room = await anna.save(await world.finished(anna))
    full, levels = room["assets"]["model_asset"], room["assets"]["lod_assets"]
    assert set(levels) == {"preview", "medium", "full"}
    assert levels["full"] == full
    for level, asset in levels.items():
        assert (asset["lod_level"], asset["format"]) == (level, "glb")
        for part in (asset, *asset["variants"]):
            content = (world.template / part["filename"]).read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            assert part["url"] == f"/api/rooms/{room['id']}/assets/{part['filename']}?v={digest[:16]}"
            answer = await anna.get(part["url"], headers={"Accept-Encoding": "identity"})
            assert answer.content == content
            assert answer.headers["etag"] == f'"{digest}"'
            assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
            again = await anna.get(part["url"], headers={"If-None-Match": answer.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")
            head = await anna.get(part["url"], headers={"Range": "bytes=0-3"})
            assert (head.status_code, head.content) == (206, b"glTF")
    picture = await anna.get(room["thumbnail_url"])
    assert picture.content == (world.template / "thumbnail.jpg").read_bytes()
    assert picture.headers["content-type"] == "image/jpeg"
    assert (await anna.call("HEAD", room["thumbnail_url"])).headers["content-length"] == str(len(picture.content))


async def test_a_room_outlives_its_scan_and_keeps_its_own_scale(world: World) -> None:
    anna = await world.register()
    job_id = await world.finished(anna)
    room = await anna.save(job_id)
    address = room["assets"]["model_asset"]["url"]
    before = (await anna.get(address)).content
    await world.rescale(job_id, 2.0)
    assert (await anna.get(address)).content == before
    later = await anna.save(job_id, "Rescaled")
    assert (await anna.get(later["assets"]["model_asset"]["url"])).content != before
    await world.delete_job(job_id)
    assert await world.job(job_id) is None
    assert world.names("uploads") == []
    assert (await anna.get(address)).content == before
    assert len(world.names(f"results/{job_id}")) == 2
    await anna.delete_room(room["id"])
    assert (await anna.get(address)).status_code == 404
    assert len(world.names(f"results/{job_id}")) == 1
    await anna.delete_room(later["id"])
    assert world.names("results") == []


async def test_a_guests_scan_is_kept_by_whoever_knows_its_id(world: World) -> None:
    anna, berta = await world.register(), await world.register("berta")
    job_id = await world.finished()
    first, second = await anna.save(job_id), await berta.save(job_id)
    world.clock.now += 25 * 3600
    await world.housekeeping.round()
    assert await world.job(job_id) is None
    await anna.renew()
    await berta.renew()
    await anna.delete_room(first["id"])
    assert (await berta.get(second["assets"]["model_asset"]["url"])).status_code == 200
    assert_problem(await anna.call("POST", "/api/rooms", json={"job_id": job_id, "name": "Again"}), 404, "not_found")


async def test_rooms_of_others_are_not_there(world: World) -> None:
    anna, berta = await world.register(), await world.register("berta")
    room = await anna.save(await world.finished(anna))
    link = await anna.share(room["id"])
    place = f"/api/rooms/{room['id']}"
    asset = room["assets"]["model_asset"]["url"]
    for method, path in [
        ("GET", place),
        ("PUT", place),
        ("DELETE", place),
        ("GET", asset),
        ("GET", room["thumbnail_url"]),
        ("POST", f"{place}/shares"),
        ("GET", f"{place}/shares"),
        ("DELETE", f"{place}/shares/{link['id']}"),
    ]:
        body = {"json": {"name": "Mine"}} if method == "PUT" else {}
        assert_problem(await berta.call(method, path, **body), 404, "not_found")
        answer = await world.client.request(method, path, **body)
        assert_problem(answer, 401, "not_signed_in")
    assert (await berta.get("/api/rooms")).json()["rooms"] == []
    assert (await anna.get(place)).json() == room
    assert len((await anna.get(f"{place}/shares")).json()) == 1


async def test_scans_that_cannot_be_kept(world: World) -> None:
    anna, berta = await world.register(), await world.register("berta")
    admin = await world.register("admin", role="admin")
    unfinished, hers = await world.queued(anna), await world.finished(berta)
    for who, job_id, status, code in [
        (anna, unfinished, 409, "not_completed"),
        (anna, hers, 404, "not_found"),
        (admin, hers, 404, "not_found"),
        (anna, new_id(), 404, "not_found"),
        (anna, "no id\0", 404, "not_found"),
    ]:
        answer = await who.call("POST", "/api/rooms", json={"job_id": job_id, "name": "Kitchen"})
        assert_problem(answer, status, code)
    assert await world.room_ids() == []


@pytest.mark.parametrize(
    "body",
    [
        {"name": ""},
        {"name": " \t "},
        {"name": "x" * 101},
        {"name": "x" * 10_000},
        {"name": "a\0b"},
        {"name": "line\nline"},
        {"name": "\u202egnp.exe"},
        {"name": 7},
        {"description": "x" * 1001},
        {"description": "a\0b"},
        {"name": "\ufb2c" * 50},
    ],
)
async def test_names_that_cannot_be_given(world: World, body: dict[str, object]) -> None:
    anna = await world.register()
    room = await anna.save(await world.finished(anna))
    assert_problem(await anna.call("PUT", f"/api/rooms/{room['id']}", json=body), 422, "invalid_request")
    whole = {"job_id": room["job_id"], "name": "Kitchen", **body}
    assert_problem(await anna.call("POST", "/api/rooms", json=whole), 422, "invalid_request")


async def test_half_a_character_is_no_name(world: World) -> None:
    anna = await world.register()
    room = await anna.save(await world.finished(anna))
    answer = await anna.call(
        "PUT",
        f"/api/rooms/{room['id']}",
        content=b'{"name": "\\ud800"}',
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 422


@pytest.mark.parametrize("room_id", ["0", "-1", "9223372036854775808", "1e3", "x", "9223372036854775807"])
async def test_ids_that_no_room_has(world: World, room_id: str) -> None:
    anna = await world.register()
    for path in (f"/api/rooms/{room_id}", f"/api/rooms/{room_id}/assets/x", f"/api/rooms/{room_id}/shares"):
        assert (await anna.get(path)).status_code in {404, 422}


@pytest.mark.parametrize(
    "path", ["nothing.glb", "..%2f..%2fgaraza.db", "%00", "%ff", "x" * 2000, "depth", "%e2%80%ae", ""]
)
async def test_files_that_no_room_has(world: World, path: str) -> None:
    anna = await world.register()
    room = await anna.save(await world.finished(anna))
    answer = await anna.get(f"/api/rooms/{room['id']}/assets/{path}")
    assert_problem(answer, 404, "not_found")


async def test_changing_a_room(world: World) -> None:
    anna = await world.register()
    room = await anna.save(await world.finished(anna), description="Old")
    world.clock.now += 60
    place = f"/api/rooms/{room['id']}"
    changed = (await anna.call("PUT", place, json={"name": "Bath"})).json()
    assert changed == {**room, "name": "Bath", "updated_at": "2026-11-18T11:07:40.000Z"}
    world.clock.now += 60
    assert (await anna.call("PUT", place, json={})).json() == changed
    assert (await anna.call("PUT", place, json={"name": None, "description": ""})).json()["description"] == ""
    assert (await anna.get(place)).json()["name"] == "Bath"


async def test_the_list_of_rooms(world: World) -> None:
    anna = await world.register(plan="pro")
    job_id = await world.finished(anna)
    saved = []
    for number in range(5):
        world.clock.now += 1
        saved.append(await anna.save(job_id, f"Room {number}"))
    saved.reverse()
    gone = saved.pop(1)
    await anna.delete_room(gone["id"])
    first = (await anna.get("/api/rooms", params={"page": 1, "page_size": 3})).json()
    assert first["rooms"] == saved[:3]
    assert {name: first[name] for name in ("total", "page", "page_size", "total_pages")} == {
        "total": 4,
        "page": 1,
        "page_size": 3,
        "total_pages": 2,
    }
    second = (await anna.get("/api/rooms", params={"page": 2, "page_size": 3})).json()
    assert second["rooms"] == saved[3:]
    assert second["next_cursor"] is None
    on = (await anna.get("/api/rooms", params={"cursor": first["next_cursor"], "page_size": 3})).json()
    assert on["rooms"] == saved[3:]
    assert (on["total"], on["page"], on["total_pages"]) == (None, None, None)
    nothing = (await anna.get("/api/rooms", params={"page": 3, "page_size": 3})).json()
    assert (nothing["rooms"], nothing["total"], nothing["total_pages"]) == ([], 4, 2)


@pytest.mark.parametrize("query", ["page=0", "page=-1", "page_size=0", "page_size=101", "page=99999", "cursor=x"])
async def test_pages_that_are_none(world: World, query: str) -> None:
    anna = await world.register()
    assert_problem(await anna.get(f"/api/rooms?{query}"), 422, "invalid_request")


async def test_a_page_costs_two_queries_however_long_it_is(world: World) -> None:
    anna = await world.register(plan="pro")
    job_id = await world.finished(anna)
    for number in range(12):
        await anna.save(job_id, f"Room {number}")
    for size in (1, 10):
        with Queries(world.database) as seen:
            assert len((await anna.get("/api/rooms", params={"page_size": size})).json()["rooms"]) == size
        # One of them asks who it is.
        assert len(seen) == 3, seen
    room = (await anna.get("/api/rooms")).json()["rooms"][0]
    for path, queries in ((f"/api/rooms/{room['id']}", 3), (room["thumbnail_url"], 2)):
        with Queries(world.database) as seen:
            assert (await anna.get(path)).status_code == 200
        assert len(seen) == queries, seen


async def test_a_plan_has_so_many_rooms(world: World) -> None:
    anna = await world.register()
    job_id = await world.finished(anna)
    for number in range(LIMITS[Plan.FREE].rooms):
        last = await anna.save(job_id, f"Room {number}")
    body = {"job_id": job_id, "name": "One more"}
    problem = assert_problem(await anna.call("POST", "/api/rooms", json=body), 403, "room_limit_reached")
    assert problem["limit"] == 5
    await anna.delete_room(last["id"])
    await anna.save(job_id, "One more")


async def test_a_plan_has_so_much_storage(world: World) -> None:
    anna = await world.register()
    guests, own = await world.finished(), await world.finished(anna)
    job = await world.job(guests)
    assert job is not None
    async with world.database.write() as session:
        # As if the video, which nobody looks into here, were as large as the rest of what the plan allows.
        left = LIMITS[Plan.FREE].storage_bytes - await world.used(anna.id) - job.result_bytes
        mine = await session.get_one(Job, own)
        mine.upload_bytes += left + 1
    body = {"job_id": guests, "name": "Kitchen"}
    problem = assert_problem(await anna.call("POST", "/api/rooms", json=body), 403, "storage_limit_reached")
    assert problem["limit"] == LIMITS[Plan.FREE].storage_bytes
    # What is there already takes no more.
    await anna.save(own)
    async with world.database.write() as session:
        (await session.get_one(Job, own)).upload_bytes -= 1
    await anna.save(guests)
    await anna.save(guests, "The same once more")


async def test_what_is_done_is_told_in_the_activities(world: World) -> None:
    anna = await world.register()
    room = await anna.save(await world.finished(anna))
    await anna.call("PUT", f"/api/rooms/{room['id']}", json={"name": "Bath"})
    link = await anna.share(room["id"])
    await anna.call("DELETE", f"/api/rooms/{room['id']}/shares/{link['id']}")
    await anna.delete_room(room["id"])
    told = (await anna.get("/api/profile/activities")).json()
    assert [activity["action"] for activity in told][:5] == [
        "room_delete",
        "share_revoke",
        "room_share",
        "room_update",
        "room_save",
    ]
    assert told[0]["description"] == "Deleted the room Bath"


async def test_a_change_that_somebody_made_meanwhile_is_not_lost(world: World) -> None:
    anna = await world.register()
    path = f"/api/rooms/{(await anna.save(await world.finished(anna)))['id']}"
    seen = (await anna.get(path)).headers["etag"]
    assert seen.startswith('"')
    wanted = [{"json": {"name": f"Room {number}"}, "headers": {"If-Match": seen}} for number in range(6)]
    answers = await asyncio.gather(*(anna.call("PUT", path, **one) for one in wanted))
    done = [answer for answer in answers if answer.status_code == 200]
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 5
    refused = next(answer for answer in answers if answer.status_code == 412)
    assert_problem(refused, 412, "precondition_failed")
    now = await anna.get(path)
    assert (now.json()["name"], now.headers["etag"]) == (done[0].json()["name"], done[0].headers["etag"])
    assert (await anna.call("DELETE", path, headers={"If-Match": seen})).status_code == 412
    assert (await anna.get(path)).status_code == 200
    # Who doesn't ask for it is not held up by it.
    assert (await anna.call("PUT", path, json={"name": "Mine"})).json()["name"] == "Mine"
    there = (await anna.get(path)).headers["etag"]
    assert (await anna.call("PUT", path, json={"name": "Ours"}, headers={"If-Match": there})).json()["name"] == "Ours"
    assert (await anna.call("PUT", path, json={"name": "x"}, headers={"If-None-Match": "*"})).status_code == 412
    assert (await anna.call("DELETE", path, headers={"If-Match": "*"})).status_code == 204
    assert (await anna.call("PUT", path, json={"name": "x"}, headers={"If-Match": "*"})).status_code == 404
