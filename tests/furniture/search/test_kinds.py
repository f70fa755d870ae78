"""What is the thing that is asked for, and what is only said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.relevance.systems import garaza
from garaza.furniture.embedding.models import bundled
from garaza.furniture.embedding.onnx import OnnxEncoder
from garaza.furniture.products import Product
from garaza.furniture.sample import products
from garaza.furniture.search.kinds import kind_of
from garaza.furniture.search.snapshot import Snapshot

KINDS = ["Sofas & Couches", "Desks", "Beds", "Floor lamps", "Coffee tables", "Dining tables", "Armchairs"]


pytestmark = pytest.mark.anyio


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
        ("sofa or armchair in green", ["Sofas & Couches", "Armchairs"]),
        ("couch", ["Sofas & Couches"]),
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


@pytest.mark.parametrize(
    ("text", "asins"),
    [
        # Not all that is in a kitchen; of what is called so, what is there.
        ("white kitchen trolley", ["A1", "A2"]),
        ("trolley", ["A4", "A5", "A6"]),
        ("kitchen", ["A1", "A2", "A3"]),
        ("kitchen carousel", None),
        # The beginning of too many others, and a brand.
        ("kitchen tray", None),
        ("kitchen larkspindle", ["A1", "A2", "A3"]),
    ],
)
def test_what_no_category_is_called_by_is_known_by_titles(tmp_path: Path, text: str, asins: list[str] | None) -> None:
    kitchen, dining = ("Furniture", "Kitchen"), ("Furniture", "Dining room")
    things = [
        Product(asin="A1", title="Butcher's trolley", categories=(*kitchen, "Islands")),
        Product(asin="A2", title="Island of steel", brand="Larkspindle", categories=(*kitchen, "Islands")),
        Product(asin="A3", title="Pantry with trays", categories=(*kitchen, "Pantries")),
        Product(asin="A4", title="Drinks trolley, tall", categories=(*dining, "Bar carts")),
        Product(asin="A5", title="Drinks trolley, short", categories=(*dining, "Bar carts")),
        Product(asin="A6", title="Bar cart", categories=(*dining, "Bar carts")),
    ]
    mask = kind_of(Snapshot.build(enumerate(things, 1), tmp_path / "1"), text)
    found = None if mask is None else [one.asin for one, is_one in zip(things, mask.tolist(), strict=True) if is_one]
    assert found == asins


async def test_things_of_the_kind_come_before_others_of_the_same_material(tmp_path: Path) -> None:
    """Over the sample: its drawer units of walnut say more of walnut and desks than a desk of oak does."""
    things, encoder = list(products()), OnnxEncoder(bundled(), idle_seconds=600)
    kinds = {product.asin: product.categories[-1] for product in things}
    found = await garaza(things, encoder, tmp_path / "1")("walnut desk under 120 cm wide")
    await encoder.close()
    assert {kinds[asin] for asin in found[:5]} <= {"Desks", "Standing Desks"}


def test_what_a_thing_is_called_counts_beside_its_category(tmp_path: Path) -> None:
    items = [
        (1, Product(asin="A1", title="Filing cabinet", categories=("Filing Cabinets",))),
        (2, Product(asin="A2", title="Narrow shoe cabinets", categories=("Shoe Storage",))),
        (3, Product(asin="A3", title="Shoe bench", categories=("Shoe Storage",))),
    ]
    mask = kind_of(Snapshot.build(items, tmp_path / "1"), "white shoe cabinet for a hallway")
    assert mask is not None
    assert mask.tolist() == [True, True, False]
