"""A line for each request, and one more for those that took long. Never a path as it was asked for, never a query: ids
of scans and links are keys to them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from typing import Any

from starlette.types import Scope

from garaza.kit.current_request import CurrentRequest
from garaza.kit.logs import FIELDS

access = logging.getLogger("garaza.access")
slow = logging.getLogger("garaza.slow")

_ERRORS = 500


class AccessLog:
    """See the module. For `watching.Told`.

    Args:
        every: whether each request is told of.
        slow_seconds: what may pass until an answer begins, without waiting for the client; None: however long.
        quiet: routes that are asked all the time by machines, and told of only when they fail.
        name_client: what is written of an address; None: nothing.
    """

    def __init__(
        self,
        *,
        every: bool = True,
        slow_seconds: float | None = 1.0,
        quiet: Collection[str] = (),
        name_client: Callable[[str], str] | None = None,
    ) -> None:
        self._every = every
        self._slow_seconds = slow_seconds
        self._quiet = frozenset(quiet)
        self._name_client = name_client

    def __call__(self, scope: Scope, route: str, request: CurrentRequest, seconds: float) -> None:
        """A request has ended."""
        is_socket = scope["type"] == "websocket"
        method = "WS" if is_socket else scope["method"]
        status = request.status
        if self._every and access.isEnabledFor(logging.INFO) and (route not in self._quiet or status >= _ERRORS):
            fields = self._fields(scope, request, method, route)
            fields["seconds"] = round(seconds, 6)
            _write(access, logging.INFO, f"{method} {route} {status}", fields)
        if self._slow_seconds is not None and not is_socket and request.working > self._slow_seconds:
            fields = self._fields(scope, request, method, route)
            fields["working_seconds"] = round(request.working, 6)
            text = f"{method} {route} was slow: {request.working:.2f} s"
            _write(slow, logging.WARNING, text, fields)

    def _fields(self, scope: Scope, request: CurrentRequest, method: str, route: str) -> dict[str, Any]:
        client = scope.get("client")
        return {
            "method": method,
            "route": route,
            "status": request.status,
            "bytes": request.sent,
            "received_bytes": request.received or None,
            "queries": request.queries,
            "database_seconds": round(request.database, 6),
            "waited_seconds": round(request.waited, 6) if request.received else None,
            "client": self._name_client(client[0]) if client and self._name_client is not None else None,
        }


def _write(logger: logging.Logger, level: int, text: str, fields: dict[str, Any]) -> None:
    # Not by `logger.log`, which looks at the stack for who called: as much work again, to find this line.
    record = logging.LogRecord(logger.name, level, __file__, 0, text, None, None)
    setattr(record, FIELDS, fields)
    logger.handle(record)
