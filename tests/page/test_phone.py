"""On a phone: fingers, and a narrow screen."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.page.conftest import Visit
from tests.page.visitor import Visitor
from tests.service.harness import Server

pytestmark = pytest.mark.browser
TOUCH = {"has_touch": True, "is_mobile": True, "device_scale_factor": 2}


@pytest.fixture(params=[(390, 844), (320, 568)], ids=lambda size: f"{size[0]}x{size[1]}")
def visitor(visit: Visit, request: pytest.FixtureRequest) -> Visitor:
    width, height = request.param
    return visit(viewport={"width": width, "height": height}, **TOUCH)


def test_nothing_has_to_be_scrolled_sideways(visitor: Visitor, server: Server, clip: bytes) -> None:
    page = visitor.page
    expect(page.get_by_text("Film one now")).to_be_visible()
    expect(page.get_by_text("or drop it here")).to_be_hidden()
    assert visitor.overflow() == 0
    visitor.expects("status of 422")
    visitor.choose(b"text", "notes.txt")
    expect(page.get_by_role("alert")).to_be_visible()
    assert visitor.overflow() == 0

    visitor.before_processing("hold")
    # As some cameras name their files.
    visitor.choose(clip, "VID_20260401_180153_0123456789_0123456789_0123456789.mp4")
    visitor.expect_progress()
    assert visitor.overflow() == 0
    server.let_go(visitor.job_id)
    visitor.expect_model()
    assert visitor.overflow() == 0
    visitor.go_to_the_start()
    expect(visitor.scans).to_contain_text("Ready")
    assert visitor.overflow() == 0

    page.unroute("**/api/process/*")
    visitor.before_processing("fail", "too_little_overlap")
    visitor.choose(clip)
    expect(page.get_by_role("alert")).to_be_visible()
    assert visitor.overflow() == 0


def test_the_model_and_its_tools_fit_and_fingers_measure(visitor: Visitor, server: Server) -> None:
    page = visitor.page
    visitor.open(server.finished_scan())
    visitor.expect_model()
    assert visitor.share_of_model() > 0.1
    stage = page.locator(".stage").bounding_box()
    assert stage is not None
    for button in page.get_by_role("group", name="View").get_by_role("button").all():
        box = button.bounding_box()
        assert box is not None
        assert box["x"] >= stage["x"]
        assert box["x"] + box["width"] <= stage["x"] + stage["width"]
        assert box["height"] >= 44, "as large as a fingertip"

    page.get_by_role("button", name="Measure").tap()
    for across, down in ((0.4, 0.45), (0.6, 0.55)):
        visitor.canvas.tap(position={"x": stage["width"] * across, "y": stage["height"] * down})
    expect(page.get_by_label("Its true length")).to_be_visible()
    assert visitor.overflow() == 0
