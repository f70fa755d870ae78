"""What machines may do."""

from __future__ import annotations

from enum import StrEnum


class Scope(StrEnum):
    """What a key is for."""

    BILLING = "billing"
    """Change accounts' plans."""
    ADMIN = "admin"
    """Whatever an admin may, changing plans too."""
