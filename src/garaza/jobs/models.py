"""The tables of jobs. Times are Unix seconds."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from garaza.jobs.states import JobState
from garaza.kit.models import Base, Seconds, Sequence, partial_index


class Job(Base):
    """One video on its way to a model."""

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint(f"state IN ({', '.join(repr(s.value) for s in JobState)})", name="state"),
        # Claiming takes the first of these; places in the queue are counted in it.
        partial_index("ix_jobs_queue", "rank", "id", "available_at", where="state = 'queued'"),
        partial_index("ix_jobs_leases", "lease_expires_at", where="state = 'running'"),
        partial_index("ix_jobs_expires_at", "expires_at", where="expires_at IS NOT NULL"),
        partial_index("ix_jobs_deleted_at", "deleted_at", where="deleted_at IS NOT NULL"),
        # The owner's list, newest first.
        Index("ix_jobs_user_id_created_at", "user_id", "created_at", "id"),
        # Everybody's list: whole, by state, and of what is to be done or being done.
        Index("ix_jobs_created_at", "created_at", "id"),
        # Of those not deleted, so that SQLite doesn't take it for queries of the queue, which has a better one.
        partial_index("ix_jobs_state_created_at", "state", "created_at", "id", where="deleted_at IS NULL"),
        partial_index("ix_jobs_processing_created_at", "created_at", "id", where="state IN ('queued', 'running')"),
        # Guests' scans, the oldest first: those that go when the disk is full.
        partial_index("ix_jobs_guests_created_at", "created_at", "id", where="user_id IS NULL"),
        # What somebody's files take.
        Index("ix_jobs_user_id_bytes", "user_id", "upload_bytes", "result_bytes"),
        partial_index("ix_jobs_guest", "guest", "upload_bytes", "result_bytes", where="guest IS NOT NULL"),
        # The same upload sent twice is one job.
        partial_index(
            "uq_jobs_user_id_upload_key",
            "user_id",
            "upload_key",
            where="upload_key IS NOT NULL AND user_id IS NOT NULL",
            unique=True,
        ),
        partial_index(
            "uq_jobs_guest_upload_key",
            "guest",
            "upload_key",
            where="upload_key IS NOT NULL AND guest IS NOT NULL",
            unique=True,
        ),
    )

    id: Mapped[str] = mapped_column(String(22), primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    """Whose it is: the account that uploaded it. None: a guest's, and whoever knows its id may use it. That is why the
    foreign key forbids deleting an account before its scans: they would be open to everybody."""
    guest: Mapped[str | None] = mapped_column(String(64))
    """Digest of the address that a guest's upload came from."""
    created_at: Mapped[float] = mapped_column(Seconds)
    expires_at: Mapped[float | None] = mapped_column(Seconds)
    """When it is deleted unless somebody keeps it; None: never."""
    deleted_at: Mapped[float | None] = mapped_column(Seconds)
    """Gone for every client. The row goes after the files, so that a crash between leaves something to go on from."""

    priority: Mapped[int] = mapped_column(Integer, default=0)
    """0 (first), 3, 6 or 9, by the plan of who asked."""
    rank: Mapped[float | None] = mapped_column(Seconds)
    """Place in the queue: when it was asked for, later by what its priority costs. Smaller is sooner."""
    queued_at: Mapped[float | None] = mapped_column(Seconds)
    available_at: Mapped[float | None] = mapped_column(Seconds)
    """Not to be claimed before: the backoff between attempts."""
    published_at: Mapped[float | None] = mapped_column(Seconds)
    """When a broker was last told of it; None where it has to be told, or where there is none."""
    started_at: Mapped[float | None] = mapped_column(Seconds)
    finished_at: Mapped[float | None] = mapped_column(Seconds)
    counted_at: Mapped[float | None] = mapped_column(Seconds)
    """When somebody's quota paid for it. Trying again costs nothing more."""

    fence: Mapped[int] = mapped_column(Integer, default=0)
    """Grows with each claim, and never falls. A worker writes only while the row still has the fence it claimed."""
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    """Begun since the job was last asked for."""
    lease_owner: Mapped[str | None] = mapped_column(String(100))
    lease_expires_at: Mapped[float | None] = mapped_column(Seconds)

    upload_key: Mapped[str | None] = mapped_column(String(255))
    """Idempotency key of the upload."""
    process_key: Mapped[str | None] = mapped_column(String(255))
    """Idempotency key of the request that queued it."""
    webhook_url: Mapped[str | None] = mapped_column(Text)
    """Who is told of its end."""

    original_name: Mapped[str] = mapped_column(String(255))
    """As the client named the file, cleaned; shown, never used as a path."""
    source: Mapped[dict[str, Any]] = mapped_column(JSON)
    """What the probe found: the fields of `SourceInfo`, and size_bytes."""
    upload_bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """Size on disk of the video."""
    result_bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """Size on disk of the result."""
    options: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """What was asked for: quality, engine, max_frames, known_length."""
    progress: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """Last report: stage, progress, current_frame, total_frames, message."""
    failure: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """reason, message, advice, details of the last attempt that failed."""
    result_version: Mapped[str | None] = mapped_column(String(32))
    """Which folder below the job's results is the result; None while there is none."""


class JobAttempt(Base):
    """One try at a job, and how it ended."""

    __tablename__ = "job_attempts"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    fence: Mapped[int] = mapped_column(Integer, primary_key=True)
    number: Mapped[int] = mapped_column(Integer)
    """Counted from 1 since the job was last asked for."""
    worker: Mapped[str] = mapped_column(String(100))
    began_at: Mapped[float] = mapped_column(Seconds)
    ended_at: Mapped[float | None] = mapped_column(Seconds)
    outcome: Mapped[str | None] = mapped_column(String(16))
    """completed, failed, lost, released or cancelled; None while it goes on."""
    stage: Mapped[str | None] = mapped_column(String(32))
    """Which stage it was in when it was last heard of."""
    failure: Mapped[dict[str, Any] | None] = mapped_column(JSON)


class JobEvent(Base):
    """Something that happened to a job, in order. Clients catch up from any of them."""

    __tablename__ = "job_events"
    __table_args__ = (
        Index("ix_job_events_job_id_id", "job_id", "id"),
        # What an account has missed, whichever of its jobs it is of.
        partial_index("ix_job_events_user_id_id", "user_id", "id", where="user_id IS NOT NULL"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Sequence, primary_key=True, autoincrement=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    user_id: Mapped[int | None] = mapped_column(Sequence)
    """Whose the job is, which never changes: said here once more for the index."""
    kind: Mapped[str] = mapped_column(String(16))
    """uploaded, queued, running, retrying, stage, progress, log, completed, failed, cancelled or deleted."""
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    at: Mapped[float] = mapped_column(Seconds)


class JobDeparture(Base):
    """That an account's job was deleted: the last of its events, which outlives the row for those who were away."""

    __tablename__ = "job_departures"
    __table_args__ = (Index("ix_job_departures_user_id_id", "user_id", "id"), Index("ix_job_departures_at", "at"))

    id: Mapped[int] = mapped_column(Sequence, primary_key=True, autoincrement=False)
    """The event's."""
    job_id: Mapped[str] = mapped_column(String(22))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    at: Mapped[float] = mapped_column(Seconds)


class JobFile(Base):
    """A file of a job's result. What has no row here is served to nobody."""

    __tablename__ = "job_files"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    path: Mapped[str] = mapped_column(Text, primary_key=True)
    media_type: Mapped[str] = mapped_column(String(100))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
