"""What uploads send."""

from __future__ import annotations

from pydantic import Field

from garaza.jobs.models import Job
from garaza.kit.answers import Answer, Omitted


class NotProcessed(Answer):
    """Why a video that was taken in is not being processed, though that was wished for."""

    code: str
    detail: str


class UploadAnswer(Answer):
    """A video that was taken in, with what the probe found in it."""

    job_id: str
    status: str = Field("uploaded", description="uploaded; processing, where that was asked for at once.")
    filename: str
    size_bytes: int
    width: int = Field(description="Pixels, after rotation.")
    height: int
    duration_s: float
    frame_rate: float
    frame_count: int
    codec: str
    expires_at: Omitted[float] = Field(default=None, description="Unix time at which the scan is deleted.")
    queue_position: Omitted[int] = None
    not_processed: Omitted[NotProcessed] = None

    @classmethod
    def of(cls, job: Job) -> UploadAnswer:
        """Before anything was asked of it."""
        found = {name: job.source[name] for name in cls.model_fields if name in job.source}
        return cls(job_id=job.id, filename=job.original_name, expires_at=job.expires_at, **found)
