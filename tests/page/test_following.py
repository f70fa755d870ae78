"""A scan in the making, through reloads, outages and failures."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.page.conftest import Visit
from tests.service.fixtures import StartServer
from tests.service.harness import Server, eventually, is_gone

pytestmark = pytest.mark.browser


def test_the_page_outlives_the_server(visit: Visit, start_server: StartServer, clip: bytes) -> None:
    server = start_server()
    visitor = visit(server)
    visitor.before_processing("hold")
    visitor.choose(clip)
    visitor.expect_progress()
    job_id = visitor.job_id
    server.attempt(job_id, 1)

    visitor.expects_an_outage()
    server.stop()
    expect(visitor.page.get_by_text("The connection is lost.")).to_be_visible()
    server.start(port=server.port)
    expect(visitor.page.get_by_text("The connection is lost.")).to_be_hidden()
    server.attempt(job_id, 2)
    server.let_go(job_id)
    visitor.expect_model()


def test_following_goes_on_after_a_reload(visit: Visit, server: Server, clip: bytes) -> None:
    visitor = visit()
    visitor.before_processing("hold")
    visitor.choose(clip)
    visitor.expect_progress()
    visitor.page.reload()
    visitor.expect_progress()
    server.let_go(visitor.job_id)
    visitor.expect_model()


def test_a_network_that_swallows_websockets_only_makes_it_slower(visit: Visit, server: Server, clip: bytes) -> None:
    visitor = visit()
    visitor.page.route_web_socket("**/ws/*", lambda socket: socket.close())
    visitor.before_processing("hold")
    visitor.choose(clip)
    visitor.expect_progress()
    server.let_go(visitor.job_id)
    visitor.expect_model()


def test_a_failure_says_what_happened_and_what_to_do(visit: Visit, server: Server, clip: bytes) -> None:
    visitor = visit()
    page = visitor.page
    visitor.before_processing("fail", "only_rotation")
    visitor.choose(clip)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("The camera turns but stays in one place.")
    expect(alert).to_contain_text("Take steps to the side while filming")
    job_id = visitor.job_id

    visitor.go_to_the_start()
    expect(visitor.scans).to_contain_text("The camera turns but stays in one place.")
    visitor.scans.get_by_role("link", name="room.mp4").click()
    page.unroute("**/api/process/*")
    (server.control / f"{job_id}.fail").unlink()
    page.get_by_text("High").click()
    page.get_by_role("button", name="Try again").click()
    visitor.expect_model()
    assert server.attempts(job_id)[-1]["options"] == ["high", 120]


def test_the_list_follows_what_is_being_made(visit: Visit, server: Server, clip: bytes) -> None:
    visitor = visit()
    visitor.before_processing("hold")
    visitor.choose(clip)
    visitor.expect_progress()
    job_id = visitor.job_id
    visitor.go_to_the_start()
    expect(visitor.scans).to_contain_text("Half of it")
    server.let_go(job_id)
    expect(visitor.scans).to_contain_text("Ready")
    expect(visitor.scans.get_by_role("presentation")).to_be_visible()


def test_stopping_asks_first_and_then_stops_the_work(visit: Visit, server: Server, clip: bytes) -> None:
    visitor = visit()
    visitor.before_processing("hold")
    visitor.choose(clip)
    visitor.expect_progress()
    job_id = visitor.job_id
    child = server.attempt(job_id, 1)["pid"]

    visitor.answer_questions(yes=False)
    visitor.page.get_by_role("button", name="Stop and delete").click()
    visitor.expect_progress()
    assert len(visitor.questions) == 1
    assert "room.mp4" in visitor.questions[0]
    visitor.answer_questions(yes=True)
    visitor.page.get_by_role("button", name="Stop and delete").click()
    expect(visitor.page.get_by_role("heading", name="How to film")).to_be_visible()
    expect(visitor.scans).to_have_count(0)
    assert server.client.get(f"/api/status/{job_id}").status_code == 404
    eventually(lambda: is_gone(child), "the work ends")
