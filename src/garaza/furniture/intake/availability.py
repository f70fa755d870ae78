"""Whether a product is in stock, from what a shop says of it."""

from __future__ import annotations

import re

MAX_STOCK = 1_000_000

_LEFT = re.compile(r"\b(?:only\s+)?(\d{1,9})\s+(?:left|remaining|in\s*stock|available|pieces?|units?)\b")
_NUMBER = re.compile(r"(\d{1,9})(?:\.0+)?")
_GONE = re.compile(
    r"unavailable|out[\s_-]*of[\s_-]*stock|not\s+in\s+stock|no\s+stock|sold[\s_-]*out|not\s+(?:currently\s+)?available|"
    r"discontinued|no\s+longer|back\s+in\s+stock|in\s+stock\s+(?:soon|on|by|from)\b|coming\s+soon|back[\s_-]*order|"
    r"outofstock|soldout|backorder|^(?:false|no|n)$"
)
_THERE = re.compile(
    r"in[\s_-]*stock|instock|\bavailable\b|usually\s+ships|ships\s+(?:in|within|from)|order\s+(?:soon|now)|"
    r"limitedavailability|onlineonly|^(?:true|yes|y)$"
)


def stock_of(text: str) -> tuple[bool | None, int | None]:
    """Whether it is there, and how many, where that is said. A number alone is how many."""
    plain = text.casefold().strip()
    if alone := _NUMBER.fullmatch(plain):
        return _counted(int(alone[1]))
    if _GONE.search(plain):
        return False, None
    if left := _LEFT.search(plain):
        return _counted(int(left[1]))
    return (True, None) if _THERE.search(plain) else (None, None)


def _counted(number: int) -> tuple[bool, int | None]:
    return number > 0, number if number <= MAX_STOCK else None
