"""What a client has already isn't sent again, by the service as it is put together."""

from __future__ import annotations

import pytest

from tests.api.whole import StartWhole, Whole

pytestmark = pytest.mark.anyio


async def test_what_is_asked_again_and_again_has_tags(whole: Whole) -> None:
    anna = await whole.register()
    job_id = await whole.finished(anna)
    room = (await anna.post("/api/rooms", json={"job_id": job_id, "name": "Hall"})).json()
    polled = [
        f"/api/status/{job_id}",
        f"/api/status?ids={job_id}",
        f"/api/result/{job_id}",
        "/api/jobs",
        "/api/rooms",
        f"/api/rooms/{room['id']}",
        "/api/profile/stats",
        "/api/profile/activities",
        f"/api/jobs/{job_id}/events",
    ]
    for path in polled:
        first = await anna.get(path)
        tag = first.headers["etag"]
        again = await anna.get(path, headers={"If-None-Match": tag})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag), path
        assert again.headers["cache-control"] == first.headers["cache-control"]
        assert not {"content-security-policy", "server-timing", "ratelimit-policy", "content-type"} & set(again.headers)
    before = (await anna.get(polled[4])).headers["etag"]
    assert (await anna.call("PUT", polled[5], json={"name": "Loft"})).status_code == 200
    for path, tag in ((polled[4], before), (polled[5], '"older"')):
        assert (await anna.get(path, headers={"If-None-Match": tag})).status_code == 200
    # Whose it is is found out first.
    assert (await whole.guest().get(polled[5], headers={"If-None-Match": "*"})).status_code == 401


async def test_a_change_by_a_tag_of_any_coding_is_one(whole: Whole) -> None:
    anna = await whole.register()
    room = (await anna.post("/api/rooms", json={"job_id": await whole.finished(anna), "name": "Hall"})).json()
    path = f"/api/rooms/{room['id']}"
    tag = (await anna.get(path, headers={"Accept-Encoding": "zstd"})).headers["etag"]
    assert tag.endswith('-zstd"')
    changed = await anna.call("PUT", path, json={"name": "Loft"}, headers={"If-Match": tag})
    assert changed.status_code == 200
    again = await anna.call("PUT", path, json={"name": "Den"}, headers={"If-Match": tag})
    assert (again.status_code, again.json()["code"]) == (412, "precondition_failed")
    assert (await anna.get(path)).json()["name"] == "Loft"


async def test_tags_of_json_can_be_turned_off(start: StartWhole) -> None:
    whole = await start(conditional={"enabled": False})
    anna = await whole.register()
    answer = await anna.get("/api/jobs", headers={"If-None-Match": "*"})
    assert (answer.status_code, "etag" in answer.headers) == (200, False)
