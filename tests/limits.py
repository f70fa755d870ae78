"""Limits that tests of other things never meet. They stay on, so that what they cost and say is always there."""

from __future__ import annotations

GENEROUS = {
    **{f"{name}_per_minute": 1_000_000 for name in ("auth", "upload", "search", "general", "polling", "assets")},
    "password_attempts": 1_000_000,
}
"""For the settings group `rate_limits`."""
GENEROUS_VARIABLES = {f"GARAZA_RATE_LIMITS__{name}".upper(): str(value) for name, value in GENEROUS.items()}
