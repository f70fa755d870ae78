"""Which events have come since, for readers of a table that many write to at the same time.

Ids come from a counter that knows no transactions: on PostgreSQL an event may become visible after one with a larger
id. Whoever only asked for what is beyond the largest id seen would miss it. So the ids that are missing below it are
remembered for longer than a transaction can last, and asked for again. On SQLite writers come one after the other, and
nothing is ever missing but what was deleted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

_PATIENCE_SECONDS = 90.0
"""An id that hasn't turned up by then was drawn by a transaction that was rolled back, or is of a deleted job."""
LOOK_BACK = 500
"""So many ids are looked out for at most; a reader begins so far below the largest one, for those missing there."""


@dataclass(frozen=True, slots=True)
class News:
    """Something that happened to a job, as listeners are told of it."""

    id: int
    job_id: str
    user_id: int | None
    """Whose the job is; None: a guest's."""
    kind: str
    """As `JobEvent.kind`."""
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Mark:
    """How far somebody has read."""

    last: int
    """Largest id seen."""
    missing: dict[int, float] = field(default_factory=dict)
    """Smaller ids not seen, each with the time at which that was found."""

    def moved(self, seen: Sequence[int], now: float) -> Mark:
        """The mark after the events of these ids, in ascending order."""
        missing = {number: since for number, since in self.missing.items() if now - since < _PATIENCE_SECONDS}
        last = self.last
        for number in seen:
            if number <= last:
                missing.pop(number, None)
                continue
            for skipped in range(max(last + 1, number - LOOK_BACK), number):
                missing[skipped] = now
            last = number
        if not missing:
            return Mark(last)
        newest = sorted(missing)[-LOOK_BACK:]
        return Mark(last, {number: missing[number] for number in newest})

    def has_passed(self, number: int) -> bool:
        """Whether the event of this id was seen, if there is one."""
        return number <= self.last and number not in self.missing
