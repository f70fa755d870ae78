"""What tests of furniture share."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.accounts.conftest import anyio_backend, empty_file
from tests.servers.fixtures import postgres

__all__ = ["anyio_backend", "empty_file", "postgres"]


@pytest.fixture
def unused_port() -> Iterator[int]:
    """That nobody listens at, nor can meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
