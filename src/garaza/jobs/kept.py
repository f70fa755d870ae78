"""What copies of jobs go by; see `kit.cache`. Whoever writes a job's row says so by this name."""

from __future__ import annotations

PREFIX = "job:"


def job_name(job_id: str) -> str:
    """Of one job."""
    return PREFIX + job_id
