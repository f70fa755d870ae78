"""Identifiers that can't be guessed."""

from __future__ import annotations

import re
import secrets

_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LENGTH = 22
_PATTERN = re.compile(rf"[0-9A-Za-z]{{{_LENGTH}}}")


def new_id() -> str:
    """131 random bits as 22 letters and digits: whoever has it was given it. Safe in URLs, paths and shells."""
    return "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))


def is_id(text: str) -> bool:
    """Whether `text` could have come from `new_id`; anything else need not be looked up."""
    return _PATTERN.fullmatch(text) is not None
