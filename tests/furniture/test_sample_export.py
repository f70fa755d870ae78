"""What the sample looks like as a shop's export comes back through the intake, however dirty."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from garaza.furniture.intake.files import form_of, read_rows
from garaza.furniture.intake.notes import Note
from garaza.furniture.intake.rows import Parsed, parse_row
from tools.sample_catalogue.export import write
from tools.sample_catalogue.generate import catalogue

ROWS = 300
SAME = (
    *("asin", "title", "brand", "price_minor", "availability", "in_stock", "stock_left", "categories", "country"),
    *("color", "material", "style", "description", "about", "specifications", "sponsor_tier"),
)


def parsed(path: Path) -> list[Parsed]:
    found = []
    for _, row in read_rows(path, form_of(path)):
        assert not isinstance(row, Note)
        found.append(parse_row(row))
    return found


@pytest.mark.parametrize("name", ["export.csv", "export.jsonl"])
def test_a_clean_export_comes_back_as_it_was(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    assert write(path, ROWS, dirty=False) == ROWS
    alike = 0
    for (product, _), row in zip(catalogue(ROWS), parsed(path), strict=True):
        back = row.product
        assert back is not None
        assert row.notes == ()
        for field in SAME:
            assert getattr(back, field) == getattr(product, field), field
        for field in ("width_cm", "depth_cm", "height_cm", "weight_kg"):
            said = getattr(product, field)
            # Where it isn't said, the intake may have read it in the title.
            assert said is None or getattr(back, field) == pytest.approx(said, abs=0.02), field
        alike += bool(set(back.colors) & set(product.colors))
    # The intake has words only, and the generator knows: "clay" is a brown, "natural" whatever the wood is.
    assert alike > 0.75 * ROWS


def test_a_dirty_one_is_mended_and_hardly_a_row_lost(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    count = write(path, ROWS)
    rows = parsed(path)
    assert count == len(rows) > ROWS
    lost = sum(row.product is None for row in rows)
    mended = Counter(note.field for row in rows for note in row.notes if note.kind == "mended")
    assert 0 < lost < 0.02 * count
    assert {"price", "country", "description"} <= set(mended)
    for row in rows:
        if row.product is not None:
            assert "<" not in row.product.title + row.product.description
            assert "Store" not in (row.product.brand or "")


def test_it_is_the_same_each_time(tmp_path: Path) -> None:
    write(tmp_path / "one.csv", 100)
    write(tmp_path / "two.csv", 100)
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
