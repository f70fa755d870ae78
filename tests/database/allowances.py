"""Which queries may do what queries mustn't, and why that is bounded all the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SMALL_TABLES = {"machine_keys", "catalogue"}
"""A handful of programs, and a row that was put there by hand for each; the one row that says what is served."""

What = Literal["scans", "reads", "sorts", "wastes"]


@dataclass(frozen=True, slots=True)
class Allowance:
    """For one thing that a function does with a table."""

    place: str
    what: What
    table: str
    """Empty where it isn't about one table."""
    reason: str
    who: str = ""
    """For this account alone; empty: for all."""


COUNTED = "pages by number count 10,000 rows at most, and reach as deep, in the order that the table is in anyway"

OWN = "a sum over what one account has; it can't be wrong or late, as a counter could"
QUEUE = "the queue is never longer than `jobs.max_queued`, and is read in an index that holds nothing else"
EVERY = "an operator's figure, counted in indexes alone: ten milliseconds for a hundred thousand scans"
FIGURE = "of the whole catalogue, from an index without what products say; for an operator's command alone"

ALLOWED = [
    Allowance("accounts/repository.py:page", "scans", "users", COUNTED),
    Allowance("accounts/oversight.py:activities", "scans", "activities", COUNTED),
    Allowance("jobs/repository.py:page", "scans", "jobs", COUNTED),
    Allowance("jobs/repository.py:page", "wastes", "", "by state, of what one account has", who="heavy"),
    *(
        Allowance(f"jobs/repository.py:{name}", "wastes", "", QUEUE)
        for name in ("queue_positions", "queue_lengths", "next_due", "oldest_waiting", "published")
    ),
    Allowance("jobs/upkeep.py:count", "reads", "", EVERY),
    Allowance("jobs/upkeep.py:_read", "wastes", "", "when the disk is nearly full, and then 50 at a time"),
    *(
        Allowance(f"accounts/repository.py:{name}", "wastes", "", OWN)
        for name in ("value", "counters", "counters_and_latest")
    ),
    *(
        Allowance("furniture/repository.py:stats", what, table, FIGURE)
        for what, table in (("sorts", ""), ("wastes", ""), ("reads", ""))
    ),
    Allowance("rooms/repository.py:count", "wastes", "", OWN),
]
