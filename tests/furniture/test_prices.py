"""A price is the same wherever it is read, also in currencies that have no cents, or thousandths."""

from __future__ import annotations

from pathlib import Path

import pytest

from garaza.furniture.bodies import price_text
from garaza.furniture.filters import payload_of
from garaza.furniture.products import Product
from garaza.furniture.search.snapshot import Snapshot


@pytest.mark.parametrize(
    ("minor", "currency", "price", "shown"),
    [
        (5399, "USD", 53.99, "$53.99"),
        (129_900, "EUR", 1299.0, "1,299.00 EUR"),
        (24_800, "JPY", 24_800.0, "24,800 JPY"),
        (12_500, "KWD", 12.5, "12.500 KWD"),
        (None, "USD", None, "N/A"),
    ],
)
def test_it_is_the_same_everywhere(
    minor: int | None, currency: str, price: float | None, shown: str, tmp_path: Path
) -> None:
    product = Product(asin="A1", title="Chair", price_minor=minor, currency=currency)
    assert (product.price, price_text(product)) == (price, shown)
    assert payload_of(product).get("price") == price
    assert Snapshot.build([(1, product)], tmp_path / "1").payload(0).get("price") == price
