"""What tests of the live part share."""

from __future__ import annotations

from tests.accounts.conftest import anyio_backend, database_url, empty_file
from tests.jobs.queue import queue
from tests.servers.fixtures import postgres, valkey
from tests.service.fixtures import clip, new_database, server, start_server, template

__all__ = [
    "anyio_backend",
    "clip",
    "database_url",
    "empty_file",
    "new_database",
    "postgres",
    "queue",
    "server",
    "start_server",
    "template",
    "valkey",
]
