"""A snapshot that tests of searching share, and what it was made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from garaza.furniture.products import Product
from garaza.furniture.search.snapshot import Snapshot
from tests.furniture.search.nearby import ExactIndex, WordEncoder, index_of
from tests.furniture.search.shelves import rows

Items = list[tuple[int, Product]]


@pytest.fixture(scope="session")
def items() -> Items:
    return list(rows(500))


@pytest.fixture(scope="session")
def folder(items: Items, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("snapshots") / "1"
    Snapshot.build(items, folder, 1)
    return folder


@pytest.fixture(scope="session")
def snapshot(folder: Path) -> Snapshot:
    return Snapshot.load(folder)


@pytest.fixture
async def index(items: Items) -> ExactIndex:
    return await index_of(items)


@pytest.fixture
def encoder() -> WordEncoder:
    return WordEncoder()
