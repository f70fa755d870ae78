"""When a shop changed a row of its catalogue last, where it says so: of two with one asin the newer one is kept."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime

_NAMES = (
    "updated_at",
    "last_updated",
    "modified_at",
    "last_modified",
    "updated",
    "modified",
    "scraped_at",
    "timestamp",
)
_MOST_SECONDS = 1e11
"""Larger numbers are milliseconds: as seconds they would be of the year 5138."""


def stamp_of(row: Mapping[str, object]) -> float | None:
    """Unix seconds; None where the row doesn't say, or says what can't be understood."""
    names = {name.strip().lower(): name for name in row if isinstance(name, str)}
    for name in _NAMES:
        if name in names and (stamp := _seconds(row[names[name]])) is not None:
            return stamp
    return None


def _seconds(given: object) -> float | None:
    if isinstance(given, datetime):
        return _of(given)
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        return None
    text = str(given).strip()[:40]
    try:
        number = float(text)
    except ValueError:
        return _of_text(text)
    if not math.isfinite(number):
        return None
    return number / 1000 if abs(number) > _MOST_SECONDS else number


def _of_text(text: str) -> float | None:
    try:
        return _of(datetime.fromisoformat(text))
    except ValueError:
        return None


def _of(moment: datetime) -> float | None:
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (OverflowError, OSError, ValueError):
        return None
