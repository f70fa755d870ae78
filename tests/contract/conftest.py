"""Suites that are run against every adapter of a port."""

from __future__ import annotations

from tests.accounts.conftest import anyio_backend, empty_file
from tests.servers.fixtures import postgres, seaweed, valkey

__all__ = ["anyio_backend", "empty_file", "postgres", "seaweed", "valkey"]
