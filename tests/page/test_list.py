"""What a browser remembers of its scans."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.page.conftest import Visit
from tests.service.harness import Server

pytestmark = pytest.mark.browser


def test_a_scan_is_found_again_after_a_reload(visit: Visit, clip: bytes) -> None:
    visitor = visit()
    visitor.choose(clip, "Attic.mp4")
    visitor.expect_model()
    visitor.go_to_the_start()
    visitor.page.reload()
    expect(visitor.scans).to_have_count(1)
    expect(visitor.scans).to_contain_text("Ready · kept until")
    thumbnail = visitor.scans.locator("img")
    thumbnail.scroll_into_view_if_needed()
    expect(thumbnail).to_have_js_property("complete", True)
    assert thumbnail.evaluate("image => image.naturalWidth") > 0
    visitor.scans.get_by_role("link", name="Attic.mp4").click()
    visitor.expect_model()
    visitor.page.go_back()
    expect(visitor.scans).to_have_count(1)


def test_deleting_asks_first_and_leaves_the_others(visit: Visit, server: Server) -> None:
    kept, unwanted = server.finished_scan(), server.finished_scan()
    visitor = visit()
    for job_id in (kept, unwanted):
        visitor.open(job_id)
        visitor.expect_model()
    visitor.go_to_the_start()
    expect(visitor.scans).to_have_count(2)
    delete = visitor.scans.first.get_by_role("button", name="Delete room.mp4")
    visitor.answer_questions(yes=False)
    delete.click()
    assert len(visitor.questions) == 1
    assert server.status(unwanted)["status"] == "completed"
    visitor.answer_questions(yes=True)
    delete.click()
    expect(visitor.scans).to_have_count(1)
    expect(visitor.scans.get_by_role("button")).to_be_focused()
    assert server.client.get(f"/api/status/{unwanted}").status_code == 404
    assert server.status(kept)["status"] == "completed"
    visitor.page.reload()
    expect(visitor.scans).to_have_count(1)


def test_a_scan_is_deleted_from_its_own_view(visit: Visit, server: Server) -> None:
    job_id = server.finished_scan()
    visitor = visit()
    visitor.open(job_id)
    visitor.expect_model()
    visitor.answer_questions(yes=True)
    visitor.page.get_by_role("button", name="Delete").click()
    expect(visitor.page.get_by_role("heading", name="How to film")).to_be_visible()
    expect(visitor.scans).to_have_count(0)
    assert server.client.get(f"/api/status/{job_id}").status_code == 404


def test_what_expired_says_so_and_goes_without_a_question(visit: Visit, server: Server) -> None:
    job_id = server.finished_scan()
    visitor = visit()
    visitor.open(job_id)
    visitor.expect_model()
    assert server.client.delete(f"/api/job/{job_id}").status_code == 200
    visitor.go_to_the_start()
    expect(visitor.scans).to_contain_text("Expired or deleted")
    visitor.scans.get_by_role("button", name="Delete room.mp4").click()
    expect(visitor.scans).to_have_count(0)
    assert visitor.questions == []


def test_a_name_is_text_whatever_is_in_it(visit: Visit, clip: bytes) -> None:
    visitor = visit()
    name = "<img src=x onerror=alert(1)>.mp4"
    visitor.choose(clip, name)
    visitor.expect_model()
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text(name)
    visitor.go_to_the_start()
    expect(visitor.scans.get_by_role("link")).to_have_text(name)
