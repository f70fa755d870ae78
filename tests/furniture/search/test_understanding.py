"""What is read out of a text, and what only looks as if there was something to be read."""

from __future__ import annotations

import dataclasses
import string
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from garaza.furniture.filters import NO_FILTERS, Filters, Span
from garaza.furniture.search.found import Understood
from garaza.furniture.search.preferring import preferred_in
from garaza.furniture.search.reading import first_token
from garaza.furniture.search.terms import stem
from garaza.furniture.search.understanding import understand

BRANDS = {"nordvik", "halden & pine", "oldmere", "oak", "casa lumo", "desk"}
KINDS = {stem(word) for word in ("sofa", "recliner", "desk", "chair", "storage", "shelf", "rug", "bench")}


class Shop:
    """A vocabulary."""

    def is_brand(self, key: str) -> bool:
        return key in BRANDS

    def begins_brand(self, word: str) -> bool:
        return word in {first_token(brand) for brand in BRANDS}

    def is_kind(self, term: str) -> bool:
        return term in KINDS


def read(text: str, **options: Any) -> Understood:
    return understand(text, Shop(), **options)


def most(number: float) -> Span:
    return Span(most=number)


def least(number: float) -> Span:
    return Span(least=number)


def between(low: float, high: float) -> Span:
    return Span(least=low, most=high)


@pytest.mark.parametrize(
    ("text", "rest", "expected"),
    [
        # Lengths
        ("desk under 80 cm wide", "desk", {"width_cm": most(80)}),
        ("desk under 80cm wide", "desk", {"width_cm": most(80)}),
        ("desk under 80 cm", "desk", {"width_cm": most(80)}),
        ("sofa narrower than 32 inches", "sofa", {"width_cm": most(81.28)}),
        ('sofa narrower than 32"', "sofa", {"width_cm": most(81.28)}),
        ("sofa no wider than 2 m", "sofa", {"width_cm": most(200)}),
        ("sofa not wider than 2 metres", "sofa", {"width_cm": most(200)}),
        ("bench wider than 4 ft", "bench", {"width_cm": least(121.92)}),
        ("bookcase taller than 6 feet", "bookcase", {"height_cm": least(182.88)}),
        ("bookcase at most 1.8 m tall", "bookcase", {"height_cm": most(180)}),
        ("bookcase shorter than 5' 6\"", "bookcase", {"height_cm": most(167.64)}),
        ("cabinet no deeper than 12 inches", "cabinet", {"depth_cm": most(30.48)}),
        ("cabinet less than 30 cm deep", "cabinet", {"depth_cm": most(30)}),
        ("cabinet max width 90 cm", "cabinet", {"width_cm": most(90)}),
        ("cabinet width of at most 90 cm", "cabinet", {"width_cm": most(90)}),
        ("cabinet width: 90 cm", "cabinet", {"width_cm": between(81, 99)}),
        ("cabinet 90 cm wide", "cabinet", {"width_cm": between(81, 99)}),
        ("desk 60 to 80 inches wide", "desk", {"width_cm": between(152.4, 203.2)}),
        ("desk between 100 and 120 cm wide", "desk", {"width_cm": between(100, 120)}),
        ("desk 100-120 cm wide", "desk", {"width_cm": between(100, 120)}),
        ("desk at least 40 inches in width", "desk", {"width_cm": least(101.6)}),
        ("a table up to 6 foot long", "a table", {"width_cm": most(182.88)}),
        ("rug under 3 m long", "rug", {"depth_cm": most(300)}),
        ("2 m x 3 m rug", "rug", {"width_cm": between(180, 220), "depth_cm": between(270, 330)}),
        ("rug 300 x 200 cm", "rug", {"width_cm": between(180, 220), "depth_cm": between(270, 330)}),
        ("desk 60 x 120 cm", "desk", {"width_cm": between(108, 132), "depth_cm": between(54, 66)}),
        (
            "desk 120 x 60 x 75 cm",
            "desk",
            {"width_cm": between(108, 132), "depth_cm": between(54, 66), "height_cm": between(67.5, 82.5)},
        ),
        ("8' by 10' carpet", "carpet", {"width_cm": between(219.46, 268.22), "depth_cm": between(274.32, 335.28)}),
        # Prices
        ("lamp below $200", "lamp", {"price": most(200)}),
        ("lamp under 200 dollars", "lamp", {"price": most(200)}),
        ("lamp under 200", "lamp", {"price": most(200)}),
        ("lamp less than 1,250 usd", "lamp", {"price": most(1250)}),
        ("lamp cheaper than 99.50", "lamp", {"price": most(99.5)}),
        ("lamp up to 50 €", "lamp", {"price": most(50)}),
        ("between 100 and 300 dollars lamp", "lamp", {"price": between(100, 300)}),
        ("lamp between 100 and 300", "lamp", {"price": between(100, 300)}),
        ("lamp from $100 to $300", "lamp", {"price": between(100, 300)}),
        ("lamp $100-$300", "lamp", {"price": between(100, 300)}),
        ("lamp $100-300", "lamp", {"price": between(100, 300)}),
        ("lamp 100-300 dollars", "lamp", {"price": between(100, 300)}),
        ("lamp over $100 and under $300", "lamp", {"price": between(100, 300)}),
        ("lamp around $200", "lamp", {"price": between(160, 240)}),
        ("lamp at least $500", "lamp", {"price": least(500)}),
        ("sofa budget of $800", "sofa", {"price": most(800)}),
        ("sofa under 900 in black", "sofa in black", {"price": most(900)}),
        ("sofa under 80 cm wide under $500", "sofa", {"width_cm": most(80), "price": most(500)}),
        # What it isn't to be
        ("chair not leather", "chair", {"not_materials": ("leather",)}),
        ("non-leather chair", "chair", {"not_materials": ("leather",)}),
        ("chair no leather", "chair", {"not_materials": ("leather",)}),
        ("chair without leather", "chair", {"not_materials": ("leather",)}),
        ("chair not black or white", "chair", {"not_colors": ("black", "white")}),
        ("chair neither black nor white", "chair", {"not_colors": ("black", "white")}),
        ("rug, but not gray", "rug", {"not_colors": ("gray",)}),
        ("chair not by Nordvik", "chair", {"not_brands": ("nordvik",)}),
        ("chair not Nordvik", "chair", {"not_brands": ("nordvik",)}),
        # Whose it is, where it is from, whether it is there
        ("sofa by Nordvik", "sofa", {"brands": ("nordvik",)}),
        ("sofa from Halden & Pine", "sofa", {"brands": ("halden & pine",)}),
        ("brand: Oldmere sofa", "sofa", {"brands": ("oldmere",)}),
        ("desk made in Italy", "desk", {"countries": ("IT",)}),
        ("desk from the United States", "desk", {"countries": ("US",)}),
        ("desk made in usa under $900", "desk", {"countries": ("US",), "price": most(900)}),
        ("sofa in stock", "sofa", {"in_stock": True}),
        ("in-stock sofa", "sofa", {"in_stock": True}),
        (
            "in stock sofa made in Sweden, not leather, narrower than 2 m",
            "sofa",
            {"in_stock": True, "countries": ("SE",), "not_materials": ("leather",), "width_cm": most(200)},
        ),
    ],
)
def test_what_is_said_narrows(text: str, rest: str, expected: dict[str, Any]) -> None:
    understood = read(text)
    assert {
        field.name: value
        for field in dataclasses.fields(Filters)
        if (value := getattr(understood.filters, field.name)) != getattr(NO_FILTERS, field.name)
    } == expected
    assert understood.text.casefold() == rest.casefold()
    assert {constraint.field for constraint in understood.constraints} == expected.keys()


@pytest.mark.parametrize(
    "text",
    [
        "black friday",
        "not bad sofa",
        "under bed storage",
        "queen size 60x80",
        "5x8 rug",
        "over the toilet shelf",
        "above ground pool",
        "cheap small sofa",
        "table for 6",
        "chair for people over 300 lbs",
        "desk over 3 drawers",
        "more than 6 drawers dresser",
        "tv stand for tvs up to 65 inches",
        "tv stand for 65 inch tv",
        "chair seat height 45 cm",
        "from oak",
        "made in heaven",
        "from me to you",
        "10 inch mattress",
        "2-3 seater sofa",
        "between two ferns",
        "out of stock",
        "no",
        "not",
        "without",
        "under",
        "under $",
        "between 300 and 100 dollars",
        "bench without wooden legs",
        "sofa not too big",
        "modern sofa with 4 legs",
        "up to date chair",
        "1/2 off",
        "$$$ sofa",
        "12' 12\" 99999999999999999999 cm wide",
    ],
)
def test_traps_stay_words(text: str) -> None:
    understood = read(text)
    assert (understood.filters, understood.constraints, understood.absent) == (NO_FILTERS, (), ())
    assert understood.text == text


@pytest.mark.parametrize(
    ("text", "preferred"),
    [
        ("black leather sofa", ((("colors", "black"),), (("materials", "leather"),))),
        ("black or walnut desk", ((("colors", "black"), ("materials", "walnut")),)),
        ("black or white desk", ((("colors", "black"), ("colors", "white")),)),
        ("Nordvik chair", ((("brands", "nordvik"),),)),
        ("oak desk", ((("materials", "oak"),),)),
        ("black friday", ()),
        ("coffee table", ()),
        ("chair not black", ()),
    ],
)
def test_what_is_named_is_preferred(text: str, preferred: object) -> None:
    assert preferred_in(read(text).text, Shop()) == preferred


@pytest.mark.parametrize(
    ("text", "absent"),
    [
        ("chair without armrests", ("armrest",)),
        ("chair without any wheels", ("wheel",)),
        ("chair w/o arms or wheels", ("arm", "wheel")),
        ("sofa, not a recliner", ("reclin",)),
        ("desk no drawers", ("drawer",)),
    ],
)
def test_what_it_is_to_be_without(text: str, absent: tuple[str, ...]) -> None:
    understood = read(text)
    assert understood.absent == absent
    assert understood.filters == NO_FILTERS
    assert understood.text in {"chair", "sofa", "desk"}


def test_labels_are_in_the_units_of_who_asked() -> None:
    understood = read("sofa narrower than 32 inches between $100 and $1,300, not leather, made in italy, no wheels")
    assert [constraint.label for constraint in understood.constraints] == [
        "up to 32 in wide",
        "$100 to $1,300",
        "not leather",
        "from Italy",
        "without wheels",
    ]


def test_taken_back_by_its_key() -> None:
    text = "sofa under $300 not leather not black"
    keys = [constraint.key for constraint in read(text).constraints]
    assert keys == ["price", "not_materials:leather", "not_colors:black"]
    without = read(text, without=["price", "not_colors:black"])
    assert without.filters == Filters(not_materials=("leather",))
    # Its words don't come back as words.
    assert without.text == "sofa"


WORDS = st.sampled_from(
    [
        *[
            "under",
            "over",
            "not",
            "no",
            "without",
            "by",
            "from",
            "made",
            "in",
            "between",
            "and",
            "or",
            "$",
            "80",
            "cm",
            "x",
            "3",
            ".",
            ",",
            "-",
            "'",
            '"',
            "black",
            "leather",
        ],
        "w/o",
        "é",
    ]
)


@given(st.one_of(st.text(max_size=500), st.lists(WORDS, max_size=120).map(" ".join)))
@example("İ under 80 cm ſ")
@example("not " * 125)
@example("1" * 500)
@example("5'" * 250)
def test_nothing_breaks_it(text: str) -> None:
    understood = read(text)
    for field in ("price", "width_cm", "depth_cm", "height_cm"):
        span = getattr(understood.filters, field)
        assert span.least is None or span.most is None or span.least <= span.most
    assert set(understood.text.casefold()) <= set(text.casefold()) | set(text.lower()) | set(string.whitespace) | set(
        "'\"x-<>"
    )
