"""Time that stands still."""

from __future__ import annotations


class SettableClock:
    """Shows `now`, until a test sets it."""

    def __init__(self, now: float = 1_795_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now
