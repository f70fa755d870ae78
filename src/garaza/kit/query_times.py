"""What statements cost: counted for the request that they are for and in all, and told of when they are slow."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from garaza.kit.current_request import current_request

_BEGIN = "BEGIN"

Statement = Callable[[str, Any, float, float], None]
"""Called after each statement: its text, its parameters, when it began (of `time.perf_counter`) and what it took."""


class QueryTimes:
    """Counts what an engine is asked.

    Beginning a transaction is no query; what that takes, `Database` adds to its request itself, along with waiting for
    a connection and committing.

    Args:
        hear: hear of each statement, in this order. What they do delays it.
    """

    def __init__(self, engine: AsyncEngine, hear: list[Statement] | None = None) -> None:
        self.queries = 0
        self.seconds = 0.0
        self._hear = hear or []
        event.listen(engine.sync_engine, "before_cursor_execute", self._before)
        event.listen(engine.sync_engine, "after_cursor_execute", self._after)

    def _before(self, _connection: Any, _cursor: Any, _text: str, _given: Any, context: Any, _many: bool) -> None:
        context._garaza_began = time.perf_counter()  # noqa: SLF001 - ours, on their object

    def _after(self, _connection: Any, _cursor: Any, text: str, given: Any, context: Any, _many: bool) -> None:
        if text.startswith(_BEGIN):
            return
        began = context._garaza_began  # noqa: SLF001 - as above
        seconds = time.perf_counter() - began
        self.queries += 1
        self.seconds += seconds
        request = current_request.get()
        if request is not None:
            request.queries += 1
            request.database += seconds
        for hear in self._hear:
            hear(text, given, began, seconds)
