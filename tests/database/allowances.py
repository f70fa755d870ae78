"""Which queries may do what queries mustn't, and why that is bounded all the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SMALL_TABLES = {"machine_keys"}
"""A handful of programs, and a row that was put there by hand for each."""

What = Literal["scans", "walks", "reads", "sorts"]


@dataclass(frozen=True, slots=True)
class Allowance:
    """For one thing that a function does with a table."""

    place: str
    what: What
    table: str
    """Empty where it isn't about one table."""
    reason: str


COUNTED = "pages by number count 10,000 rows at most, and reach as deep, in the order that the table is in anyway"

ALLOWED = [
    Allowance("accounts/repository.py:page", "scans", "users", COUNTED),
    Allowance("accounts/oversight.py:activities", "scans", "activities", COUNTED),
]
