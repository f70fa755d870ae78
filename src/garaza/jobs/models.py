"""The tables of jobs. Times are Unix seconds: exact, portable, and ordered without knowing a time zone."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, Float, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from garaza.jobs.states import JobState
from garaza.kit.models import Base

# SQLite makes only a plain INTEGER primary key count by itself.
Sequence = BigInteger().with_variant(Integer(), "sqlite")


class Job(Base):
    """One video on its way to a model."""

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint(f"state IN ({', '.join(repr(s.value) for s in JobState)})", name="state"),
        # Claiming takes the first of these; finding expired leases and expired scans reads only their part.
        Index("ix_jobs_claim", "state", "priority", "queued_at"),
        Index("ix_jobs_lease", "state", "lease_expires_at"),
        Index("ix_jobs_expires_at", "expires_at"),
    )

    id: Mapped[str] = mapped_column(String(22), primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    priority: Mapped[int] = mapped_column(Integer, default=0)
    """Smaller is sooner."""
    created_at: Mapped[float] = mapped_column(Float(53))
    expires_at: Mapped[float | None] = mapped_column(Float(53))
    """When it is deleted unless somebody keeps it; None: never."""
    queued_at: Mapped[float | None] = mapped_column(Float(53))
    available_at: Mapped[float | None] = mapped_column(Float(53))
    """Not to be claimed before: the backoff between attempts."""
    started_at: Mapped[float | None] = mapped_column(Float(53))
    finished_at: Mapped[float | None] = mapped_column(Float(53))

    fence: Mapped[int] = mapped_column(Integer, default=0)
    """Grows with each claim, and never falls. A worker writes only while the row still has the fence it claimed."""
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    """Begun since the job was last asked for."""
    lease_owner: Mapped[str | None] = mapped_column(String(100))
    lease_expires_at: Mapped[float | None] = mapped_column(Float(53))

    original_name: Mapped[str] = mapped_column(String(255))
    """As the client named the file, cleaned; shown, never used as a path."""
    source: Mapped[dict[str, Any]] = mapped_column(JSON)
    """What the probe found: the fields of `SourceInfo`, and size_bytes."""
    options: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """What was asked for: quality, engine, max_frames, known_length."""
    progress: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """Last report: stage, progress, current_frame, total_frames, message."""
    failure: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """reason, message, advice, details of the last attempt that failed."""
    result_version: Mapped[str | None] = mapped_column(String(32))
    """Which folder below the job's results is the result; None while there is none."""


class JobEvent(Base):
    """Something that happened to a job, in order. Clients catch up from any of them."""

    __tablename__ = "job_events"
    __table_args__ = (Index("ix_job_events_job_id_id", "job_id", "id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Sequence, primary_key=True, autoincrement=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(16))
    """queued, running, retrying, progress, completed or failed."""
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    at: Mapped[float] = mapped_column(Float(53))


class JobFile(Base):
    """A file of a job's result. What has no row here is served to nobody."""

    __tablename__ = "job_files"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    path: Mapped[str] = mapped_column(Text, primary_key=True)
    media_type: Mapped[str] = mapped_column(String(100))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
