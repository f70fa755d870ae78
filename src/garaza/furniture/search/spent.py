"""Where the time of a search goes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

Part = Literal["encode", "index", "words"]
"""Waiting for the model; waiting for the index, and what is counted and fetched meanwhile; all else: what is done with
words, ranking, and waiting for a turn.
"""

spent: ContextVar[dict[Part, float] | None] = ContextVar("spent", default=None)
"""Seconds, of the search that this is done for; None: nobody wants to know."""


@contextmanager
def spending(part: Part) -> Iterator[None]:
    """Note what is done within as this part of the search."""
    parts = spent.get()
    began = time.perf_counter()
    try:
        yield
    finally:
        if parts is not None:
            parts[part] = parts.get(part, 0.0) + time.perf_counter() - began
