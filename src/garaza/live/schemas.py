"""What goes over the wire."""

from __future__ import annotations

from pydantic import BaseModel, Field


class TicketAnswer(BaseModel):
    """Opens one connection."""

    ticket: str = Field(description="For `?ticket=` of /ws, /ws/{job_id} or /api/events; good once.")
    expires_in: int = Field(description="Seconds within which it has to be used.")
