"""What is the thing that is asked for, and what is only said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from garaza.furniture.products import Product
from garaza.furniture.search.kinds import kind_of
from garaza.furniture.search.snapshot import Snapshot

KINDS = ["Desks", "Beds", "Floor lamps", "Coffee tables", "Dining tables", "Sofas", "Armchairs"]


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    folder: Path = tmp_path_factory.mktemp("kinds") / "1"
    products = [Product(asin=f"A{n}", title="Thing", categories=("Furniture", kind)) for n, kind in enumerate(KINDS)]
    return Snapshot.build(enumerate(products), folder)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("walnut desk", ["Desks"]),
        ("desk for two beside a bed", ["Desks"]),
        ("lamp for reading in bed", ["Floor lamps"]),
        ("for the bed", ["Beds"]),
        ("round coffee table", ["Coffee tables"]),
        ("table", ["Coffee tables", "Dining tables"]),
        ("oak tables", ["Coffee tables", "Dining tables"]),
        ("sofa or armchair in green", ["Sofas", "Armchairs"]),
        ("desk lamp", ["Floor lamps"]),
        ("something to sit on", None),
        ("", None),
        ("desk " * 200, ["Desks"]),
    ],
)
def test_it_is_the_last_noun_before_what_is_said_of_it(snapshot: Snapshot, text: str, kinds: list[str] | None) -> None:
    mask = kind_of(snapshot, text)
    found = None if mask is None else [kind for kind, is_one in zip(KINDS, mask.tolist(), strict=True) if is_one]
    assert found == kinds
