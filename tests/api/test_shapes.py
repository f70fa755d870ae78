"""Less of an answer where less is wanted, long lists line by line, and no list without an end."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
from sqlalchemy import insert

from garaza.accounts.models import Activity
from garaza.app import create_app
from garaza.kit import lines
from garaza.settings import Settings
from tests.api.document import JSON, inlined
from tests.api.whole import Visitor, Whole
from tests.queries import Queries

LINES = {"Accept": "application/x-ndjson"}


# Some fields ---------------------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_only_what_is_named_is_sent(whole: Whole) -> None:
    anna = await whole.register()
    job_id = await whole.finished(anna)
    room = (await anna.post("/api/rooms", json={"job_id": job_id, "name": "Hall"})).json()
    full = (await anna.get(f"/api/result/{job_id}")).json()

    async def some(path: str, fields: str) -> Any:
        answer = await anna.get(path, params={"fields": fields})
        assert answer.status_code == 200, answer.text
        return answer.json()

    found = await some(f"/api/result/{job_id}", "job_id,scale.metric,model_asset.variants.url,frames.width")
    assert found == {
        "job_id": job_id,
        "scale": {"metric": full["scale"]["metric"]},
        "model_asset": {"variants": [{"url": one["url"]} for one in full["model_asset"]["variants"]]},
        "frames": [{"width": frame["width"]} for frame in full["frames"]],
    }
    assert await some(f"/api/result/{job_id}", "scale.metric, scale,scale.source") == {"scale": full["scale"]}
    assert await some("/api/jobs", "jobs.status,total") == {"jobs": [{"status": "completed"}], "total": 1}
    assert await some("/api/rooms", "rooms.name") == {"rooms": [{"name": "Hall"}]}
    assert await some(f"/api/rooms/{room['id']}", "name,id") == {"id": room["id"], "name": "Hall"}
    # Null is a value: what was asked for is there.
    statuses = await anna.get("/api/status", params={"ids": job_id, "fields": "job_id,queue_position"})
    assert statuses.json() == [{"job_id": job_id, "queue_position": None}]


@pytest.mark.anyio
async def test_headers_are_those_of_the_whole(whole: Whole) -> None:
    anna = await whole.register()
    room = (await anna.post("/api/rooms", json={"job_id": await whole.finished(anna), "name": "Hall"})).json()
    path = f"/api/rooms/{room['id']}"
    assert (await anna.get(f"{path}?fields=name")).headers["etag"] == (
        await anna.get(path, headers={"Accept-Encoding": "identity"})
    ).headers["etag"]
    listed = await anna.get("/api/rooms?fields=rooms.name")
    assert {"link", "x-total-count", "etag"} <= set(listed.headers)
    again = await anna.get("/api/rooms?fields=rooms.name", headers={"If-None-Match": listed.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ("nothing", "There are: jobs, total,"),
        ("", "There are: jobs, total,"),
        ("jobs.nothing", "There are: jobs.job_id, jobs.status,"),
        ("jobs,jobs.nothing", "There are: jobs.job_id, jobs.status,"),
        ("total.deeper", "total has no fields"),
        ("jobs.", "There are: jobs.job_id,"),
        (",".join(["total"] * 51), "50 fields at most"),
        ("x" * 1001, "1000 characters"),
        ("__all__", "There are: jobs,"),
    ],
)
async def test_what_there_is_no_field_of_is_told_which_there_are(whole: Whole, fields: str, said: str) -> None:
    anna = await whole.register()
    answer = await anna.get("/api/jobs", params={"fields": fields})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert said in answer.json()["detail"]


@pytest.mark.anyio
async def test_heavy_parts_and_few_fields_are_not_for_the_same_request(whole: Whole) -> None:
    job_id = await whole.finished()
    answer = await whole.guest().get(f"/api/result/{job_id}?include=frames&fields=job_id")
    assert (answer.status_code, answer.json()["code"]) == (422, "include_or_fields")


# Line by line --------------------------------------------------------------------------------------------------------


async def many_activities(whole: Whole, anna: Visitor, count: int) -> None:
    rows = [
        {
            "user_id": anna.user_id,
            "action": "viewed",
            "description": f"Number {number}",
            "details": {},
            "created_at": 1e9 + number // 3,
        }
        for number in range(count)
    ]
    async with whole.database.write() as session:
        await session.execute(insert(Activity), rows)


def entries(answer: httpx2.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    assert answer.text.endswith("\n")
    return [json.loads(line) for line in answer.text.splitlines()]


@pytest.mark.anyio
@pytest.mark.parametrize("kind", lines.MEDIA_TYPES)
async def test_a_long_list_comes_whole_in_one_answer(whole: Whole, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(lines, "BATCH_ROWS", 100)
    anna = await whole.register()
    await many_activities(whole, anna, 450)
    with Queries(whole.database) as seen:
        answer = await anna.get("/api/profile/activities?action=viewed", headers={"Accept": f"{kind};q=0.9, */*"})
    found = entries(answer)
    assert answer.headers["content-type"].startswith(kind)
    assert [entry["description"] for entry in found] == [f"Number {number}" for number in reversed(range(450))]
    # Five parts of a hundred.
    assert len([statement for statement in seen.reads if "FROM activities" in statement]) == 5, seen
    page = (await anna.get("/api/profile/activities?action=viewed&page_size=100")).json()
    assert found[:100] == page


@pytest.mark.anyio
async def test_it_can_be_gone_on_with_and_has_an_end(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "BATCH_ROWS", 100)
    monkeypatch.setattr(lines, "MAX_LINES", 250)
    anna = await whole.register()
    await many_activities(whole, anna, 300)
    *first, last = entries(await anna.get("/api/profile/activities?action=viewed", headers=LINES))
    assert (len(first), set(last)) == (250, {"next_cursor"})
    rest = entries(await anna.get(f"/api/profile/activities?action=viewed&cursor={last['next_cursor']}", headers=LINES))
    assert len(rest) == 50
    assert len({entry["id"] for entry in first + rest}) == 300
    back = (await anna.get(f"/api/profile/activities?cursor={last['next_cursor']}")).headers["link"]
    cursor = next(part for part in back.split(",") if 'rel="prev"' in part).split("cursor=")[1].split(">")[0]
    answer = await anna.get(f"/api/profile/activities?cursor={cursor}", headers=LINES)
    assert answer.status_code == 422


@pytest.mark.anyio
async def test_other_lists_can_be_had_so_too(whole: Whole) -> None:
    anna, admin = await whole.register(), await whole.register(role="admin")
    ids = [await whole.finished(anna) for _ in range(3)]
    for job_id in ids:
        await anna.post("/api/rooms", json={"job_id": job_id, "name": f"Of {job_id}"})
    queued = await whole.queued(anna)
    own = entries(await anna.get("/api/jobs?fields=jobs.job_id", headers=LINES))
    assert sorted(own, key=str) == sorted(({"job_id": job_id} for job_id in [queued, *ids]), key=str)
    assert len(entries(await anna.get("/api/jobs?status=completed", headers=LINES))) == 3
    assert entries(await anna.get("/api/rooms", headers=LINES)) == (await anna.get("/api/rooms")).json()["rooms"]
    for path, name in (("jobs", "jobs"), ("users", "users"), ("activities", "activities")):
        whole_list = (await admin.get(f"/api/admin/{path}")).json()[name]
        assert entries(await admin.get(f"/api/admin/{path}", headers=LINES)) == whole_list
    assert (await anna.get("/api/admin/users", headers=LINES)).status_code == 403
    assert (await whole.guest().get("/api/jobs", headers=LINES)).status_code == 401
    # Nobody gets lines who didn't ask for them.
    for accept in ("*/*", "application/*", "application/x-ndjson;q=0, application/json"):
        assert (await anna.get("/api/jobs", headers={"Accept": accept})).headers["content-type"] == JSON
    packed = await anna.get("/api/jobs", headers={**LINES, "Accept-Encoding": "zstd"})
    assert packed.headers["content-encoding"] == "zstd"


# No list without an end ----------------------------------------------------------------------------------------------

BOUNDED = {
    "/api/furniture/products": "100 asins",
    "/api/furniture/filters": "1000 brands, and countries",
    "/api/status": "100 ids",
    "/api/auth/sessions": "100, LoginSession",
    "/api/jobs/{job_id}/attempts": "100",
    "/api/jobs/{job_id}/webhooks": "one for each time that it ended",
    "/api/rooms/{room_id}/shares": "50 links to a room",
    "/api/result/{job_id}": "512 frames",
    "/api/shared/{token}": "three sizes",
    "/api/rooms/{room_id}": "three sizes",
    "/api/profile": "five of the activities",
}
"""Lists that have no pages, and what bounds them."""


def lists_in(schema: dict[str, Any]) -> bool:
    """Whether an answer is a list of objects, or has one as a field of its own."""
    if schema.get("type") == "array":
        return "properties" in schema["items"]
    return any(
        field.get("type") == "array" and "properties" in field.get("items", {})
        for field in schema.get("properties", {}).values()
    )


def test_every_list_has_pages_or_is_short(tmp_path_factory: pytest.TempPathFactory) -> None:
    document = inlined(create_app(Settings(data_dir=tmp_path_factory.mktemp("shapes"))).openapi())
    endless, unused = [], set(BOUNDED)
    for path, item in document["paths"].items():
        schema = item.get("get", {}).get("responses", {}).get("200", {}).get("content", {}).get(JSON, {}).get("schema")
        if schema is None:
            continue
        bounds = {
            parameter["name"]: parameter["schema"].get("maximum")
            or max((one.get("maximum", 0) for one in parameter["schema"].get("anyOf", [])), default=0)
            for parameter in item["get"].get("parameters", [])
            if parameter["name"] in {"page_size", "limit"}
        }
        unused.discard(path)
        if lists_in(schema) and path not in BOUNDED and not (bounds and all(0 < n <= 1000 for n in bounds.values())):
            endless.append(path)
    assert endless == []
    assert unused == set()
