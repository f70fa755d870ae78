"""What tests of jobs share. They run on both kinds of databases."""

from __future__ import annotations

from tests.accounts.conftest import anyio_backend, database_url, empty_file
from tests.jobs.queue import queue
from tests.servers.fixtures import postgres, valkey

__all__ = ["anyio_backend", "database_url", "empty_file", "postgres", "queue", "valkey"]
