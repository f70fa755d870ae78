"""From a file to a model: choosing, sending, following, and what can go wrong before there is a scan."""

from __future__ import annotations

import base64

import pytest
from playwright.sync_api import expect

from tests.page.conftest import Visit
from tests.service.harness import Server

pytestmark = pytest.mark.browser

UPLOADS = "**/api/uploads**"


def test_a_video_is_sent_and_followed_until_the_room_is_there(visit: Visit, server: Server, clip: bytes) -> None:
    visitor = visit()
    page = visitor.page
    page.evaluate("window.sameDocument = true")
    visitor.before_processing("hold")
    visitor.choose(clip, "Küche 1.mp4")
    expect(page.get_by_role("heading", level=1, name="Küche 1.mp4")).to_be_visible()
    visitor.expect_progress()
    assert page.title() == "Küche 1.mp4 · Garaza"
    expect(page.locator(".stages [aria-current=step]")).to_have_text("Choosing pictures")
    shown = int(page.locator(".percent").inner_text().split()[0])
    assert 0 < shown < 100
    assert float(page.get_by_role("progressbar").evaluate("bar => bar.value")) == pytest.approx(shown, abs=0.5)
    assert server.attempt(visitor.job_id, 1)["options"] == ["standard", 60]

    server.let_go(visitor.job_id)
    visitor.expect_model()
    assert visitor.share_of_model() > 0.1
    assert page.evaluate("window.sameDocument"), "nothing was reloaded"


def test_the_quality_chosen_is_the_one_asked_for(visit: Visit, server: Server, clip: bytes) -> None:
    visitor = visit()
    visitor.page.get_by_text("Draft").click()
    visitor.choose(clip)
    visitor.expect_model()
    assert server.attempt(visitor.job_id, 1)["options"] == ["draft", 36]


def test_a_video_can_be_dropped(visit: Visit, clip: bytes) -> None:
    visitor = visit()
    make = """text => {
        const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
        const data = new DataTransfer();
        data.items.add(new File([bytes], "dropped.mp4", { type: "video/mp4" }));
        return data;
    }"""
    data = visitor.page.evaluate_handle(make, base64.b64encode(clip).decode("ascii"))
    visitor.page.locator(".drop").dispatch_event("drop", {"dataTransfer": data})
    expect(visitor.page.get_by_role("heading", level=1, name="dropped.mp4")).to_be_visible()
    visitor.expect_model()


def test_what_is_no_video_is_refused_with_advice_and_another_can_be_chosen(visit: Visit, clip: bytes) -> None:
    visitor = visit()
    visitor.expects("status of 422")
    visitor.choose(b"Dear diary, " * 200, "diary.txt")
    alert = visitor.page.get_by_role("alert")
    expect(alert).to_contain_text("This file is not a video that can be read.")
    expect(alert).to_contain_text("Send the video as the phone recorded it")
    expect(visitor.scans).to_have_count(0)
    visitor.choose(clip)
    visitor.expect_model()


def test_what_is_too_large_is_refused_with_the_limit(visit: Visit) -> None:
    visitor = visit()
    visitor.expects("status of 413")
    visitor.choose(b"\0" * 600_000, "long.mp4")
    expect(visitor.page.get_by_role("alert")).to_contain_text("at most")


def test_sending_can_be_cancelled_and_begun_again(visit: Visit, clip: bytes) -> None:
    visitor = visit()
    # Never answered, so that there is time to think again.
    visitor.page.route(UPLOADS, lambda route: None)
    visitor.choose(clip)
    expect(visitor.page.get_by_text("room.mp4")).to_be_visible()
    expect(visitor.page.get_by_role("button", name="Cancel")).to_be_focused()
    visitor.page.get_by_role("button", name="Cancel").click()
    expect(visitor.page.get_by_text("Cancelled.")).to_be_visible()
    expect(visitor.page.get_by_label("Choose a video")).to_be_focused()
    visitor.page.unroute(UPLOADS)
    visitor.choose(clip)
    visitor.expect_model()


def test_sending_that_breaks_off_goes_on_by_itself(visit: Visit, clip: bytes) -> None:
    visitor = visit()
    visitor.expects("ERR_CONNECTION_RESET")
    visitor.page.route(UPLOADS, lambda route: route.abort("connectionreset"))
    visitor.choose(clip)
    expect(visitor.page.locator(".sent")).to_contain_text("Trying again")
    visitor.page.unroute(UPLOADS)
    visitor.expect_model()


def test_while_something_is_sent_leaving_is_asked_about(visit: Visit, clip: bytes) -> None:
    visitor = visit()
    visitor.answer_questions(yes=False)
    visitor.page.route(UPLOADS, lambda route: None)
    # Browsers ask only those who have touched the page.
    visitor.page.get_by_text("Standard").click()
    visitor.choose(clip)
    expect(visitor.page.get_by_role("button", name="Cancel")).to_be_visible()
    with visitor.page.expect_event("dialog"):
        visitor.page.close(run_before_unload=True)
    expect(visitor.page.get_by_role("button", name="Cancel")).to_be_visible()
    assert len(visitor.questions) == 1
