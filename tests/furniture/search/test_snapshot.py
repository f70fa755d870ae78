"""Snapshots in their folders."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from garaza.furniture.filters import payload_of
from garaza.furniture.products import Product
from garaza.furniture.search.snapshot import MANIFEST, Snapshot, SnapshotError
from tests.furniture.search.conftest import Items
from tests.furniture.search.shelves import products


def test_it_knows_what_an_index_keeps(items: Items, snapshot: Snapshot) -> None:
    for row, (one, product) in enumerate(items):
        assert snapshot.ids[row] == one
        assert snapshot.payload(row) == payload_of(product)
        assert snapshot.text_hashes[row].tobytes() == product.text_hash
        assert snapshot.row_of_asin(product.asin) == row


def test_ids_and_asins_that_are_not_there(items: Items, snapshot: Snapshot) -> None:
    assert snapshot.row_of_asin("NOTHING") is None
    assert snapshot.rows_of(np.array([items[3][0], 1, 2**40], np.int64)).tolist() == [3]


def test_brands_and_kinds(snapshot: Snapshot) -> None:
    assert snapshot.is_brand("halden & pine")
    assert snapshot.begins_brand("halden")
    assert not snapshot.is_brand("halden")
    assert snapshot.is_kind("sofa")
    assert not snapshot.is_kind("bad")


def test_equal_products_are_equal_folders(items: Items, folder: Path, tmp_path: Path) -> None:
    Snapshot.build(iter(items), tmp_path / "1", 1)
    assert (tmp_path / "1" / MANIFEST).read_text() == (folder / MANIFEST).read_text()


@pytest.mark.parametrize("name", ["terms-rows.npy", "names.json", "ids.npy", "suggest-texts.npy"])
@pytest.mark.parametrize("damage", ["gone", "short", "flipped", "empty"])
def test_damage_is_noticed(folder: Path, tmp_path: Path, name: str, damage: str) -> None:
    copy = tmp_path / "1"
    shutil.copytree(folder, copy)
    path = copy / name
    content = bytearray(path.read_bytes())
    match damage:
        case "gone":
            path.unlink()
        case "short":
            path.write_bytes(content[:-1])
        case "empty":
            path.write_bytes(b"")
        case _:
            content[len(content) // 2] ^= 1
            path.write_bytes(content)
    with pytest.raises(SnapshotError):
        Snapshot.load(copy)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"format": 0, "files": {}}', '{"format": 1, "version": 1, "files": {}}']
)
def test_what_is_no_manifest(folder: Path, tmp_path: Path, content: str) -> None:
    copy = tmp_path / "1"
    shutil.copytree(folder, copy)
    (copy / MANIFEST).write_text(content)
    with pytest.raises(SnapshotError):
        Snapshot.load(copy)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError):
        Snapshot.load(tmp_path / "1")


def test_built_again_over_one_that_broke_off(items: Items, tmp_path: Path) -> None:
    partial = tmp_path / ".1.partial"
    partial.mkdir()
    (partial / "rubbish.npy").write_bytes(b"x")
    snapshot = Snapshot.build(items[:3], tmp_path / "1", 1)
    assert len(snapshot) == 3
    assert "rubbish.npy" not in json.loads((tmp_path / "1" / MANIFEST).read_text())["files"]
    assert not partial.exists()


def test_versions_of_a_thing_in_other_colours_are_a_family(tmp_path: Path) -> None:
    titles = ["Sofa Lund, Black, 80 in", "Sofa Lund, White, 60 in", "Sofa Birk, Black"]
    items = [(one, Product(asin=f"A{one}", title=title)) for one, title in enumerate(titles)]
    first, second, third = Snapshot.build(items, tmp_path / "1").families.tolist()
    assert first == second != third


def test_unicode_and_bare_products(tmp_path: Path) -> None:
    titles = ["ソファ 黒", "Sofà über große 🛋️", "a", "!!!", "٣ مقاعد"]
    items = [(one, Product(asin=f"A{one}", title=title)) for one, title in enumerate(titles, 1)]
    snapshot = Snapshot.build(items, tmp_path / "1")
    assert len(snapshot) == len(titles)
    assert [one.text for one in snapshot.suggestions.of("gro", 5)] == ["grosse"]
    assert snapshot.payload(2) == {}


def test_ids_have_to_ascend(tmp_path: Path) -> None:
    first, second = products(2)
    with pytest.raises(AssertionError, match="by id"):
        Snapshot.build([(2, first), (1, second)], tmp_path / "1")
