"""The table of resumable uploads. Times are Unix seconds."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from garaza.kit.models import Base, Seconds, partial_index


class Upload(Base):
    """A video that comes in parts. How much of it is here is the size of its file, and nothing else."""

    __tablename__ = "uploads"
    __table_args__ = (
        # What somebody's unfinished ones will take on disk.
        Index("ix_uploads_user_id_ended_at", "user_id", "ended_at", "length"),
        partial_index("ix_uploads_guest_ended_at", "guest", "ended_at", "length", where="guest IS NOT NULL"),
        Index("ix_uploads_expires_at", "expires_at"),
        # The same upload begun twice is one.
        partial_index(
            "uq_uploads_user_id_upload_key",
            "user_id",
            "upload_key",
            where="upload_key IS NOT NULL AND user_id IS NOT NULL",
            unique=True,
        ),
        partial_index(
            "uq_uploads_guest_upload_key",
            "guest",
            "upload_key",
            where="upload_key IS NOT NULL AND guest IS NOT NULL",
            unique=True,
        ),
    )

    id: Mapped[str] = mapped_column(String(22), primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    """Whose it is. None: a guest's, and whoever knows its id may go on with it."""
    guest: Mapped[str | None] = mapped_column(String(64))
    """Digest of the address that a guest's came from."""
    length: Mapped[int] = mapped_column(BigInteger)
    """Bytes that the whole video has."""
    told: Mapped[str] = mapped_column(Text)
    """Its Upload-Metadata, as the client sent it, and as it gets it back."""
    upload_key: Mapped[str | None] = mapped_column(String(255))
    """Idempotency key of its beginning, and of the scan that it ends in."""
    created_at: Mapped[float] = mapped_column(Seconds)
    expires_at: Mapped[float] = mapped_column(Seconds)
    ended_at: Mapped[float | None] = mapped_column(Seconds)
    """All of it was here, and was taken or refused. It is remembered for a client that missed the answer."""
    job_id: Mapped[str | None] = mapped_column(String(22))
    """The scan that it ended in. No foreign key: that was so, whatever has become of the scan."""
    refusal: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """Why it was refused: reason and details of a `ReconstructionFailure`."""
