"""How a text may go on."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garaza.furniture.search.snapshot import Snapshot
from tests.furniture.search.conftest import Items


def texts(snapshot: Snapshot, typed: str, limit: int = 8) -> list[str]:
    return [suggestion.text for suggestion in snapshot.suggestions.of(typed, limit)]


def test_the_commonest_first(snapshot: Snapshot, items: Items) -> None:
    found = snapshot.suggestions.of("lea", 5)
    assert found[0].text == "leather"
    assert found[0].count == sum("leather" in product.title.lower() for _, product in items)


def test_brands_and_categories_as_they_are_written(snapshot: Snapshot) -> None:
    assert ("Nordvik", "brand") in [(one.text, one.kind) for one in snapshot.suggestions.of("nordv", 3)]
    assert ("Home Office", "category") in [(one.text, one.kind) for one in snapshot.suggestions.of("home", 3)]
    # Also by a word in the middle.
    assert "Halden & Pine" in texts(snapshot, "pine")


def test_what_was_typed_before_stays(snapshot: Snapshot) -> None:
    assert "black leather sofa" in texts(snapshot, "black leather so")


@pytest.mark.parametrize(
    ("typed", "meant"), [("nordvk", "Nordvik"), ("armchiar", "armchair"), ("walnt bookcse", "bookcase")]
)
def test_misspelled(snapshot: Snapshot, typed: str, meant: str) -> None:
    assert any(meant in text for text in texts(snapshot, typed))


@pytest.mark.parametrize("typed", ["", " ", "zzzzzz", "§"])
def test_nothing_goes_on_like_this(snapshot: Snapshot, typed: str) -> None:
    assert texts(snapshot, typed) == []


@given(st.one_of(st.text(max_size=200), st.text("aeilost ", max_size=12)), st.integers(0, 10))
def test_any_text(snapshot: Snapshot, typed: str, limit: int) -> None:
    found = texts(snapshot, typed, limit)
    assert len(found) <= limit
    assert len({text.casefold() for text in found}) == len(found)


def test_of_nothing(tmp_path: Path) -> None:
    assert Snapshot.build([], tmp_path / "1").suggestions.of("sofa", 5) == []
