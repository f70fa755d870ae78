"""Sending goes on after the server was killed, and after the page was left."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.page.conftest import Visit
from tests.page.visitor import Visitor
from tests.service.fixtures import StartServer
from tests.service.harness import Server, eventually

pytestmark = pytest.mark.browser


@pytest.fixture
def video(tmp_path: Path, clip: bytes) -> Path:
    """A file of some megabytes: one that is made in the page would be another one after a reload."""
    path = tmp_path / "attic.mp4"
    filling = random.Random(3).randbytes(8_000_000)
    path.write_bytes(clip + (8 + len(filling)).to_bytes(4, "big") + b"free" + filling)
    return path


def slow(visitor: Visitor, bytes_per_second: int) -> None:
    """How fast they send from now on; -1: as fast as can be."""
    session = visitor.context.new_cdp_session(visitor.page)
    session.send("Network.enable")
    speed = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_second}
    session.send("Network.emulateNetworkConditions", speed)


def arrived(server: Server) -> int:
    return sum(path.stat().st_size for path in (server.data / "partial").iterdir())


def choose(visitor: Visitor, video: Path) -> None:
    visitor.page.get_by_label("Choose a video").set_input_files(video)


def the_scan(server: Server) -> bytes:
    [path] = (server.data / "uploads").iterdir()
    return path.read_bytes()


def test_it_goes_on_by_itself_when_the_server_was_killed(visit: Visit, start_server: StartServer, video: Path) -> None:
    server = start_server()
    visitor = visit(server)
    visitor.expects_an_outage()
    slow(visitor, 1_500_000)
    choose(visitor, video)
    eventually(lambda: arrived(server) >= 1 << 20, "something has arrived")
    server.kill()
    expect(visitor.page.locator(".sent")).to_contain_text("Trying again")
    before = arrived(server)
    server.start(server.port)
    # What was here before is not sent again.
    begun = visitor.page.wait_for_event("request", lambda request: request.method == "PATCH")
    assert int(begun.headers["upload-offset"]) >= before
    slow(visitor, -1)
    visitor.expect_model()
    assert the_scan(server) == video.read_bytes()
    assert server.names("partial") == []


def interrupted(visit: Visit, start_server: StartServer, video: Path) -> tuple[Server, Visitor]:
    """Somebody who reloaded the page when a part of the video had arrived."""
    server = start_server()
    visitor = visit(server)
    visitor.answer_questions(yes=True)
    slow(visitor, 1_500_000)
    choose(visitor, video)
    eventually(lambda: arrived(server) >= 1 << 20, "something has arrived")
    visitor.page.reload()
    return server, visitor


def test_the_same_file_chosen_after_a_reload_goes_on_where_it_stopped(
    visit: Visit, start_server: StartServer, video: Path
) -> None:
    server, visitor = interrupted(visit, start_server, video)
    expect(visitor.page.get_by_text("“attic.mp4” was not sent to its end. Choose it again")).to_be_visible()
    slow(visitor, -1)
    with visitor.page.expect_request(lambda request: request.method == "PATCH") as sent:
        choose(visitor, video)
    assert int(sent.value.headers["upload-offset"]) >= 1 << 20
    visitor.expect_model()
    assert the_scan(server) == video.read_bytes()
    visitor.go_to_the_start()
    visitor.page.reload()
    expect(visitor.page.get_by_text("was not sent to its end")).to_have_count(0)


def test_it_is_told_where_it_goes_on_and_given_up_for_good(
    visit: Visit, start_server: StartServer, video: Path
) -> None:
    server, visitor = interrupted(visit, start_server, video)
    slow(visitor, 100_000)
    choose(visitor, video)
    expect(visitor.page.get_by_text("MB had arrived before: it goes on from there.")).to_be_visible()
    visitor.page.get_by_role("button", name="Cancel").click()
    expect(visitor.page.get_by_text("Cancelled.")).to_be_visible()
    eventually(lambda: server.names("partial") == [], "nothing is kept of it")
    visitor.page.reload()
    expect(visitor.page.get_by_text("was not sent to its end")).to_have_count(0)
