"""What goes over the wire about operating the service."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from garaza.accounts.models import Activity, Role
from garaza.accounts.plans import Plan
from garaza.accounts.schemas import ActivityBody, StatsBody, UserBody
from garaza.jobs.models import Job
from garaza.jobs.states import JobState, client_status
from garaza.kit.answers import Answer
from garaza.kit.lists import ListAnswer
from garaza.kit.times import iso_time

GB = 1e9
HOUR_SECONDS = 3600

Status = Literal["uploaded", "processing", "queued", "running", "completed", "failed", "cancelled"]


class AdminJob(Answer):
    """A scan as an operator sees it."""

    job_id: str
    size_bytes: int = Field(description="On disk: the video and the result.")
    size_gb: float
    modified: str = Field(description="When something last happened to it. ISO 8601, UTC.")
    age_hours: float = Field(description="Since then.")
    status: str
    phase: str
    user_id: int | None = Field(description="null: a guest's.")
    filename: str
    upload_bytes: int
    result_bytes: int
    attempts: int
    created_at: str
    expires_at: str | None

    @classmethod
    def of(cls, job: Job, now: float) -> AdminJob:
        size = job.upload_bytes + job.result_bytes
        modified = max(job.created_at, job.queued_at or 0, job.started_at or 0, job.finished_at or 0)
        return cls(
            job_id=job.id,
            size_bytes=size,
            size_gb=round(size / GB, 3),
            modified=iso_time(modified),
            age_hours=round(max(now - modified, 0) / HOUR_SECONDS, 2),
            status=client_status(JobState(job.state)),
            phase=job.state,
            user_id=job.user_id,
            filename=job.original_name,
            upload_bytes=job.upload_bytes,
            result_bytes=job.result_bytes,
            attempts=job.attempts,
            created_at=iso_time(job.created_at),
            expires_at=iso_time(job.expires_at) if job.expires_at is not None else None,
        )


class JobList(ListAnswer):
    """Scans, newest first."""

    jobs: list[AdminJob]


class DiskAnswer(Answer):
    """The disk that everything is kept on. Measured at most some seconds ago."""

    total_bytes: int
    used_bytes: int
    free_bytes: int = Field(description="For an unprivileged writer.")
    used_percent: float
    by_kind: dict[str, int] = Field(description="Bytes of uploads, results, work, incoming, partial, trash, database.")
    garaza_bytes: int = Field(description="All of these.")
    elsewhere: dict[str, int] | None = Field(
        description="Bytes of uploads and results in the object storage, measured at most some minutes ago. null: "
        "there is none, or it can't be reached."
    )
    jobs: int
    measured_at: str


class CleanupAnswer(Answer):
    """Scans that were deleted, or would be."""

    dry_run: bool
    max_age_hours: float
    count: int
    freed_bytes: int = Field(description="Without what rooms keep.")
    job_ids: list[str] = Field(description="The first hundred.")
    more: bool = Field(description="There are more: ask again.")


class MemoryBody(Answer):
    """Of one process."""

    rss_bytes: int | None
    peak_bytes: int | None


class MemoryAnswer(MemoryBody):
    """What the service's process takes."""

    components: dict[str, int | None] = Field(description="Bytes, of each part that knows.")
    gc_collections: list[int] = Field(description="Of each generation, since the start.")
    gc_waiting: list[int] = Field(description="Objects made since each generation was last collected.")
    threads: int
    open_files: int | None
    database_connections: dict[str, int]


class ClearAnswer(Answer):
    """What letting go of memory came to."""

    before: MemoryBody
    after: MemoryBody
    freed_bytes: int = Field(description="0 if the process grew meanwhile.")
    collected_objects: int
    trimmed: bool = Field(description="Whether the allocator could be told to give pages back.")


class UserList(ListAnswer):
    """Accounts, newest first."""

    users: list[UserBody]


class UserAnswer(UserBody):
    """An account, and what it has used."""

    stats: StatsBody


class UserChange(BaseModel):
    """What is left out, or null, stays as it is."""

    model_config = ConfigDict(extra="forbid")

    is_active: bool | None = None
    role: Role | None = None
    plan: Plan | None = None


class AuditBody(ActivityBody):
    """Something that somebody did."""

    user_id: int
    details: dict[str, Any]

    @classmethod
    def told(cls, activity: Activity, now: float) -> AuditBody:
        body = ActivityBody.of(activity, now)
        return cls(**dict(body), user_id=activity.user_id, details=activity.details)


class AuditList(ListAnswer):
    """What was done, newest first."""

    activities: list[AuditBody]
