"""The tables of machines."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from garaza.kit.models import Base, Seconds


class MachineKey(Base):
    """A program that may sign requests. Only its public key is here: nobody who reads this can sign."""

    __tablename__ = "machine_keys"

    id: Mapped[str] = mapped_column(String(22), primary_key=True)
    """The keyid of its signatures."""
    name: Mapped[str] = mapped_column(String(100))
    scope: Mapped[str] = mapped_column(String(16))
    """billing: may change plans; admin: may make admin calls."""
    public_key: Mapped[str] = mapped_column(Text)
    """Ed25519, PEM."""
    created_at: Mapped[float] = mapped_column(Seconds)
    revoked_at: Mapped[float | None] = mapped_column(Seconds)


class UsedNonce(Base):
    """A signature that has been seen. It is refused from then on, until it is too old anyway."""

    __tablename__ = "used_nonces"
    __table_args__ = (Index("ix_used_nonces_expires_at", "expires_at"),)

    key_id: Mapped[str] = mapped_column(ForeignKey("machine_keys.id", ondelete="CASCADE"), primary_key=True)
    nonce: Mapped[str] = mapped_column(String(128), primary_key=True)
    expires_at: Mapped[float] = mapped_column(Seconds)
