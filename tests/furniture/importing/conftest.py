"""What tests of imports share. They run on both kinds of databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from tests.accounts.conftest import anyio_backend, database_url, empty_file
from tests.furniture.importing.shop import Shop
from tests.servers.fixtures import postgres

__all__ = ["anyio_backend", "database_url", "empty_file", "postgres"]


@pytest.fixture
async def shop(database_url: URL, tmp_path: Path) -> AsyncIterator[Shop]:
    made = Shop(database_url, tmp_path / "data")
    yield made
    await made.database.close()


@pytest.fixture(autouse=True)
def _few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that few rows are many transactions."""
    for name, number in (("ROWS_AT_ONCE", 50), ("TEXTS_AT_ONCE", 16), ("WINDOW", 40)):
        monkeypatch.setattr(f"garaza.furniture.importing.worker.{name}", number)
