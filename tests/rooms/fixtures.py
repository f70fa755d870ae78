"""A world for each test, on both kinds of databases."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL

from tests.rooms.world import RoomyDisk, World

MakeWorld = Callable[..., World]


@pytest.fixture
async def make_world(database_url: URL, tmp_path: Path, template: Path) -> AsyncIterator[MakeWorld]:
    """Makes one with other settings than `world` has."""
    made: list[World] = []

    def make(**options: Any) -> World:
        made.append(World(database_url, RoomyDisk(tmp_path / "data"), template, **options))
        return made[-1]

    yield make
    for world in made:
        await world.close()


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    return make_world()
