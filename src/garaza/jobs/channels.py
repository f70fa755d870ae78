"""Where PostgreSQL tells, with the commit, that something has happened: see `kit.changes`."""

from __future__ import annotations

QUEUE_CHANNEL = "garaza_queue"
"""A job can be claimed now, or will be later."""
EVENTS_CHANNEL = "garaza_events"
"""Something has happened to a job."""
