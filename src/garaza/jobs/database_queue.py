"""Workers that look into the table for themselves."""

from __future__ import annotations

from collections.abc import Sequence

from garaza.jobs.claims import Waiting


class DatabaseQueue:
    """Nobody has to be told: the database tells of its own changes, see `kit.changes`."""

    needs_messages = False

    async def publish(self, jobs: Sequence[Waiting]) -> None:
        """Nothing to do."""

    async def backlog(self) -> int:
        """There are no messages."""
        return 0

    async def close(self) -> None:
        """Nothing to do."""
