"""The tables of rooms."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from garaza.kit.models import Base, Seconds, Sequence, partial_index


class Room(Base):
    """A result kept under a name. It refers to the result's folder, which stays as long as a job or a room does."""

    __tablename__ = "rooms"
    __table_args__ = (
        Index("ix_rooms_user_id_created_at", "user_id", "created_at", "id"),
        # Whether a folder may go; and what somebody's rooms take.
        Index("ix_rooms_job_id_version_user_id", "job_id", "version", "user_id"),
        partial_index("ix_rooms_deleted_at", "deleted_at", where="deleted_at IS NOT NULL"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Sequence, primary_key=True, autoincrement=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    job_id: Mapped[str] = mapped_column(String(22))
    """No foreign key: a room outlives the job that it was made from."""
    version: Mapped[str] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(String(1000), default="")
    frame_count: Mapped[int] = mapped_column(Integer)
    point_count: Mapped[int] = mapped_column(Integer)
    model_used: Mapped[str] = mapped_column(String(50))
    original_width: Mapped[int] = mapped_column(Integer)
    original_height: Mapped[int] = mapped_column(Integer)
    levels: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    """The model in its sizes: the fields of `ModelLevel`. So a list of rooms opens no files."""
    file_size_bytes: Mapped[int] = mapped_column(BigInteger)
    """Of the whole folder."""
    created_at: Mapped[float] = mapped_column(Seconds)
    updated_at: Mapped[float] = mapped_column(Seconds)
    deleted_at: Mapped[float | None] = mapped_column(Seconds)
    """Gone for every client; the row goes when its files have gone."""


class RoomFile(Base):
    """A file of a room. What has no row here is served to nobody."""

    __tablename__ = "room_files"

    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id", ondelete="CASCADE"), primary_key=True)
    path: Mapped[str] = mapped_column(Text, primary_key=True)
    media_type: Mapped[str] = mapped_column(String(100))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))


class RoomShare(Base):
    """A link that opens one room to whoever has it, to read."""

    __tablename__ = "room_shares"
    __table_args__ = (Index("ix_room_shares_room_id", "room_id"), Index("ix_room_shares_expires_at", "expires_at"))

    id: Mapped[str] = mapped_column(String(22), primary_key=True)
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id", ondelete="CASCADE"))
    created_at: Mapped[float] = mapped_column(Seconds)
    expires_at: Mapped[float] = mapped_column(Seconds)
    revoked_at: Mapped[float | None] = mapped_column(Seconds)
