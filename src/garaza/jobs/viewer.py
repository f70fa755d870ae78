"""Who asks for a job."""

from __future__ import annotations

from typing import Protocol


class Viewer(Protocol):
    """Somebody who has signed in."""

    @property
    def user_id(self) -> int: ...

    @property
    def is_admin(self) -> bool: ...


class Owned(Protocol):
    """A job, or a copy of what is known of it."""

    @property
    def user_id(self) -> int | None: ...


def may_see(viewer: Viewer | None, job: Owned) -> bool:
    """Whether a job exists as far as `viewer` is concerned. A guest's is open to everybody who knows its id."""
    return job.user_id is None or (viewer is not None and (viewer.is_admin or viewer.user_id == job.user_id))
