"""What uploads send."""

from __future__ import annotations

from pydantic import BaseModel, Field


class UploadAnswer(BaseModel):
    """A video that was taken in, with what the probe found in it."""

    job_id: str
    status: str = "uploaded"
    filename: str
    size_bytes: int
    width: int = Field(description="Pixels, after rotation.")
    height: int
    duration_s: float
    frame_rate: float
    frame_count: int
    codec: str
    expires_at: float | None = Field(description="Unix time at which the scan is deleted.")
