"""The states of a job and the ways between them."""

from __future__ import annotations

from enum import StrEnum


class JobState(StrEnum):
    UPLOADED = "uploaded"
    """The video is here; nobody has asked for more."""
    QUEUED = "queued"
    RUNNING = "running"
    """A worker holds a lease on it."""
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    """Somebody who may has stopped it. It can be asked for again."""


LEGAL: dict[JobState, frozenset[JobState]] = {
    JobState.UPLOADED: frozenset({JobState.QUEUED}),
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELLED}),
    JobState.RUNNING: frozenset({JobState.COMPLETED, JobState.FAILED, JobState.QUEUED, JobState.CANCELLED}),
    JobState.COMPLETED: frozenset(),
    JobState.FAILED: frozenset({JobState.QUEUED}),
    JobState.CANCELLED: frozenset({JobState.QUEUED}),
}
"""From each state, where to. Deleting is possible from all of them and leaves no row."""


def client_status(state: JobState) -> str:
    """What existing clients read: queued and running look the same to them."""
    return "processing" if state in {JobState.QUEUED, JobState.RUNNING} else state.value
