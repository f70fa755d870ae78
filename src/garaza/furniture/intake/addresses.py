"""Web addresses that may be given to browsers."""

from __future__ import annotations

import re
from string import punctuation
from urllib.parse import quote, urlsplit

from garaza.furniture.products import MAX_URL_LETTERS

_NEVER = re.compile(r"[\x00-\x20\x7f\\<>\"`{}|^]")
_STARTS = re.compile(r"https?://", re.IGNORECASE)


def web_address(text: str) -> str | None:
    """The address, with https where it says neither; None: it is none, or one with a password, or too long."""
    text = text.strip().strip("'\"")
    if text.startswith("//"):
        text = f"https:{text}"
    elif text.lower().startswith("www."):
        text = f"https://{text}"
    if len(text) > MAX_URL_LETTERS or not _STARTS.match(text):
        return None
    if not text.isascii():
        text = quote(text, safe=punctuation, errors="ignore")
    text = text.replace(" ", "%20")
    if len(text) > MAX_URL_LETTERS or _NEVER.search(text):
        return None
    try:
        parts = urlsplit(text)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return text if usable and "@" not in parts.netloc and "%" not in parts.netloc else None
