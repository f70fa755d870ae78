"""Each product of the sample has a picture: small, of its kind and colour, and nothing but a picture."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from garaza.furniture.drawings import Look, draw
from garaza.furniture.drawings.guessing import look_of
from garaza.furniture.products import Product
from garaza.furniture.sample import picture, products
from garaza.furniture.sample.catalogue import _looks
from tools.sample_catalogue.generate import catalogue
from tools.sample_catalogue.kinds import KINDS

SAMPLE = list(products())
SVG = "{http://www.w3.org/2000/svg}"
SOFA = Look(kind="sofa", hue="#35543f", width_cm=210, depth_cm=90, height_cm=84, sort="fabric")


@pytest.fixture(scope="module")
def drawn() -> dict[str, str]:
    found = {product.asin: picture(product.asin) for product in SAMPLE}
    assert None not in found.values()
    return {asin: svg for asin, svg in found.items() if svg}


def test_each_is_small_and_well_formed(drawn: dict[str, str]) -> None:
    for product in SAMPLE:
        svg = drawn[product.asin]
        assert len(svg.encode()) < 6000
        assert ET.fromstring(svg).findtext(f"{SVG}title") == product.title


def test_they_hold_nothing_that_a_picture_needs_not(drawn: dict[str, str]) -> None:
    known = {"svg", "title", "defs", "pattern", "path", "g", "rect", "ellipse", "circle", "text"}
    for svg in drawn.values():
        assert {element.tag.removeprefix(SVG) for element in ET.fromstring(svg).iter()} <= known
        assert not re.search(r"href|style=|\bon\w+=|@import|nan|inf\b", svg)
        assert set(re.findall(r"url\(([^)]*)\)", svg)) <= {"#m"}
        assert svg.count("http") == 1


def test_everything_is_within_reach_of_the_frame(drawn: dict[str, str]) -> None:
    for asin, svg in drawn.items():
        for rect in ET.fromstring(svg).iter(f"{SVG}rect"):
            left, top = float(rect.get("x", "")), float(rect.get("y", ""))
            assert left >= -5, asin
            assert left + float(rect.get("width", "")) <= 405, asin
            assert top >= -5, asin
            assert top + float(rect.get("height", "")) <= 400, asin
            assert min(float(rect.get("width", "")), float(rect.get("height", ""))) >= 0, asin


def test_every_kind_has_a_drawing_of_its_own() -> None:
    def inner(kind: str) -> str:
        return draw(replace(SOFA, kind=kind, size="3"), "").partition("</defs>")[2]

    parcel = inner("something else")
    every = {inner(kind.key) for kind in KINDS}
    assert parcel not in every
    # Tables of different names look alike.
    assert len(every) >= len(KINDS) - 8


def test_titles_are_text() -> None:
    title = "<script>alert('1')</script> & \"more\""
    assert ET.fromstring(draw(SOFA, title)).findtext(f"{SVG}title") == title


def test_colours_sizes_and_legs_are_seen() -> None:
    assert "#35543f" in draw(SOFA, "")
    assert (
        len(
            {
                draw(replace(SOFA, legs=legs), "")
                for legs in ("tapered", "frame", "hairpin", "turned", "brass", "plinth")
            }
        )
        == 6
    )
    assert draw(replace(SOFA, width_cm=180), "") != draw(SOFA, "")


def test_who_is_not_in_the_sample_has_no_picture() -> None:
    assert picture("GZ00000000") is None
    assert set(_looks()) == {product.asin for product in SAMPLE}


def test_most_products_are_known_by_what_they_are_called() -> None:
    known = sum(look_of(product).kind == facts.kind for product, facts in catalogue())
    assert known > 0.93 * len(SAMPLE)


@pytest.mark.parametrize(
    "product",
    [
        Product(asin="X", title="???"),
        Product(asin="X", title="Floor lamp", height_cm=1e9, width_cm=1e-9),
        Product(asin="X", title="Area rug", depth_cm=0.0001, width_cm=1e9, colors=("plaid",), materials=("cheese",)),
        Product(asin="X", title="Sofa", categories=("Sofas",) * 50, width_cm=0.001, height_cm=300),
        Product(asin="X", title="Shelf", width_cm=400, height_cm=0.2),
    ],
)  # fmt: skip
def test_whatever_a_catalogue_says_there_is_a_picture(product: Product) -> None:
    svg = draw(look_of(product), product.title)
    assert ET.fromstring(svg).findtext(f"{SVG}title") == product.title
    assert not re.search(r"nan|inf\b|e[+-]\d", svg)
    assert len(svg) < 20_000
