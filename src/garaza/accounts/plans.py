"""What each plan allows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

GIB = 1 << 30
UNLIMITED = -1
"""As clients read it."""


class Plan(StrEnum):
    FREE = "free"
    PRO = "pro"
    ENTERPRISE = "enterprise"


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one plan."""

    display: str
    scans_per_month: int
    storage_bytes: int
    rooms: int


LIMITS: dict[Plan, Limits] = {
    Plan.FREE: Limits("Free", 3, 1 * GIB, 5),
    Plan.PRO: Limits("Pro", UNLIMITED, 50 * GIB, 100),
    Plan.ENTERPRISE: Limits("Enterprise", UNLIMITED, 500 * GIB, UNLIMITED),
}

ORDER = (Plan.FREE, Plan.PRO, Plan.ENTERPRISE)
"""From the smallest to the largest: whoever moves to the right pays more."""
