"""What tests of housekeeping share."""

from __future__ import annotations

from tests.accounts.conftest import anyio_backend, database_url, empty_file
from tests.rooms.fixtures import make_world, world
from tests.servers.fixtures import postgres, seaweed
from tests.service.fixtures import template

__all__ = ["anyio_backend", "database_url", "empty_file", "make_world", "postgres", "seaweed", "template", "world"]
