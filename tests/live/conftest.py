"""What tests of the live part share."""

from __future__ import annotations

from tests.servers.fixtures import valkey
from tests.service.fixtures import clip, new_database, postgres, server, start_server, template

__all__ = ["clip", "new_database", "postgres", "server", "start_server", "template", "valkey"]
