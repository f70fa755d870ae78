"""The table of webhooks."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from garaza.kit.models import Base, Seconds, partial_index


class Delivery(Base):
    """A message that has to reach somebody else's server. Written with the change that it tells of, or not at all."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        partial_index("ix_webhook_deliveries_due", "next_at", where="state = 'pending'"),
        Index("ix_webhook_deliveries_job_id", "job_id"),
        # Finished ones are forgotten by age.
        Index("ix_webhook_deliveries_created_at", "created_at"),
    )

    id: Mapped[str] = mapped_column(String(22), primary_key=True)
    job_id: Mapped[str] = mapped_column(String(22))
    """No foreign key: that a scan was deleted meanwhile doesn't unsay that it ended."""
    url: Mapped[str] = mapped_column(Text)
    event: Mapped[str] = mapped_column(String(32))
    body: Mapped[dict[str, Any]] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(String(16))
    """pending, delivered or given_up."""
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_at: Mapped[float] = mapped_column(Seconds)
    """When it is to be tried. Whoever tries it first moves this on, so that nobody else tries at the same time."""
    last_error: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[float] = mapped_column(Seconds)
    finished_at: Mapped[float | None] = mapped_column(Seconds)
