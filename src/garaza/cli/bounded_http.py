"""Uvicorn's HTTP, with bounds on what comes before a body: by itself it waits for ever, and keeps whatever is sent."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 1 << 16
HEAD_SECONDS = 30.0
"""From the connection, or the first byte of a further request, to the end of the headers; and from an early answer to
the end of its request."""
_MAX_UPGRADE_LINES = 100
_MAX_UPGRADE_LINE_BYTES = 8000
"""Both somewhat below the limits of `websockets`."""

_DETAIL = f"Send {MAX_HEAD_BYTES // 1024} KiB of headers at most, and {_MAX_UPGRADE_LINE_BYTES} bytes a line to /ws."
_BODY = (
    '{"type":"urn:garaza:problem:headers_too_large","title":"Request Header Fields Too Large","status":431,'
    f'"code":"headers_too_large","detail":"{_DETAIL}"}}'
)
_TOO_LARGE = (
    "HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: application/problem+json\r\n"
    f"Content-Length: {len(_BODY)}\r\nConnection: close\r\n\r\n{_BODY}"
).encode("ascii")


class BoundedHttp(HttpToolsProtocol):
    """See the module."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = True
        self._heads = 0
        self._head_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        self._start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`. What comes at once is bounded by the event loop: a quarter of a megabyte."""
        began_in_head, heads = self._in_head, self._heads
        if began_in_head:
            self._start_clock()
        super().data_received(data)
        if began_in_head and self._heads == heads:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
                self._refuse()

    def handle_websocket_upgrade(self) -> None:
        """What `websockets` finds too long it never answers, and the connection would stay for ever."""
        lines = [self.url, *(name + value for name, value in self.headers)]
        if len(lines) > _MAX_UPGRADE_LINES or max(map(len, lines)) > _MAX_UPGRADE_LINE_BYTES:
            self._refuse()
        else:
            super().handle_websocket_upgrade()

    def on_headers_complete(self) -> None:
        """The head has ended.

        Raises:
            ValueError: it isn't clear whom it is for, which is answered with 400. Of two hosts a proxy in front may
                have taken the other one; and what has no version had no headers either.
        """
        version = self.parser.get_http_version()
        hosts = [name for name, _ in self.headers].count(b"host")
        if hosts > 1 or (hosts == 0 and version != "1.0"):
            msg = "one Host"
            raise ValueError(msg)
        self._stop_clock()
        self._in_head = False
        self._heads += 1
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """What comes next is another head; until its first byte, Uvicorn's keep-alive timeout holds."""
        self._in_head = True
        self._head_bytes = 0
        self._stop_clock()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """An answer that came before the end of its request, mostly an error: the rest has its time too."""
        if not self._in_head:
            self._start_clock()
        super().on_response_complete()

    def _refuse(self) -> None:
        self.transport.write(_TOO_LARGE)
        self.transport.close()

    def _start_clock(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        # The answer to an earlier request may still be on its way.
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
