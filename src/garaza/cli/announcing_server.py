"""Uvicorn, saying where it is."""

from __future__ import annotations

import socket

import typer
import uvicorn


class AnnouncingServer(uvicorn.Server):
    """Prints its address once it listens, not before: whoever reads it may connect."""

    def __init__(self, config: uvicorn.Config, address: str) -> None:
        super().__init__(config)
        self._address = address

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """See `uvicorn.Server.startup`."""
        await super().startup(sockets)
        if self.started:
            typer.echo(f"Garaza is at {self._address}")
