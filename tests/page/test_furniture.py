"""Looking for furniture on the page, in the catalogue that comes along."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.page.conftest import Visit
from tests.page.visitor import Visitor
from tests.service.fixtures import NewDatabase
from tests.service.harness import Server, eventually

pytestmark = pytest.mark.browser
SAMPLE = {"GARAZA_FURNITURE__SAMPLE": "true"}


@pytest.fixture(scope="module")
def shop(
    tmp_path_factory: pytest.TempPathFactory, template: Path, clip: bytes, new_database: NewDatabase
) -> Iterator[Server]:
    place = tmp_path_factory.mktemp("shop")
    server = Server(place / "data", place / "control", template, clip, **SAMPLE, **new_database())
    eventually(lambda: server.client.get("/api/furniture/search").status_code == 200, "the sample is served")
    yield server
    assert server.stop() == 0


def look_for(visit: Visit, shop: Server, text: str, **options: Any) -> Visitor:
    visitor = visit(shop, **options)
    visitor.page.get_by_role("link", name="Furniture", exact=True).click()
    visitor.page.get_by_role("combobox", name="What are you looking for?").fill(text)
    visitor.page.get_by_role("button", name="Search").click()
    expect(products(visitor).first).to_be_visible()
    expect(visitor.page.locator(".products[aria-busy]")).to_have_count(0)
    return visitor


def products(visitor: Visitor) -> Locator:
    return visitor.page.get_by_role("region", name="Results").get_by_role("listitem")


def count(visitor: Visitor) -> Locator:
    return visitor.page.locator(".found .between p")


def number(visitor: Visitor) -> int:
    return int(count(visitor).inner_text().split()[0].replace(",", ""))


def test_what_is_found_is_shown_with_pictures_and_more_of_it_on_demand(visit: Visit, shop: Server) -> None:
    visitor = look_for(visit, shop, "sofa")
    expect(products(visitor)).to_have_count(24)
    picture = products(visitor).first.locator("img")
    eventually(lambda: picture.evaluate("image => image.naturalWidth > 0"), "the picture is shown")
    expect(products(visitor).first).to_contain_text("cm")
    visitor.page.get_by_role("button", name="More").click()
    expect(products(visitor)).to_have_count(48)
    expect(products(visitor).nth(24).get_by_role("link")).to_be_focused()


def test_what_was_understood_can_be_taken_back_and_so_can_that(visit: Visit, shop: Server) -> None:
    visitor = look_for(visit, shop, "grey sofa under $900")
    within = number(visitor)
    address = visitor.page.url
    visitor.page.get_by_role("button", name="Don’t mind: up to $900").click()
    expect(count(visitor)).not_to_have_text(f"{within} products")
    assert number(visitor) > within
    assert visitor.page.url != address
    visitor.page.go_back()
    expect(count(visitor)).to_have_text(f"{within} products")
    expect(visitor.page.get_by_role("button", name="Don’t mind: up to $900")).to_be_visible()


def test_a_filter_narrows_and_its_address_can_be_sent_to_somebody(visit: Visit, shop: Server) -> None:
    visitor = look_for(visit, shop, "lamp")
    facet = visitor.page.get_by_role("checkbox", name="100 to 200")
    facet.check()
    expect(visitor.page.locator(".products[aria-busy]")).to_have_count(0)
    expect(visitor.page.locator(".filters > summary")).to_have_text("Filters (1)")
    prices = products(visitor).locator("strong").all_inner_texts()
    assert prices
    assert all(100 <= float(price.removeprefix("$")) < 200 for price in prices)
    expect(facet).to_be_focused()

    other = visit(shop)
    other.page.goto(visitor.page.url)
    expect(other.page.get_by_role("checkbox", name="100 to 200")).to_be_checked()
    expect(products(other).locator("strong")).to_have_text(prices)
    expect(other.page.get_by_role("combobox", name="What are you")).to_have_value("lamp")


def test_from_a_product_to_one_like_it_and_back(visit: Visit, shop: Server) -> None:
    visitor = look_for(visit, shop, "armchair")
    visitor.page.get_by_role("button", name="More").click()
    link = products(visitor).nth(30).get_by_role("link")
    title = link.inner_text()
    link.click()
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text(title)
    like_it = visitor.page.get_by_role("region", name="More like this").get_by_role("link")
    other = like_it.first.inner_text()
    like_it.first.click()
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text(other)
    visitor.page.go_back()
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text(title)
    visitor.page.go_back()
    expect(products(visitor)).to_have_count(48)
    expect(products(visitor).nth(30)).to_be_in_viewport()


def test_suggestions_are_chosen_by_keys(visit: Visit, shop: Server) -> None:
    visitor = visit(shop)
    visitor.page.goto(f"{shop.address}/#/furniture")
    field = visitor.page.get_by_role("combobox", name="What are you")
    field.press_sequentially("arm")
    option = visitor.page.get_by_role("option").first
    expect(option).to_be_visible()
    field.press("ArrowDown")
    expect(option).to_have_attribute("aria-selected", "true")
    field.press("Enter")
    expect(field).to_have_value("Armchairs")
    expect(visitor.page.get_by_role("listbox")).to_be_hidden()
    expect(products(visitor).first).to_be_visible()
    assert "query=Armchairs" in visitor.page.url


def test_while_the_catalogue_is_prepared_the_page_waits(visit: Visit, shop: Server) -> None:
    visitor = visit(shop)
    visitor.expects("status of 503")
    problem = {"status": 503, "code": "catalogue_not_ready", "detail": "The catalogue is being prepared."}
    visitor.page.route("**/api/furniture/search*", lambda route: route.fulfill(status=503, json=problem), times=1)
    visitor.page.goto(f"{shop.address}/#/furniture")
    expect(visitor.page.get_by_role("status")).to_have_text("The catalogue is being prepared.")
    expect(products(visitor)).to_have_count(24)


def test_on_a_phone_filters_are_folded_and_nothing_is_scrolled_sideways(visit: Visit, shop: Server) -> None:
    size = {"width": 390, "height": 844}
    visitor = look_for(visit, shop, "grey sofa under $900 from Croatia", viewport=size, has_touch=True, is_mobile=True)
    assert visitor.overflow() == 0
    expect(visitor.page.get_by_role("checkbox").first).to_be_hidden()
    visitor.page.get_by_text("Filters").tap()
    expect(visitor.page.get_by_role("checkbox").first).to_be_visible()
    assert visitor.overflow() == 0
    products(visitor).first.get_by_role("link").tap()
    expect(visitor.page.get_by_role("region", name="More like this")).to_be_visible()
    assert visitor.overflow() == 0
