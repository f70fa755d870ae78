"""The header by which a client says that a request is the same as an earlier one."""

from __future__ import annotations

from typing import Any

IDEMPOTENCY_KEY: dict[str, Any] = {
    "min_length": 1,
    "max_length": 255,
    "pattern": r"^[\x21-\x7e]+$",
    "description": "Any text of the client's own, such as a UUID. The same one again repeats the answer, not the deed.",
}
"""Arguments for `fastapi.Header`."""
