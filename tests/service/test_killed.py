"""Whatever is killed, no scan is lost, none is done twice at a time, and nothing is left lying about."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.service.fixtures import StartServer
from tests.service.harness import Server, eventually, is_gone


def half_way(server: Server) -> tuple[str, dict[str, Any]]:
    """A scan that an attempt is held in the middle of, and that attempt."""
    job_id = server.new_scan()
    server.hold(job_id)
    assert server.process_scan(job_id).status_code == 200
    attempt = server.attempt(job_id, 1)
    eventually(lambda: server.status(job_id)["progress"], "progress")
    return job_id, attempt


def nothing_is_left(server: Server, job_id: str) -> bool:
    return not server.names("work") and not server.names("incoming") and len(server.results_of(job_id)) == 1


@pytest.mark.parametrize("victim", ["worker", "pid"])
def test_a_killed_worker_s_scan_runs_again(start_server: StartServer, victim: str) -> None:
    """Kill -9 of the worker, or of the reconstruction below it alone."""
    server = start_server()
    job_id, attempt = half_way(server)
    os.kill(attempt[victim], signal.SIGKILL)
    eventually(lambda: is_gone(attempt["pid"]), "the reconstruction ends with its worker")
    server.let_go(job_id)
    done = server.until(job_id, "completed")
    assert done["attempts"] == len(server.attempts(job_id)) == 2
    assert server.client.get(f"/api/result/{job_id}").status_code == 200
    eventually(lambda: nothing_is_left(server, job_id), "the killed attempt's files go")


def test_a_worker_killed_again_and_again_is_given_up_with_a_reason(start_server: StartServer) -> None:
    server = start_server(GARAZA_JOBS__MAX_ATTEMPTS="2")
    job_id, _ = half_way(server)
    for number in (1, 2):
        os.kill(server.attempt(job_id, number)["worker"], signal.SIGKILL)
    status = server.until(job_id, "failed")
    assert (status["failure"]["reason"], status["attempts"]) == ("crashed", 2)
    assert status["error"]
    server.let_go(job_id)
    assert server.process_scan(job_id).status_code == 200
    server.until(job_id, "completed")


@pytest.mark.parametrize("ending", ["kill", "stop"])
def test_a_restart_of_everything_loses_nothing(start_server: StartServer, ending: str) -> None:
    server = start_server()
    finished = server.finished_scan()
    uploaded = server.new_scan()
    running, attempt = half_way(server)
    waiting = server.new_scan()
    server.process_scan(waiting)
    before = server.client.get(f"/api/result/{finished}").json()
    getattr(server, ending)()
    eventually(lambda: is_gone(attempt["worker"]), "the worker ends with its server")
    eventually(lambda: is_gone(attempt["pid"]), "and the reconstruction with it")
    server.start()
    server.let_go(running)
    for job_id in (running, waiting):
        server.until(job_id, "completed")
    assert server.status(uploaded)["status"] == "uploaded"
    assert server.client.get(f"/api/result/{finished}").json() == before
    assert server.client.get(before["model_asset"]["url"]).status_code == 200
    eventually(lambda: nothing_is_left(server, running), "nothing is left of the first attempt")
    assert server.stop() == 0


def test_a_worker_that_slept_past_its_lease_does_not_overwrite_who_took_over(start_server: StartServer) -> None:
    server = start_server(GARAZA_JOBS__LEASE_SECONDS="3")
    job_id, attempt = half_way(server)
    for pid in (attempt["worker"], attempt["pid"]):
        os.kill(pid, signal.SIGSTOP)
    other = server.spawn("worker")
    try:
        second = server.attempt(job_id, 2)
        assert second["worker"] == other.pid
        server.let_go(job_id)
        done = server.until(job_id, "completed")
        result = server.client.get(f"/api/result/{job_id}").json()
        for pid in (attempt["pid"], attempt["worker"]):
            os.kill(pid, signal.SIGCONT)
        eventually(lambda: is_gone(attempt["pid"]), "the late attempt ends")
        eventually(lambda: nothing_is_left(server, job_id), "without a trace")
        assert server.status(job_id)["attempts"] == done["attempts"] == 2
        assert server.client.get(f"/api/result/{job_id}").json() == result
        assert server.client.get(result["model_asset"]["url"]).status_code == 200
    finally:
        other.terminate()
        other.wait(30)


def test_what_a_killed_server_was_receiving_is_swept(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server()
    server.kill()
    (server.data / "incoming" / "half").write_bytes(b"x")
    (server.data / "uploads" / "nobodys").write_bytes(b"x")
    (server.data / "results" / "nobodys").mkdir()
    (server.data / "results" / "nobodys" / "1").mkdir()
    (server.data / "results" / ".DS_Store").write_bytes(b"x")
    (server.data / "trash" / "old").mkdir()
    server.start()
    for folder in ("incoming", "uploads", "results", "trash", "work"):
        assert server.names(folder) == []


def test_work_that_hangs_is_stopped_and_told_of(start_server: StartServer) -> None:
    server = start_server(GARAZA_JOBS__MAX_SECONDS="3")
    job_id = server.new_scan()
    server.hold(job_id)
    server.process_scan(job_id)
    status = server.until(job_id, "failed")
    assert (status["failure"]["reason"], status["attempts"]) == ("took_too_long", 1)
    # On a slow machine the time is over before the work has begun.
    eventually(lambda: all(is_gone(attempt["pid"]) for attempt in server.attempts(job_id)), "the work is stopped")
    eventually(lambda: server.names("work") == [], "nothing is left")
