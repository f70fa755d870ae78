"""What tests of furniture share."""

from __future__ import annotations

from tests.accounts.conftest import anyio_backend, empty_file
from tests.servers.fixtures import postgres

__all__ = ["anyio_backend", "empty_file", "postgres"]
