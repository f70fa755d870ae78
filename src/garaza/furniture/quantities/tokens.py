"""What measures are written with: numbers, units, and words for ways."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from garaza.furniture.quantities.units import unit_of

Way = Literal["width", "depth", "height", "length", "diameter"]
WAYS: dict[str, Way] = {
    **dict.fromkeys(("w", "width", "wide"), "width"),
    **dict.fromkeys(("d", "depth", "deep"), "depth"),
    **dict.fromkeys(("h", "height", "high", "tall", "ht", "thick", "thickness", "th"), "height"),
    **dict.fromkeys(("l", "length", "long"), "length"),
    **dict.fromkeys(("dia", "diam", "diameter", "ø", "round"), "diameter"),
}
BEFORE = frozenset(["w", "d", "h", "l", "width", "depth", "height", "length", "dia", "diameter", "ø"])
"""Those that stand before their number. The rest only follow theirs: 60 inches wide."""
_NUMBER = r"(?:(?<![\w\"')])-)?(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)|\d+[.,]\d+|\d+|[.,]\d+)(?:e[+-]?\d+)?"
_FRACTION = r"\d{1,2}/(?:2|3|4|5|8|16|32|64)\b"
_TOKEN = re.compile(
    rf"(?P<alone>{_FRACTION})"
    rf"|(?P<number>{_NUMBER})(?:\s+(?P<fraction>{_FRACTION}))?"
    r"|(?P<by>[x*](?=\s|[\d(.,]|[wdhl]\b)|/(?=\s*\d)|\bby\b)"
    r"|(?P<mark>[\"'#ø])"
    r"|(?P<word>[^\W\d_]+)"
    r"|(?P<end>[;|\n]|\.(?=\s|\Z))"
    r"|(?P<other>[^\s\w])",
)


@dataclass(slots=True)
class Token:
    kind: Literal["number", "unit", "way", "by", "end", "word", "other"]
    text: str
    number: float = 0.0


def tokens(plain: str) -> Iterator[Token]:
    # Of "31-1/2" the fraction belongs to the number before; of "60cmx40cm" the x to neither.
    plain = re.sub(r"(\d)-(\d+/\d+)", r"\1 \2", plain)
    plain = re.sub(r"\b(in|ft|cm|mm|lbs?|oz|kg)\.(?!\d)", r"\1 ", plain)
    plain = re.sub(r"(\d\s*(?:cm|mm|m|in|inch|inches|ft|[\"'])?\s*[wdhl]?)x(?=\s*\d)", r"\1 x ", plain)
    for match in _TOKEN.finditer(plain):
        kind, text = match.lastgroup, match.group()
        if match["number"] or match["alone"]:
            yield Token("number", text, _number(match["number"], match["fraction"] or match["alone"]))
        elif kind == "by":
            yield Token("by", text)
        elif kind == "end":
            yield Token("end", text)
        elif text in WAYS:
            yield Token("way", text)
        elif kind in {"word", "mark"} and unit_of(text):
            yield Token("unit", text)
        else:
            yield Token("word" if kind == "word" else "other", text)


def _number(digits: str | None, fraction: str | None) -> float:
    number = 0.0
    if digits:
        if re.fullmatch(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?", digits):
            digits = digits.replace(",", "")
        number = float(digits.replace(",", "."))
    if fraction:
        top, bottom = fraction.split("/")
        number += int(top) / int(bottom)
    return number
