"""A service that keeps its files in a bucket: the main job from end to end, and the bucket taken away in its midst."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import obstore
import pytest

from garaza.kit.ids import new_id
from tests.servers.postgres import Postgres
from tests.servers.seaweed import SECRET_KEY, Seaweed
from tests.service.fixtures import StartServer
from tests.service.harness import PATIENCE_SECONDS, Server, eventually

PATIENT_FOR_TESTS = {"GARAZA_STORAGE__TIMEOUT_SECONDS": "1", "GARAZA_STORAGE__PART_SECONDS": "2"}


def sign_in(server: Server) -> None:
    account = {"email": "anna@example.com", "username": "anna", "password": "a long enough password"}
    answer = server.client.post("/api/auth/register", json=account)
    assert answer.status_code == 200, answer.text
    server.client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


def nothing_lies_here(server: Server) -> bool:
    return not any(server.names(folder) for folder in ("uploads", "results", "incoming", "work"))


def test_a_scan_from_upload_to_an_empty_bucket(start_server: StartServer, seaweed: Seaweed, clip: bytes) -> None:
    bucket = seaweed.new_bucket()
    server = start_server(**seaweed.settings(bucket))
    sign_in(server)
    # Padding makes it large enough for an upload in parts.
    video = clip + bytes(9 << 20)
    uploaded = server.upload(video)
    assert uploaded.status_code == 200, uploaded.text
    job_id = uploaded.json()["job_id"]
    assert seaweed.objects(bucket) == [f"rooms/uploads/{job_id}"]
    assert nothing_lies_here(server)
    got = server.client.get(f"/api/jobs/{job_id}/video")
    assert (got.status_code, got.content) == (200, video)

    assert server.process_scan(job_id).status_code == 200
    server.until(job_id, "completed")
    eventually(lambda: nothing_lies_here(server), "all is in the bucket")
    result = server.client.get(f"/api/result/{job_id}").json()
    kept = {key.removeprefix(f"rooms/results/{job_id}/1/") for key in seaweed.objects(bucket)[:-1]}
    assert {file["path"] for file in result["files"]} <= kept
    for file in result["files"]:
        got = server.client.get(file["url"], headers={"Accept-Encoding": "identity"})
        assert (got.status_code, len(got.content)) == (200, file["size_bytes"])
    with_depth = server.client.get(f"/api/result/{job_id}?include=frames").json()
    assert all(frame["depth_map_b64"] for frame in with_depth["frames"])
    check_conditions(server, result)

    room = server.client.post("/api/rooms", json={"job_id": job_id, "name": "Kitchen"}).json()
    wanted = {"metres_per_unit": 2.0}
    assert server.client.put(f"/api/scans/{job_id}/scale", json=wanted).status_code == 200
    rescaled = server.client.get(f"/api/result/{job_id}").json()
    assert rescaled["scale"]["metres_per_unit"] == 2.0
    of_room = room["assets"]["model_asset"]["url"]
    old, new = server.client.get(of_room), server.client.get(rescaled["model_asset"]["url"])
    assert (old.status_code, new.status_code) == (200, 200)
    assert old.content != new.content, "the room keeps the scale that it was saved with"

    assert server.client.delete(f"/api/job/{job_id}").status_code == 200
    assert server.client.get(of_room).status_code == 200
    left = seaweed.objects(bucket)
    assert left
    assert all(key.startswith(f"rooms/results/{job_id}/1/") for key in left)
    assert server.client.delete(f"/api/rooms/{room['id']}").status_code == 204
    assert seaweed.objects(bucket) == []
    assert nothing_lies_here(server)


def check_conditions(server: Server, result: dict[str, Any]) -> None:
    url = result["model_asset"]["url"]
    whole = server.client.get(url, headers={"Accept-Encoding": "identity"})
    etag = whole.headers["etag"]
    assert server.client.get(url, headers={"If-None-Match": etag}).status_code == 304
    part = server.client.get(url, headers={"Range": "bytes=100-199", "If-Range": etag})
    assert (part.status_code, part.content) == (206, whole.content[100:200])
    beyond = server.client.get(url, headers={"Range": "bytes=99999999-"})
    assert (beyond.status_code, beyond.json()["code"]) == (416, "range_not_satisfiable")
    head = server.client.head(url, headers={"Accept-Encoding": "identity"})
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(whole.content)))
    with server.client.stream("GET", url, headers={"Accept-Encoding": "zstd"}) as answer:
        packed = b"".join(answer.iter_raw())
    # What is kept compressed is what is sent.
    assert answer.headers["content-encoding"] == "zstd"
    assert len(packed) < len(whole.content)
    assert int(answer.headers["content-length"]) == len(packed)


def test_what_a_killed_worker_has_put_up_is_nobodys(start_server: StartServer, seaweed: Seaweed) -> None:
    bucket = seaweed.new_bucket()
    server = start_server(**seaweed.settings(bucket))
    job_id = server.new_scan()
    server.hold(job_id)
    server.process_scan(job_id)
    attempt = server.attempt(job_id, 1)
    # As far as it gets that is killed while its files go up, or before its row says that they are there.
    obstore.put(seaweed.store(bucket), f"rooms/results/{job_id}/1/model.glb", b"half of it")
    os.kill(attempt["worker"], signal.SIGKILL)
    server.let_go(job_id)
    assert server.until(job_id, "completed")["attempts"] == 2
    versions = {key.split("/")[3] for key in seaweed.objects(bucket) if key.startswith("rooms/results/")}
    assert versions == {"2"}
    eventually(lambda: nothing_lies_here(server), "the killed attempt's files go here too")


def test_a_worker_needs_no_folder_of_the_service(
    start_server: StartServer, seaweed: Seaweed, postgres: Postgres, tmp_path: Path
) -> None:
    there = {"GARAZA_DATABASE__URL": postgres.new_database(), "GARAZA_JOBS__EMBEDDED_WORKER": "false"}
    server = start_server(**there, **seaweed.settings(seaweed.new_bucket()))
    job_id = server.new_scan()
    server.process_scan(job_id)
    elsewhere = tmp_path / "elsewhere"
    # Of an attempt that was killed with its machine, at a job that is long done.
    left = elsewhere / "work" / f"{new_id()}.1"
    left.mkdir(parents=True)
    worker = server.spawn("worker", "--data-dir", str(elsewhere))
    try:
        server.until(job_id, "completed")
        result = server.client.get(f"/api/result/{job_id}").json()
        assert server.client.get(result["model_asset"]["url"]).status_code == 200
        folders = [elsewhere / name for name in ("uploads", "results", "incoming", "work")]
        eventually(lambda: not any(path for folder in folders for path in folder.iterdir()), "nothing is left there")
    finally:
        worker.terminate()
        assert worker.wait(PATIENCE_SECONDS) == 0


@pytest.fixture
def own_seaweed(seaweed: Seaweed, tmp_path: Path) -> Iterator[Seaweed]:
    """To be taken away. The shared one knows whether this platform has any."""
    with Seaweed(tmp_path / "seaweed.log") as own:
        yield own


def assert_away(answer: httpx2.Response) -> None:
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable"), answer.text
    assert int(answer.headers["retry-after"]) > 0
    assert SECRET_KEY not in answer.text


@pytest.mark.parametrize("taking", ["kill", "pause"])
def test_a_bucket_that_goes_away_and_comes_back(start_server: StartServer, own_seaweed: Seaweed, taking: str) -> None:
    bucket = own_seaweed.new_bucket()
    server = start_server(**own_seaweed.settings(bucket), **PATIENT_FOR_TESTS)
    sign_in(server)
    finished, running = server.finished_scan(), server.new_scan()
    model = server.client.get(f"/api/result/{finished}").json()["model_asset"]["url"]
    assert server.client.get(model).status_code == 200
    server.hold(running)
    server.process_scan(running)
    server.attempt(running, 1)

    getattr(own_seaweed, taking)()
    assert_away(server.upload())
    assert_away(server.upload())
    assert_away(server.client.get(model))
    assert_away(server.client.get(f"/api/result/{finished}"))
    assert_away(server.client.post("/api/rooms", json={"job_id": finished, "name": "Kitchen"}))
    assert_away(server.client.put(f"/api/scans/{finished}/scale", json={"metres_per_unit": 2.0}))
    ready = server.client.get("/ready")
    assert ready.status_code == 503
    assert ready.json()["checks"]["storage"] != "ok"
    assert ready.json()["checks"]["database"] == "ok"
    # What needs no file goes on, and a deletion is one.
    assert server.client.get("/api/jobs").json()["total"] == 2
    assert server.client.delete(f"/api/job/{finished}").status_code == 200
    assert server.client.get(model).status_code == 404
    server.let_go(running)
    log = server.control / "log"
    eventually(lambda: "waits for the storage" in log.read_text(), "the result waits")
    assert server.status(running)["phase"] == "running"

    (own_seaweed.resume if taking == "pause" else own_seaweed.restart)()
    done = server.until(running, "completed")
    assert done["attempts"] == 1, "what had been worked out was not lost"
    result = server.client.get(f"/api/result/{running}").json()
    assert server.client.get(result["model_asset"]["url"]).status_code == 200
    assert server.upload().status_code == 200
    assert server.names("incoming") == []
    assert SECRET_KEY not in log.read_text()
    assert server.stop() == 0
