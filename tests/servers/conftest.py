"""What tests of the servers share."""

from __future__ import annotations

import pytest

from tests.servers.fixtures import postgres, valkey

__all__ = ["postgres", "valkey"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
