"""How far a scan is, as copies of it are kept."""

from __future__ import annotations

from dataclasses import dataclass

from garaza.jobs.states import JobState
from garaza.scans.schemas import StatusAnswer


@dataclass(frozen=True, slots=True)
class KeptStatus:
    """The answer, and what decides who gets it."""

    user_id: int | None
    """Whose scan it is; None: a guest's."""
    answer: StatusAnswer

    def has_gone(self, now: float) -> bool:
        """Whether its time has come since."""
        return self.answer.expires_at is not None and self.answer.expires_at <= now


def seconds_to_keep(status: KeptStatus) -> float | None:
    """Not at all while it waits: its place in the queue changes with what happens to other scans."""
    return 0.0 if status.answer.phase == JobState.QUEUED.value else None
