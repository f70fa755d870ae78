"""What tests of the service share."""

from __future__ import annotations

import pytest

from tests.servers.fixtures import seaweed
from tests.service.fixtures import clip, new_database, postgres, server, start_server, template

__all__ = ["clip", "new_database", "postgres", "seaweed", "server", "start_server", "template"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
