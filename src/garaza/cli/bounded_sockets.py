"""Uvicorn's WebSockets, for thousands that do nothing and for clients that don't read."""

from __future__ import annotations

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

MAX_UNREAD_BYTES = 1 << 18
"""Of answers to pings: what else is sent waits for the client to read."""


class BoundedSockets(WebSocketsSansIOProtocol):
    """By itself it answers each ping at once, whether or not the answers are read, and waits for ever for a client that
    reads nothing to take the rest, when it has been given up.
    """

    def start_keepalive(self) -> None:
        """See the class above. The handshake is over, and what it was about isn't asked for again."""
        self.request = self.response = None  # type: ignore[assignment]
        super().start_keepalive()

    def handle_ping(self) -> None:
        """See the class above."""
        if self.transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
            self.transport.abort()
        else:
            super().handle_ping()

    def keepalive_timeout(self) -> None:
        """See the class above."""
        super().keepalive_timeout()
        self._give_up()

    def on_task_complete(self, task: object) -> None:
        """The application has ended, and the connection with it, after a moment for the goodbye."""
        super().on_task_complete(task)  # type: ignore[arg-type]
        if self.transport.get_write_buffer_size():
            self.loop.call_later(self.close_timeout, self._give_up)

    def _give_up(self) -> None:
        if self.transport.get_write_buffer_size():
            self.transport.abort()
