"""How workers come to know that a job waits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from garaza.jobs.claims import Waiting


class BrokerUnavailableError(Exception):
    """The broker can't be reached now, or not within the time that it is given."""


class Dispatcher(Protocol):
    """Tells workers. The table stays the queue: a message lost, doubled or late only changes when work begins."""

    @property
    def needs_messages(self) -> bool:
        """Whether workers have to be told at all."""
        ...

    async def publish(self, jobs: Sequence[Waiting]) -> None:
        """Tell of these, in this order. They are committed by now, so that whoever hears of one finds it.

        Raises:
            BrokerUnavailableError: not all of them could be told; some may have been.
        """
        ...

    async def backlog(self) -> int:
        """How many messages nobody has taken yet.

        Raises:
            BrokerUnavailableError: it can't be asked.
        """
        ...

    async def close(self) -> None:
        """Give up connections."""
        ...
