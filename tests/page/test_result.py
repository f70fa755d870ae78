"""A finished scan: looking, measuring, taking it away."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.page.conftest import Visit
from tests.service.harness import Server

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def finished(server: Server) -> str:
    """Looked at only."""
    return server.finished_scan()


def test_the_model_is_turned_and_brought_back(visit: Visit, finished: str) -> None:
    visitor = visit(reduced_motion="reduce")
    visitor.open(finished)
    visitor.expect_model()
    assert visitor.share_of_model() > 0.1
    first = visitor.picture()

    box = visitor.canvas.bounding_box()
    assert box is not None
    mouse = visitor.page.mouse
    mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    mouse.down()
    mouse.move(box["x"] + box["width"] * 0.8, box["y"] + box["height"] / 2, steps=5)
    mouse.up()
    mouse.move(0, 0)
    assert not np.array_equal(visitor.picture(), first)
    visitor.page.get_by_role("button", name="Outside").click()
    visitor.page.get_by_role("button", name="Outside").blur()
    mouse.move(0, 0)
    assert np.array_equal(visitor.picture()[: first.shape[0] // 2], first[: first.shape[0] // 2])


def test_one_can_go_inside_and_walk(visit: Visit, finished: str) -> None:
    visitor = visit(reduced_motion="reduce")
    visitor.open(finished)
    visitor.expect_model()
    visitor.page.get_by_role("button", name="Inside").click()
    for name, pressed in (("Inside", "true"), ("Outside", "false")):
        expect(visitor.page.get_by_role("button", name=name)).to_have_attribute("aria-pressed", pressed)
    expect(visitor.page.get_by_text("tap where you want to go")).to_be_visible()
    visitor.tap(0.5, 0.6)
    visitor.page.get_by_role("button", name="Path").click()
    expect(visitor.page.get_by_role("button", name="Path")).to_have_attribute("aria-pressed", "true")


def test_one_known_length_makes_the_scan_metric(visit: Visit, server: Server) -> None:
    job_id = server.finished_scan()
    visitor = visit()
    page = visitor.page
    visitor.open(job_id)
    visitor.expect_model()
    expect(page.get_by_role("region", name="Size")).to_contain_text("Estimated")

    page.get_by_role("button", name="Measure").click()
    expect(page.get_by_text("Tap the two ends")).to_be_visible()
    visitor.tap(0.4, 0.45)
    expect(page.get_by_text("Now the other end.")).to_be_visible()
    visitor.tap(0.6, 0.55)
    measured = float(page.locator(".panel strong").inner_text().removesuffix(" m"))
    assert page.locator(".stage .length").inner_text() == f"{measured:.2f} m"
    page.get_by_label("Its true length").fill("2.5")
    page.get_by_role("button", name="Correct the model").click()

    expect(page.get_by_role("region", name="Size")).to_contain_text("Metric")
    visitor.expect_model()
    scale = server.client.get(f"/api/result/{job_id}").json()["scale"]
    assert scale["metric"] is True
    assert scale["metres_per_unit"] == pytest.approx(2.5 / measured, rel=0.01 / measured)
    page.get_by_role("button", name="Measure").click()
    visitor.tap(0.4, 0.45)
    visitor.tap(0.6, 0.55)
    expect(page.locator(".panel strong")).to_have_text("2.50 m")


def test_a_length_that_cannot_be_is_refused_and_can_be_corrected(visit: Visit, server: Server, finished: str) -> None:
    visitor = visit()
    page = visitor.page
    visitor.open(finished)
    visitor.expect_model()
    page.get_by_role("button", name="Measure").click()
    visitor.tap(0.4, 0.45)
    visitor.tap(0.6, 0.55)
    page.get_by_label("Its true length").fill("0")
    page.get_by_role("button", name="Correct the model").click()
    assert page.get_by_label("Its true length").evaluate("input => input.validity.rangeUnderflow")
    assert server.client.get(f"/api/result/{finished}").json()["scale"]["metric"] is False


def test_everything_can_be_taken_away(visit: Visit, finished: str) -> None:
    visitor = visit(accept_downloads=True)
    visitor.open(finished)
    visitor.expect_model()
    links = visitor.page.get_by_role("region", name="Take it with you").get_by_role("link")
    starts = {"3D model": ("room.glb", b"glTF"), "Points": ("room.ply", b"ply"), "Cameras": ("room.json", b"{")}
    for name, (filename, start) in starts.items():
        with visitor.page.expect_download() as download:
            links.filter(has_text=name).click()
        assert download.value.suggested_filename == filename
        assert Path(download.value.path()).read_bytes().startswith(start)
    with visitor.context.expect_page() as opened:
        links.filter(has_text="Report").click()
    expect(opened.value.get_by_role("img").first).to_be_visible()
    expect(opened.value.get_by_role("heading").first).to_be_visible()


def test_a_scan_that_is_not_there_says_so(visit: Visit) -> None:
    visitor = visit()
    visitor.expects("status of 404")
    visitor.open("0" * 22)
    expect(visitor.page.get_by_role("alert")).to_contain_text("There is no such scan.")
    visitor.page.get_by_role("button", name="To the start").click()
    expect(visitor.page.get_by_role("heading", name="How to film")).to_be_visible()
    expect(visitor.scans).to_have_count(0)


def test_without_webgl_the_files_are_still_there(visit: Visit, finished: str) -> None:
    visitor = visit()
    visitor.expects("WebGL")
    visitor.page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    visitor.page.goto("about:blank")
    visitor.open(finished)
    expect(visitor.page.get_by_text("can’t be shown here")).to_be_visible()
    expect(visitor.page.get_by_role("link", name="3D model")).to_be_visible()
