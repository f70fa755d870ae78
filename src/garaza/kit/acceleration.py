"""Files that a proxy sends instead of us: X-Accel-Redirect, as nginx has it. Plain ASGI middleware.

A route answers as always; an answer that is a file below `root` leaves with its name in the place of its body, and with
all its headers, which the proxy has to hand on. It then reads the file, and the range that is wanted, by itself.

What a client sends under this name means nothing here, and the proxy's location is an internal one.
"""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path
from urllib.parse import quote

from starlette.types import ASGIApp, Receive, Scope, Send

from garaza.kit.asgi import headers_of

KEY = "garaza.accelerated"
HEADER = b"x-accel-redirect"


class Acceleration:
    """See the module.

    Args:
        root: the folder that the proxy's location is an alias of.
        prefix: of that location, with slashes around it.
    """

    def __init__(self, app: ASGIApp, *, root: Path, prefix: str) -> None:
        self._app = app
        self._root = root
        self._prefix = prefix

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """See the class."""
        # nginx makes a tag of its own for conditions: those that it would take for unmet are answered from here.
        if scope["type"] == "http" and _NOT_FOR_PROXIES.isdisjoint(headers_of(scope)):
            scope[KEY] = self
        return self._app(scope, receive, send)

    def address(self, path: Path) -> str | None:
        """What the proxy knows a file by; None: it doesn't."""
        # By the names alone: nothing is looked at on the disk.
        if not path.is_relative_to(self._root) or ".." in path.parts:
            return None
        return quote(self._prefix + path.relative_to(self._root).as_posix())


_NOT_FOR_PROXIES = frozenset({b"if-match", b"if-unmodified-since"})
