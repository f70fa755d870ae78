"""Two services on one database that don't see each other's files."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest
from sqlalchemy import make_url

from garaza.housekeeping.neighbours import Neighbours
from garaza.kit.database import Database
from garaza.kit.storage import DataDirectory
from garaza.settings import DatabaseSettings
from garaza.wiring import pool_options
from tests.servers.fixtures import postgres
from tests.servers.postgres import Postgres

__all__ = ["postgres"]

pytestmark = pytest.mark.anyio


async def test_others_are_told_of_and_their_files_are_not_called_lost(
    postgres: Postgres, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = make_url(postgres.new_database())
    databases = []

    def service(name: str, *, share_files: bool = False, share_memory: bool = False) -> Neighbours:
        data = DataDirectory(tmp_path / name)
        data.create()
        databases.append(Database(url, pool_options(DatabaseSettings(), url)))
        return Neighbours(databases[-1], data, share_files=share_files, share_memory=share_memory)

    first = service("one")
    await first.look()
    assert not await first.keep_files()
    assert caplog.records == []
    # Of the same directory, as after a restart that nobody has told the server of.
    again = service("one")
    await again.look()
    assert not await again.keep_files()
    second = service("two")
    await second.look()
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "1 other service(s)" in caplog.text
    assert await first.keep_files()
    assert await second.keep_files()
    caplog.clear()
    third = service("three", share_files=True)
    await third.look()
    assert "GARAZA_REDIS__URL" in caplog.text
    assert not await third.keep_files()
    caplog.clear()
    await service("four", share_files=True, share_memory=True).look()
    assert caplog.records == []
    for database in databases[2:]:
        await database.close()
    # The server notices in its own time.
    while await first.keep_files():  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.01)
    for database in databases[:2]:
        await database.close()
