"""A query as tokens, and the quantities in it. Each token is looked at a bounded number of times."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from garaza.furniture.quantities import length_cm

_SIGNS = str.maketrans("×″“”′’‘–—≤≥\u00a0", "x\"\"\"'''--<> ")
_TOKEN = re.compile(
    r"(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)|\d+(?:\.\d+)?)|(?P<word>w/o\b|[^\W\d_]+)|(?P<sign>[^\s\w])"
)
_CURRENCIES = {"$": "$", "€": "€", "£": "£"}
_MONEY = {
    **dict.fromkeys(("dollar", "dollars", "usd", "bucks", "buck", "$"), "$"),
    **dict.fromkeys(("euro", "euros", "eur", "€"), "€"),
    **dict.fromkeys(("gbp", "quid", "£"), "£"),
}
_LENGTHS = {
    **dict.fromkeys(("cm", "cms", "centimeter", "centimeters", "centimetre", "centimetres"), "cm"),
    **dict.fromkeys(("mm", "millimeter", "millimeters", "millimetre", "millimetres"), "mm"),
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), "m"),
    **dict.fromkeys(("in", "inch", "inches", '"'), "in"),
    **dict.fromkeys(("ft", "foot", "feet", "'"), "ft"),
}
AXES = {
    **dict.fromkeys(("wide", "width", "w", "across", "broad"), "width_cm"),
    **dict.fromkeys(("deep", "depth", "d"), "depth_cm"),
    **dict.fromkeys(("tall", "high", "height", "h"), "height_cm"),
    **dict.fromkeys(("long", "length", "l"), "length"),
}
_ENDS = frozenset(["", ",", ".", ";", "-", ")", "and", "or", "but", "x", "by", "to"])
"""After a quantity: it is over, so that an `in` before was inches."""


@dataclass(frozen=True, slots=True)
class Token:
    """A number, a word or a sign."""

    kind: Literal["number", "word", "sign", "end"]
    text: str
    start: int
    end: int
    number: float = 0.0


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with what it is of."""

    number: float
    """Of lengths, in centimetres."""
    kind: Literal["length", "price", "bare"]
    unit: str
    """`cm`, `mm`, `m`, `in` or `ft`, or the sign of a currency; nothing, where nothing was said."""
    next: int
    """The token after it."""


_MOST = 1e9
"""Nothing measures or costs more."""
MAX_TOKENS = 80
"""That are looked at: whoever says more is searched for by their words."""


def plain(text: str) -> str:
    """In lower case, with one sign for each meaning."""
    return text.translate(_SIGNS).lower()


def first_token(name: str) -> str:
    """What a name begins with, in a plain text."""
    found = _TOKEN.search(plain(name))
    return found.group() if found else ""


class Tokens:
    """Of a plain text. Beyond its ends are empty ones."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._all = [_token(match) for match in islice(_TOKEN.finditer(text), MAX_TOKENS)]
        self._texts = tuple(token.text for token in self._all)
        self.has_numbers = any(token.kind == "number" for token in self._all)
        self._end = Token("end", "", len(text), len(text))

    def __len__(self) -> int:
        return len(self._all)

    def __getitem__(self, at: int) -> Token:
        return self._all[at] if 0 <= at < len(self._all) else self._end

    def words(self, at: int, count: int) -> tuple[str, ...]:
        """The texts of so many tokens."""
        before = min(max(-at, 0), count)
        found = self._texts[at + before : at + count]
        return ("",) * before + found + ("",) * (count - before - len(found))

    def says(self, at: int, *phrase: str) -> bool:
        """Whether it goes on like this."""
        return self.words(at, len(phrase)) == phrase

    def at_or_after(self, position: int, since: int) -> int:
        """The first token that begins at a place of the text or later."""
        while since < len(self) and self[since].start < position:
            since += 1
        return since

    def quantity(self, at: int) -> Quantity | None:
        """That begins with this token."""
        token = self[at]
        if max(token.number, self[at + 1].number) > _MOST:
            return None
        if token.text in _CURRENCIES and self[at + 1].kind == "number":
            following = at + 3 if self[at + 2].text in _MONEY else at + 2
            return Quantity(self[at + 1].number, "price", _CURRENCIES[token.text], following)
        if token.kind != "number":
            return None
        after = self[at + 1].text
        if after in _MONEY:
            return Quantity(token.number, "price", _MONEY[after], at + 2)
        # "60-inch": of a word with a hyphen.
        unit_at = at + 2 if after == "-" and self[at + 2].text in _LENGTHS and self[at + 2].text != "in" else at + 1
        unit = self[unit_at].text
        if unit in _LENGTHS and (unit != "in" or self[unit_at + 1].text in AXES or self[unit_at + 1].text in _ENDS):
            return self._length(token.number, _LENGTHS[unit], unit_at + 1)
        return Quantity(token.number, "bare", "", at + 1)

    def _length(self, number: float, unit: str, following: int) -> Quantity | None:
        more = self[following]
        if (
            unit == "ft"
            and more.kind == "number"
            and more.number < 12
            and _LENGTHS.get(self[following + 1].text) == "in"
        ):
            # 6' 5"
            number, following = number + more.number / 12, following + 2
        cm = length_cm(number, unit)
        return None if cm is None else Quantity(cm, "length", unit, following)


def _token(match: re.Match[str]) -> Token:
    text = match.group()
    if match["number"]:
        return Token("number", text, match.start(), match.end(), float(text.replace(",", "")))
    return Token("word" if match["word"] else "sign", text, match.start(), match.end())


def with_unit_of(bare: Quantity, other: Quantity) -> Quantity | None:
    """A number that says no unit beside one that does: `100-300 dollars`, `60 x 80 cm`."""
    if bare.kind != "bare" or other.kind == "bare":
        return bare if other.kind in {bare.kind, "bare"} else None
    number = length_cm(bare.number, other.unit) if other.kind == "length" else bare.number
    return None if number is None else Quantity(number, other.kind, other.unit, bare.next)
