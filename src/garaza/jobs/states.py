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
    JobState.UPLOADED: frozenset({JobState.QUEUED, JobState.FAILED}),
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELLED, JobState.FAILED}),
    JobState.RUNNING: frozenset({JobState.COMPLETED, JobState.FAILED, JobState.QUEUED, JobState.CANCELLED}),
    JobState.COMPLETED: frozenset({JobState.FAILED}),
    JobState.FAILED: frozenset({JobState.QUEUED}),
    JobState.CANCELLED: frozenset({JobState.QUEUED}),
}
"""From each state, where to. Deleting is possible from all of them and leaves no row. What has not been tried, and what
was completed, fails when its files turn out to be lost."""


def client_status(state: JobState) -> str:
    """What existing clients read: queued and running look the same to them."""
    return "processing" if state in {JobState.QUEUED, JobState.RUNNING} else state.value


def states_of(status: str | None) -> list[JobState] | None:
    """The states that a client means by a status or by a phase; None: all of them.

    Raises:
        ValueError: there is none such.
    """
    if status is None:
        return None
    return [JobState.QUEUED, JobState.RUNNING] if status == "processing" else [JobState(status)]
