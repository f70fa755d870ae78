"""Times as people and other programs read them."""

from __future__ import annotations

from datetime import UTC, datetime

_UNITS = (("year", 365 * 86400), ("month", 30 * 86400), ("day", 86400), ("hour", 3600), ("minute", 60))


def iso_time(seconds: float) -> str:
    """Unix time as ISO 8601 in UTC: 2026-11-24T18:20:00.000Z."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def time_ago(at: float, now: float) -> str:
    """As "5 minutes ago". What another clock puts into the future is just now."""
    passed = now - at
    for unit, length in _UNITS:
        if passed >= length:
            number = int(passed // length)
            return f"{number} {unit}{'s' if number > 1 else ''} ago"
    return "just now"
