"""What is counted of searches: how they ended, and where their time went. For one event loop."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable
from typing import get_args

from garaza.furniture.search.found import Found
from garaza.furniture.search.spent import Part, spent
from garaza.kit.current_request import current_request
from garaza.kit.traffic import Histogram

OUTCOMES = ("meaning", "words", "browsing", "unavailable")
"""meaning: words and meaning were looked at; words: meaning couldn't be. browsing: nothing was written, or nothing is
left of it but constraints. unavailable: nothing is served yet."""
PARTS: tuple[Part, ...] = get_args(Part)
BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


class Tally:
    """See the module. A copy that is given out again is no search."""

    def __init__(self) -> None:
        self.searches: Counter[str] = Counter()
        """By outcome."""
        self.seconds = {part: Histogram(BOUNDS) for part in PARTS}
        """By part; together they are what searches took."""

    async def measured(self, search: Awaitable[Found]) -> Found:
        """What it comes to."""
        parts: dict[Part, float] = dict.fromkeys(PARTS, 0.0)
        token = spent.set(parts)
        began = time.perf_counter()
        try:
            found = await search
        finally:
            spent.reset(token)
        # Words are looked up while the text is encoded: what that takes beyond is what a search takes for it.
        parts["words"] = max(0.0, time.perf_counter() - began - parts["encode"] - parts["index"])
        self._add(found, parts)
        return found

    def _add(self, found: Found, parts: dict[Part, float]) -> None:
        if not found.understood.text:
            self.searches["browsing"] += 1
        else:
            self.searches["meaning" if found.semantic else "words"] += 1
        for part, seconds in parts.items():
            self.seconds[part].add(seconds)
        request = current_request.get()
        if request is not None:
            request.parts = {str(part): seconds for part, seconds in parts.items()}
