"""Uvicorn, saying where it is."""

from __future__ import annotations

import socket
from collections.abc import Callable

import typer
import uvicorn


class AnnouncingServer(uvicorn.Server):
    """Prints its address once it listens, not before: whoever reads it may connect.

    Args:
        stopping: called when it begins to stop: it waits for answers to end, and some would not by themselves.
    """

    def __init__(self, config: uvicorn.Config, address: str, stopping: Callable[[], None] | None = None) -> None:
        super().__init__(config)
        self._address = address
        self._stopping = stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """See `uvicorn.Server.startup`."""
        await super().startup(sockets)
        if self.started:
            typer.echo(f"Garaza is at {self._address}")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """See `uvicorn.Server.shutdown`."""
        if self._stopping is not None:
            self._stopping()
        await super().shutdown(sockets)
