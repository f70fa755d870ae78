"""Lengths, weights and prices as catalogues write them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garaza.furniture.filters import payload_of
from garaza.furniture.products import Product
from garaza.furniture.quantities import (
    dimensions,
    edges_cm,
    in_minor,
    length_cm,
    mass_kg,
    price_minor,
    weight_kg,
)

UNITS = ["cm", "mm", "m", "in", "inches", '"', "″", "''", "ft", "feet", "'", "′"]


@pytest.mark.parametrize(
    ("number", "unit", "cm"),
    [
        (10, "in", 25.4),
        (10, "Inches", 25.4),
        (10, '"', 25.4),
        (10, "″", 25.4),
        (10, "''", 25.4),
        (2, "ft", 60.96),
        (2, "'", 60.96),
        (120, "cm", 120),
        (1200, "mm", 120),
        (1.2, "m", 120),
        (1.2, "Metres", 120),
        (10, "kg", None),
        (10, "", None),
        (0, "cm", None),
        (-1, "cm", None),
        (31, "m", None),
        (math.nan, "cm", None),
        (math.inf, "cm", None),
    ],
)
def test_lengths_are_in_centimetres(number, unit, cm):
    assert length_cm(number, unit) == cm


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ('31.5"D x 22"W x 35"H', (55.88, 80.01, 88.9)),
        ('84"W x 38.5"D x 34"H', (213.36, 97.79, 86.36)),
        ("22″D × 31″W × 35″H", (78.74, 55.88, 88.9)),
        ("22 x 31.5 x 35 inches", (55.88, 80.01, 88.9)),
        ("60 x 40 x 75 cm", (60, 40, 75)),
        ("60cmx40cmx75cm", (60, 40, 75)),
        ("W60cm x D40cm x H75cm", (60, 40, 75)),
        ("120W x 60D x 75H cm", (120, 60, 75)),
        ("23.6 D x 31.5 W x 33.5 H in", (80.01, 59.94, 85.09)),
        ("100cm W*50cm D*40cm H", (100, 50, 40)),
        ("120x60cm", (120, 60, None)),
        ("8 x 10 ft", (243.84, 304.8, None)),
        ("5'3\" x 7'7\"", (160.02, 231.14, None)),
        ('55.1"L x 19.7"W', (50.04, 139.95, None)),
        ("47.2 x 23.6 x 29.5 inches (L x W x H)", (59.94, 119.89, 74.93)),
        ("LxWxH: 47.2 x 23.6 x 29.5 in", (59.94, 119.89, 74.93)),
        ("W x D x H: 120/60/75 cm", (120, 60, 75)),
        ("Length: 120 cm", (None, 120, None)),
        ("Width: 120 cm, Depth: 60cm Height 75 cm", (120, 60, 75)),
        ("W 120 D 60 H 75 cm", (120, 60, 75)),
        ("(W) 120 x (D) 60 x (H) 75 cm", (120, 60, 75)),
        ("120 (W) x 60 (D) x 75 (H) cm", (120, 60, 75)),
        ("Size (cm): 60 x 40 x 75", (60, 40, 75)),
        ('W 23 1/2" x D 14-1/4" x H 30"', (59.69, 36.2, 76.2)),
        ("31 1/2 in. W x 22½ in. D", (80.01, 57.15, None)),
        ("1,200 mm x 600 mm x 750mm", (120, 60, 75)),
        ("120,5 x 60 cm", (120.5, 60, None)),
        ('24"Dia x 30"H', (60.96, 60.96, 76.2)),
        ("Ø 60 cm, height 45 cm", (60, 60, 45)),
        ("12 inches high by 30 inches wide", (76.2, None, 30.48)),
        ("72 Inch Tall Bookcase", (None, None, 182.88)),
        ('A table, 47.2" x 23.6" with 2 drawers', (119.89, 59.94, None)),
        ('Seat: 20"D x 18"H; Overall: 84"W x 38.5"D x 34"H', (213.36, 97.79, 86.36)),
        ("23.6 x 15.7 x 20.5 inches; 17.64 Pounds", (59.94, 39.88, 52.07)),
        ("3D wall panel 20 inch x 20 inch", (50.8, 50.8, None)),
        ("1e999 x 4 cm", (None, 4, None)),
        ("-5 x 3 cm", (None, 3, None)),
        ("22 x 30 x 40", None),
        ("24 inches", None),
        ("0 x 0 x 0 inches", None),
        ("5 lb x 3 kg", None),
        ("NaN", None),
        ("", None),
    ],
)
def test_sizes_are_read_as_they_are_usually_written(text, sizes):
    found = dimensions(text)

    assert (found and (found.width, found.depth, found.height)) == sizes


def test_what_says_no_unit_has_the_one_that_is_known_from_elsewhere():
    assert dimensions("60 x 40 x 75", unit="cm") == dimensions("60 x 40 x 75 cm")


def test_a_length_of_furniture_that_stands_is_its_width():
    found = dimensions('55.1"L x 19.7"W x 30"H', length_is="width")

    assert found is not None
    assert (found.width, found.depth, found.height) == (139.95, 50.04, 76.2)


@pytest.mark.parametrize(
    ("text", "edges"),
    [
        ("22 x 31.5 x 35 inches", (88.9, 80.01, 55.88)),
        ('22"L x 31.5"W x 35"H; 45 pounds', (88.9, 80.01, 55.88)),
        ("Package size: 60 x 40 x 20 cm", (60, 40, 20)),
        ("1 x 2 x 3 x 4 cm", ()),
        ("22 x 31", ()),
        ("", ()),
    ],
)
def test_edges_of_a_package_have_no_names(text, edges):
    assert edges_cm(text) == edges


@pytest.mark.parametrize(
    ("text", "kg"),
    [
        ("45.2 pounds", 20.502),
        ("Item Weight: \u200e45 Pounds", 20.412),
        ("3 lb 4 oz", 1.474),
        ("12,5 kg", 12.5),
        ("1,200 lbs", 544.311),
        ("500 g", 0.5),
        ("70.5 Lbs (32 kg)", 31.978),
        ("45", None),
        ("0 lbs", None),
        ("1e9 kg", None),
        ("nan kg", None),
        ("", None),
    ],
)
def test_weights_are_in_kilograms(text, kg):
    assert weight_kg(text) == kg


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("$53.99", (5399, "USD")),
        ("US$1,299.00", (129900, "USD")),
        ("MSRP $1,299.99USD", (129999, "USD")),
        ("53.99 USD", (5399, "USD")),
        ("USD53.99", (5399, "USD")),
        ("1299.99usd", (129999, "USD")),
        ("€ 1.299,00", (129900, "EUR")),
        ("1.299 €", (129900, "EUR")),
        ("1 299,00 zł", (129900, "PLN")),
        ("CHF 1'299.00", (129900, "CHF")),
        ("£45", (4500, "GBP")),
        ("¥12,800", (12800, "JPY")),
        ("C$ 99", (9900, "CAD")),
        ("₹1,29,999.00", (12999900, "INR")),
        ("R$ 1.299,90", (129990, "BRL")),
        ("$39.99 - $59.99", (3999, "USD")),
        ("59.99-39.99", (3999, "USD")),
        ("was $99.00 now $79.00", (7900, "USD")),
        ("$53.99 ($13.50 / count)", (5399, "USD")),
        ("1,299", (129900, "USD")),
        ("12,99", (1299, "USD")),
        ("1.299", (130, "USD")),
        ("0.005", (1, "USD")),
        ("1e3", (100000, "USD")),
        ("1.234,567.8", (123456780, "USD")),
        ("$1e5", None),
        ("-5", None),
        ("$-5", None),
        ("-$5", None),
        ("0", None),
        ("$0.00", None),
        ("1e99", None),
        ("$99999999999999999999", None),
        ("free", None),
        ("NaN", None),
        ("inf", None),
        ("N/A", None),
        ("", None),
    ],
)
def test_prices_are_in_the_smallest_unit(text, price):
    assert price_minor(text) == price


def test_a_bare_sign_is_of_the_currency_that_is_known_from_elsewhere():
    assert price_minor("$5", "CAD") == (500, "CAD")
    assert price_minor("$5", "EUR") == (500, "USD")
    assert price_minor("5", "JPY") == (5, "JPY")


def test_filters_see_prices_in_whole_units_of_any_currency():
    table = Product(asin="A", title="Table", price_minor=12800, currency="JPY")

    assert payload_of(table)["price"] == 12800


@given(st.floats(0.5, 300), st.floats(0.5, 300), st.floats(0.5, 300))
def test_sizes_survive_being_written(width, depth, height):
    found = dimensions(f"{depth:.2f} cm D x {width:.2f} cm W x {height:.2f} cm H")

    assert found is not None
    assert (found.width, found.depth, found.height) == tuple(round(edge, 2) for edge in (width, depth, height))


@given(st.integers(1, 10**9), st.sampled_from(["USD", "GBP", "CAD"]))
def test_prices_survive_being_written(minor, currency):
    assert price_minor(f"{minor / 100:,.2f} {currency}") == (minor, currency)


DIRTY = st.text(max_size=60) | st.lists(
    st.sampled_from(
        [*UNITS, *"0123456789.,-x*/()$€£' \"", "1/2", "½", "W", "D", "H", "kg", "lb", "oz", "e9", " by ", "USD"]
    ),
    max_size=25,
).map("".join)


@given(DIRTY)
def test_no_text_breaks_it_or_gives_what_is_no_number(text):
    found = dimensions(text)
    sizes = [found.width, found.depth, found.height] if found else []
    sizes += edges_cm(text)
    assert all(size is None or 0 < size <= 3000 for size in sizes)
    weight = weight_kg(text)
    assert weight is None or 0 < weight <= 5000
    price = price_minor(text)
    assert price is None or 0 < price[0] <= 10**11


@given(st.floats() | st.integers(), st.sampled_from([*UNITS, "kg", "lb"]))
def test_no_number_breaks_it(number, unit):
    for size in (length_cm(number, unit), mass_kg(number, unit), in_minor(number, "USD")):
        assert size is None or (math.isfinite(size) and size > 0)
