"""The main job as a client sees it: upload, process, status, result, assets, scale, delete."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import httpx2
import numpy as np
import pytest

from tests.service.harness import Server, eventually, is_gone


@pytest.fixture(scope="module")
def finished(server: Server) -> str:
    return server.finished_scan()


def test_an_upload_says_what_was_found_in_it(server: Server, clip: bytes) -> None:
    answer = server.upload(name="Küche 1.mp4").json()
    assert answer["status"] == "uploaded"
    assert len(answer["job_id"]) >= 22
    assert answer["filename"] == "Küche 1.mp4"
    assert (answer["width"], answer["height"], answer["codec"], answer["frame_count"]) == (320, 240, "h264", 30)
    assert answer["duration_s"] == pytest.approx(2.0, abs=0.1)
    assert answer["size_bytes"] == len(clip)
    kept = server.data / "uploads" / answer["job_id"]
    assert kept.read_bytes() == clip
    status = server.status(answer["job_id"])
    assert (status["status"], status["progress"], status["error"]) == ("uploaded", None, None)


def test_a_scan_is_processed_and_its_result_says_everything(server: Server) -> None:
    job_id = server.new_scan()
    server.hold(job_id)
    answer = server.process_scan(job_id, quality="draft", max_frames=24)
    assert (answer.status_code, answer.json()["status"], answer.json()["queue_position"]) == (200, "processing", 1)
    assert server.attempt(job_id, 1)["options"] == ["draft", 24]

    def half_way() -> dict[str, object] | None:
        progress = server.status(job_id)["progress"]
        return progress if progress and progress.get("current_frame") == 1 else None

    progress = eventually(half_way, "progress")
    assert progress["stage"] == "frames"
    assert (progress["total_frames"], progress["message"]) == (2, "Half of it")
    running = server.status(job_id)
    assert (running["status"], running["phase"], running["attempts"]) == ("processing", "running", 1)
    assert server.client.get(f"/api/result/{job_id}").status_code == 409
    assert server.process_scan(job_id).status_code == 409
    server.let_go(job_id)
    done = server.until(job_id, "completed")
    assert (done["status"], done["progress"]["progress"], "failure" in done) == ("completed", 100, False)
    assert server.process_scan(job_id).status_code == 409

    result = server.client.get(f"/api/result/{job_id}").json()
    assert result["job_id"] == job_id
    assert [frame["frame_index"] for frame in result["frames"]] == [0, 10, 20]
    assert np.array(result["camera_params"]["extrinsics"]).shape == (3, 3, 4)
    assert np.array(result["camera_params"]["intrinsics"]).shape == (3, 3, 3)
    assert (result["original_width"], result["original_height"], result["model_used"]) == (320, 240, "geometric")
    assert result["scale"]["metric"] is False
    assert "room" in result
    assert not any(key.endswith("_b64") and value for frame in result["frames"] for key, value in frame.items())
    assert result["model_asset"] == result["lod_assets"]["full"]
    assets = [*result["lod_assets"].values(), *[v for a in result["lod_assets"].values() for v in a["variants"]]]
    for asset in assets:
        got = server.client.get(asset["url"])
        assert got.status_code == 200
        assert len(got.content) == asset["file_size_bytes"]
        assert got.content[:4] == b"glTF"
    for file in result["files"]:
        got = server.client.get(file["url"])
        assert (got.status_code, got.headers["content-type"]) == (200, file["media_type"])
    assert server.results_of(job_id) == ["1"], "one result, and nothing else"
    eventually(lambda: not [name for name in server.names("work") if job_id in name], "nothing else is left")


def test_depth_is_in_the_result_only_when_asked_for(server: Server, finished: str, template: Path) -> None:
    answer = server.client.get(f"/api/result/{finished}?include=frames")
    assert answer.headers["content-type"] == "application/json"
    frames = answer.json()["frames"]
    with np.load(template / "depth" / "depth.npz") as truth:
        for number, frame in enumerate(frames):
            shape = (frame["height"], frame["width"])
            for member, name in (("depth_map_b64", "depth"), ("confidence_b64", "confidence")):
                decoded = np.frombuffer(base64.b64decode(frame[member]), "<f4").reshape(shape)
                np.testing.assert_array_equal(decoded, truth[name][number])
    plain = server.client.get(f"/api/result/{finished}").json()
    without = {key: value for key, value in answer.json().items() if key != "frames"}
    assert without == {key: value for key, value in plain.items() if key != "frames"}


def test_an_asset_is_sent_once_and_then_kept(server: Server, finished: str) -> None:
    url = server.client.get(f"/api/result/{finished}").json()["model_asset"]["url"]
    client = httpx2.Client(base_url=server.address, trust_env=False, headers={"Accept-Encoding": "identity"})
    first = client.get(url)
    etag = first.headers["etag"]
    assert etag == f'"{hashlib.sha256(first.content).hexdigest()}"', "strong, and of the content"
    assert first.headers["content-type"] == "model/gltf-binary"
    assert "immutable" in first.headers["cache-control"]
    assert "immutable" not in client.get(url.split("?")[0]).headers["cache-control"]
    assert "immutable" not in client.get(url.split("?")[0] + "?v=0123").headers["cache-control"]
    for tags in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = client.get(url, headers={"If-None-Match": tags})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
        assert again.headers["cache-control"] == first.headers["cache-control"]
    modified = {"If-Modified-Since": first.headers["last-modified"]}
    assert client.get(url, headers=modified).status_code == 304
    assert client.get(url, headers={**modified, "If-None-Match": '"other"'}).status_code == 200
    for since in ("Mon, 01 Jan 2001 00:00:00 GMT", "nonsense", "99999999"):
        assert client.get(url, headers={"If-Modified-Since": since}).status_code == 200
    head = client.head(url)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-length", "etag", "last-modified", "content-type", "cache-control", "accept-ranges"):
        assert head.headers[name] == first.headers[name]
    assert client.head(url, headers={"If-None-Match": etag}).status_code == 304
    client.close()


def test_parts_of_an_asset_can_be_fetched(server: Server, finished: str) -> None:
    url = f"/api/assets/{finished}/model.glb"
    # Parts are of the file as it is, whatever else it could be sent as.
    whole = server.client.get(url, headers={"Accept-Encoding": "identity"})
    etag, size = whole.headers["etag"], len(whole.content)
    part = server.client.get(url, headers={"Range": "bytes=4-11"})
    assert (part.status_code, part.content) == (206, whole.content[4:12])
    assert (part.headers["content-range"], part.headers["etag"]) == (f"bytes 4-11/{size}", etag)
    assert server.client.get(url, headers={"Range": "bytes=-5"}).content == whole.content[-5:]
    rest = server.client.get(url, headers={"Range": "bytes=100-", "If-Range": etag})
    assert (rest.status_code, rest.content) == (206, whole.content[100:])
    changed = server.client.get(url, headers={"Range": "bytes=100-", "If-Range": '"older"'})
    assert (changed.status_code, changed.content) == (200, whole.content)
    beyond = server.client.get(url, headers={"Range": f"bytes={size}-"})
    assert beyond.status_code == 416
    assert beyond.headers["content-range"].endswith(f"*/{size}")


def test_the_report_may_show_itself_and_nothing_else(server: Server, finished: str) -> None:
    policy = server.client.get(f"/api/assets/{finished}/report.html").headers["content-security-policy"]
    assert policy.startswith("sandbox")
    assert "default-src 'none'" in policy


def test_several_scans_are_asked_about_at_once(server: Server, finished: str) -> None:
    other = server.new_scan()
    answer = server.client.get("/api/status", params={"ids": f"{other},{finished},{'x' * 22},,../../etc,{other}"})
    assert [(one["job_id"], one["status"]) for one in answer.json()] == [(other, "uploaded"), (finished, "completed")]


def test_jobs_wait_in_line_and_say_where(server: Server) -> None:
    ids = [server.new_scan() for _ in range(3)]
    for job_id in ids:
        server.hold(job_id)
    server.process_scan(ids[0])
    server.attempt(ids[0], 1)
    assert [server.process_scan(job_id).json()["queue_position"] for job_id in ids[1:]] == [2, 3]
    assert server.status(ids[2])["queue_position"] == 3
    server.let_go(ids[0])
    server.attempt(ids[1], 1)
    eventually(lambda: server.status(ids[2])["queue_position"] == 2, "the next one moves up")
    for job_id in ids[1:]:
        server.let_go(job_id)
    server.until(ids[2], "completed")


def test_a_known_length_makes_the_scan_metric(server: Server) -> None:
    job_id = server.finished_scan()
    before = server.client.get(f"/api/result/{job_id}").json()
    points = {"points": [[0, 0, 0], [0, 2.5, 0]], "length_m": 5.0}
    answer = server.client.put(f"/api/scans/{job_id}/scale", json=points)
    assert answer.status_code == 200, answer.text
    assert answer.json()["scale"] == {
        "metric": True,
        "metres_per_unit": 2.0,
        "source": "known_length",
        "uncertainty": 0.01,
    }
    after = server.client.get(f"/api/result/{job_id}").json()
    assert after["scale"]["metric"] is True
    old, new = before["model_asset"]["url"], after["model_asset"]["url"]
    assert old.split("?")[0] == new.split("?")[0]
    assert old != new, "another content, another address"
    glb = server.client.get(new).content
    scene = json.loads(glb[20 : 20 + int.from_bytes(glb[12:16], "little")])
    assert [node["scale"] for node in scene["nodes"] if "scale" in node] == [[2.0, 2.0, 2.0]]
    assert len(server.results_of(job_id)) == 1, "the old version is gone"
    relative = server.client.put(f"/api/scans/{job_id}/scale", json={"metres_per_unit": 0.5})
    assert relative.json()["scale"]["metres_per_unit"] == 0.5
    # Distances are in metres as shown now: half a unit's worth each.
    server.client.put(f"/api/scans/{job_id}/scale", json={"points": [[0, 0, 0], [1, 0, 0]], "length_m": 3})
    assert server.client.get(f"/api/result/{job_id}").json()["scale"]["metres_per_unit"] == pytest.approx(1.5)


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"length_m": 2},
        {"points": [[0, 0, 0], [1, 0, 0]]},
        {"points": [[0, 0, 0], [0, 0, 0]], "length_m": 2},
        {"points": [[0, 0], [1, 0]], "length_m": 2},
        {"points": [[0, 0, 0], [1, 0, 0]], "length_m": 2, "metres_per_unit": 1},
        {"metres_per_unit": 0},
        {"metres_per_unit": -1},
        {"metres_per_unit": 1e9},
        {"metres_per_unit": "NaN"},
        {"unknown": 1},
        [],
    ],
)
def test_an_unclear_scale_changes_nothing(server: Server, finished: str, request_: object) -> None:
    before = server.client.get(f"/api/result/{finished}").json()
    assert server.client.put(f"/api/scans/{finished}/scale", json=request_).status_code == 422
    assert server.client.get(f"/api/result/{finished}").json() == before


def test_a_failure_speaks_to_a_person_and_is_not_tried_again(server: Server) -> None:
    job_id = server.new_scan()
    (server.control / f"{job_id}.fail").write_text("only_rotation")
    server.process_scan(job_id)
    status = server.until(job_id, "failed")
    assert status["status"] == "failed"
    assert status["error"] == "The camera turns but stays in one place."
    assert status["failure"]["reason"] == "only_rotation"
    assert status["failure"]["advice"].startswith("Take steps")
    assert status["attempts"] == 1
    refused = server.client.get(f"/api/result/{job_id}")
    assert (refused.status_code, refused.json()["code"]) == (409, "not_completed")
    (server.control / f"{job_id}.fail").unlink()
    assert server.process_scan(job_id, quality="high").status_code == 200, "with other options it may work"
    again = server.until(job_id, "completed")
    assert (again["error"], "failure" in again) == (None, False)


def test_an_engine_that_crashes_is_tried_again_and_then_given_up(server: Server) -> None:
    job_id = server.new_scan()
    (server.control / f"{job_id}.crash").touch()
    server.process_scan(job_id)
    status = server.until(job_id, "failed")
    assert status["failure"]["reason"] == "engine_crashed"
    assert status["attempts"] == len(server.attempts(job_id)) == 3
    assert not (server.data / "results" / job_id).exists()
    eventually(lambda: not [name for name in server.names("work") if job_id in name], "nothing else is left")


@pytest.mark.parametrize(
    ("request_", "part"),
    [
        ({"engine": "magic"}, "engine"),
        ({"quality": "perfect"}, "quality"),
        ({"max_frames": 7}, "max_frames"),
        ({"max_frames": 513}, "max_frames"),
        ({"max_frames": "many"}, "max_frames"),
        ({"known_length": "elephant:3"}, "known_length"),
        ({"known_length": "ceiling:-1"}, "known_length"),
        ({"known_length": "points:0,0,0:1,0,0:1"}, "known_length"),
    ],
)
def test_options_out_of_bounds_queue_nothing(server: Server, request_: dict[str, object], part: str) -> None:
    job_id = server.new_scan()
    answer = server.process_scan(job_id, **request_)
    assert answer.status_code == 422
    assert part in answer.json()["detail"]
    assert server.status(job_id)["status"] == "uploaded"


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_beyond_anything_the_call_can_need_is_refused_in_words(server: Server, chunked: bool) -> None:
    body = b"[" * 200_000
    job_id = server.new_scan()
    answer = server.client.post(
        f"/api/process/{job_id}",
        content=iter([body[:100_000], body[100_000:]]) if chunked else body,
        headers={"Content-Type": "application/json"},
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"]


def test_a_deleted_scan_is_gone(server: Server) -> None:
    job_id = server.finished_scan()
    assert server.client.delete(f"/api/job/{job_id}").json() == {"status": "deleted"}
    for method, path in (
        ("GET", f"/api/status/{job_id}"),
        ("GET", f"/api/result/{job_id}"),
        ("GET", f"/api/assets/{job_id}/model.glb"),
        ("POST", f"/api/process/{job_id}"),
        ("DELETE", f"/api/job/{job_id}"),
    ):
        answer = server.client.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
    assert server.client.get("/api/status", params={"ids": job_id}).json() == []
    assert job_id not in server.names("uploads")
    assert job_id not in server.names("results")


def test_deleting_a_running_scan_stops_the_work(server: Server) -> None:
    job_id = server.new_scan()
    server.hold(job_id)
    server.process_scan(job_id)
    child = server.attempt(job_id, 1)["pid"]
    assert server.client.delete(f"/api/job/{job_id}").status_code == 200
    eventually(lambda: is_gone(child), "the work stops")
    eventually(lambda: not [name for name in server.names("work") if job_id in name], "its files go")
    assert job_id not in server.names("uploads")
    assert job_id not in server.names("results")
    assert server.finished_scan(), "the worker goes on with the next"
