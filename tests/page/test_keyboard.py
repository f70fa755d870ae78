"""Without a mouse, and with less motion."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.page.conftest import Visit
from tests.service.harness import Server

pytestmark = pytest.mark.browser


def test_the_start_is_walked_through_in_order_and_one_sees_where_one_is(visit: Visit) -> None:
    visitor = visit()
    places = []
    for _ in range(7):
        visitor.page.keyboard.press("Tab")
        places.append(visitor.focused())
    assert places == [
        "Skip to content",
        "Garaza, to the start",
        "Furniture",
        "Choose a video",
        "StandardA few minutes",
        "Find furniture that fits",
        "API",
    ]


def test_what_a_mouse_does_keys_do(visit: Visit, server: Server, clip: bytes) -> None:
    visitor = visit()
    page = visitor.page
    # Listened for from the beginning: the browser is told of that while it does what comes next.
    with page.expect_file_chooser() as chooser:
        page.get_by_label("Choose a video").focus()
        page.keyboard.press("Tab")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Space")
    chooser.value.set_files({"name": "room.mp4", "mimeType": "video/mp4", "buffer": clip})
    visitor.expect_model()
    assert server.attempt(visitor.job_id, 1)["options"] == ["high", 120]
    assert visitor.focused() == "main (not visibly)", "one reads on from the beginning of what is new"


def test_the_skip_link_leads_past_the_header(visit: Visit) -> None:
    visitor = visit()
    visitor.page.keyboard.press("Tab")
    visitor.page.keyboard.press("Enter")
    assert visitor.focused().startswith("main")
    visitor.page.keyboard.press("Tab")
    assert visitor.focused() == "Choose a video"


def test_a_room_is_turned_and_measured_by_keys(visit: Visit, server: Server) -> None:
    visitor = visit()
    page = visitor.page
    visitor.open(server.finished_scan())
    visitor.expect_model()
    page.get_by_role("button", name="Measure").focus()
    page.keyboard.press("Enter")
    visitor.canvas.focus()
    expect(page.locator(".aim")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Now the other end.")).to_be_visible()
    before = visitor.picture()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert not np.array_equal(visitor.picture(), before)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Its true length")).to_be_visible()


def test_every_control_has_a_name(visit: Visit, server: Server) -> None:
    visitor = visit()
    nameless = """() => [...document.querySelectorAll("button, a, input, canvas, progress, img")].filter((element) =>
        !(element.getAttribute("aria-label") || element.labels?.[0]?.textContent || element.textContent.trim() ||
          element.hasAttribute("alt"))).map((element) => element.outerHTML)"""
    assert visitor.page.evaluate(nameless) == []
    visitor.open(server.finished_scan())
    visitor.expect_model()
    assert visitor.page.evaluate(nameless) == []
    visitor.go_to_the_start()
    expect(visitor.scans).to_have_count(1)
    assert visitor.page.evaluate(nameless) == []


@pytest.mark.parametrize(("wish", "animation"), [("no-preference", "breathe"), ("reduce", "none")])
def test_nothing_moves_for_those_who_asked_for_that(
    visit: Visit, server: Server, clip: bytes, wish: str, animation: str
) -> None:
    visitor = visit(reduced_motion=wish)
    visitor.before_processing("hold")
    visitor.choose(clip)
    visitor.expect_progress()
    job_id = visitor.job_id
    visitor.go_to_the_start()
    expect(visitor.scans.locator(".processing")).to_have_css("animation-name", animation)
    server.let_go(job_id)
