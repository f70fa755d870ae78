"""The tables of accounts."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, CheckConstraint, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from garaza.accounts.plans import Plan
from garaza.kit.models import Base, Seconds, Sequence, partial_index


class Role(StrEnum):
    USER = "user"
    ADMIN = "admin"


def _one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    listed = ", ".join(repr(value.value) for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


class User(Base):
    """Somebody with an account."""

    __tablename__ = "users"
    __table_args__ = (
        _one_of("role", Role),
        _one_of("plan", Plan),
        # The admins' list, newest first: by plan, by state, and by both.
        Index("ix_users_plan_id", "plan", "id"),
        Index("ix_users_is_active_id", "is_active", "id"),
        Index("ix_users_plan_is_active", "plan", "is_active", "id"),
        # Whether somebody is the last one.
        partial_index("ix_users_admins", "id", where="role = 'admin'"),
        partial_index("ix_users_deleted_at", "deleted_at", where="deleted_at IS NOT NULL"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Sequence, primary_key=True, autoincrement=True)
    email: Mapped[str] = mapped_column(String(254))
    """As it was given."""
    email_key: Mapped[str] = mapped_column(String(254), unique=True)
    """The same in the form that is compared."""
    username: Mapped[str] = mapped_column(String(50))
    username_key: Mapped[str] = mapped_column(String(150), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    role: Mapped[str] = mapped_column(String(16), default=Role.USER.value)
    plan: Mapped[str] = mapped_column(String(16), default=Plan.FREE.value)
    is_active: Mapped[bool] = mapped_column(Boolean, default=True)
    created_at: Mapped[float] = mapped_column(Seconds)
    deleted_at: Mapped[float | None] = mapped_column(Seconds)
    """Gone for everybody; the row goes when the files have gone."""
    scans_month: Mapped[int] = mapped_column(Integer, default=0)
    """Which month `scans_this_month` counts, as 202611; in another one it reads as none, so nothing has to reset it."""
    scans_this_month: Mapped[int] = mapped_column(Integer, default=0)
    total_scans: Mapped[int] = mapped_column(Integer, default=0)


class LoginSession(Base):
    """A login and all the refresh tokens that came from it, of which only the newest is good."""

    __tablename__ = "login_sessions"
    __table_args__ = (
        # Somebody's logins, the newest first: a program that signs in each time has thousands.
        Index("ix_login_sessions_user_id_created_at", "user_id", "created_at"),
        Index("ix_login_sessions_expires_at", "expires_at"),
    )

    id: Mapped[str] = mapped_column(String(22), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    token_hash: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the secret part of the newest refresh token, in hex."""
    created_at: Mapped[float] = mapped_column(Seconds)
    refreshed_at: Mapped[float] = mapped_column(Seconds)
    expires_at: Mapped[float] = mapped_column(Seconds)
    """Of the newest refresh token."""
    revoked_at: Mapped[float | None] = mapped_column(Seconds)


class RevokedToken(Base):
    """An access token that was taken back before its time."""

    __tablename__ = "revoked_tokens"
    __table_args__ = (Index("ix_revoked_tokens_expires_at", "expires_at"),)

    jti: Mapped[str] = mapped_column(String(22), primary_key=True)
    expires_at: Mapped[float] = mapped_column(Seconds)
    """From when on the row is of no use, since the token isn't either."""


class Activity(Base):
    """Something that somebody did: what a person reads in the profile, and an operator as the audit trail."""

    __tablename__ = "activities"
    __table_args__ = (
        Index("ix_activities_user_id_created_at", "user_id", "created_at", "id"),
        Index("ix_activities_user_id_action", "user_id", "action", "created_at", "id"),
        Index("ix_activities_action", "action", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Sequence, primary_key=True, autoincrement=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    action: Mapped[str] = mapped_column(String(50))
    description: Mapped[str] = mapped_column(String(500))
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[float] = mapped_column(Seconds)


class GuestDay(Base):
    """Scans without an account, of one address on one day (UTC)."""

    __tablename__ = "guest_days"

    day: Mapped[int] = mapped_column(Integer, primary_key=True)
    """As 20261124. First, since old ones are removed by it."""
    address: Mapped[str] = mapped_column(String(64), primary_key=True)
    """A digest: who came from where is nobody's business for longer than it takes to count."""
    scans: Mapped[int] = mapped_column(BigInteger, default=0)
