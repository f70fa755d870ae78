"""Whose jobs are done first."""

from __future__ import annotations

import math

from garaza.accounts.plans import Plan

PRIORITIES: dict[Plan, int] = {Plan.ENTERPRISE: 0, Plan.PRO: 3, Plan.FREE: 6}
GUEST_PRIORITY = 9

STEPS = (*PRIORITIES.values(), GUEST_PRIORITY)
"""All priorities there are, the first to be done first. They are the steps that Celery makes on Redis, too."""


def rank(queued_at: float, priority: int, head_start: float) -> float:
    """Place in the queue; the smallest is done first.

    Each step waits `head_start` seconds longer than the one above it before it comes before those of that step who are
    asked for later. So everybody's turn comes, and no place ever has to be changed.
    """
    return queued_at + STEPS.index(priority) * head_start


def priority_at(rank: float, now: float, head_start: float) -> int:
    """The priority that somebody who is asked for now would need for a place about there."""
    # Times are exact to the microsecond only.
    steps = math.ceil((rank - now) / head_start - 1e-6) if head_start > 0 else 0
    return STEPS[min(max(steps, 0), len(STEPS) - 1)]
