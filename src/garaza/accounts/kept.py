"""What copies of accounts and logins go by; see `kit.cache`. Whoever writes one of their rows says so by this name."""

from __future__ import annotations


def account_name(user_id: int) -> str:
    """Of an account, with all its logins."""
    return f"account:{user_id}"


def login_name(session_id: str) -> str:
    """Of one login, with its access tokens."""
    return f"login:{session_id}"
