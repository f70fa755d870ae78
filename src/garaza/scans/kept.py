"""What is kept of scans, and what decides who gets it."""

from __future__ import annotations

from dataclasses import dataclass

from garaza.jobs.states import JobState
from garaza.jobs.viewer import Viewer, may_see
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


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file of a result."""

    user_id: int | None
    """Whose scan it is; None: a guest's."""
    expires_at: float | None
    """When the scan's time has come."""
    version: str
    """Of the result."""
    path: str
    sha256: str
    media_type: str


def may_know(viewer: Viewer | None, status: KeptStatus, now: float) -> bool:
    """Whether a scan exists as far as `viewer` is concerned."""
    return not status.has_gone(now) and may_see(viewer, status)


def may_have(viewer: Viewer | None, file: KeptFile, now: float) -> bool:
    """Whether it exists as far as `viewer` is concerned."""
    return (file.expires_at is None or file.expires_at > now) and may_see(viewer, file)


def seconds_to_keep(status: KeptStatus) -> float | None:
    """Not at all while it waits: its place in the queue changes with what happens to other scans."""
    return 0.0 if status.answer.phase == JobState.QUEUED.value else None
