"""The filmed room, once for all tests that only look at it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

# Helpers of these tests are a plain module beside them; test folders are no packages.
sys.path.insert(0, str(Path(__file__).parent))

from filmed_room import Film, film, walk


@pytest.fixture(scope="session")
def walked_room() -> Film:
    return film(walk())
