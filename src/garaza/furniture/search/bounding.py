"""How people say that something is to be at most, at least, or about so much."""

from __future__ import annotations

from dataclasses import dataclass

from garaza.furniture.search.reading import Tokens

MOST, LEAST, ABOUT = "most", "least", "about"


@dataclass(frozen=True, slots=True)
class Bound:
    """What a phrase says of the quantity that follows it."""

    way: str
    """MOST, LEAST or ABOUT."""
    axis: str | None
    """Of what it can only be: a field of Filters."""
    next: int
    """The token after the phrase."""


def _table() -> dict[tuple[str, ...], tuple[str, str | None]]:
    table: dict[tuple[str, ...], tuple[str, str | None]] = {}
    plain = {
        MOST: "under|below|less than|up to|at most|max|maximum|max of|maximum of|not over|no over|within|no more than|"
        "not more than|smaller than|not exceeding|<|< =",
        LEAST: "over|above|more than|at least|min|minimum|min of|minimum of|no less than|not less than|larger than|"
        "bigger than|starting at|starting from|from|>|> =",
        ABOUT: "about|around|approx|approximately|roughly|circa|close to|~|or so",
    }
    for way, phrases in plain.items():
        table |= {tuple(phrase.split()): (way, None) for phrase in phrases.split("|")}
    compared = {
        "price": (("cheaper",), ("pricier",)),
        "width_cm": (("narrower",), ("wider", "broader")),
        "depth_cm": (("shallower",), ("deeper",)),
        "height_cm": (("lower", "shorter"), ("taller", "higher")),
        "length": ((), ("longer",)),
    }
    for axis, (less, more) in compared.items():
        for word in less:
            table[word, "than"] = (MOST, axis)
            table["no", word, "than"] = table["not", word, "than"] = (LEAST, axis)
        for word in more:
            table[word, "than"] = (LEAST, axis)
            table["no", word, "than"] = table["not", word, "than"] = (MOST, axis)
    for word in ("larger", "bigger"):
        table["no", word, "than"] = table["not", word, "than"] = (MOST, None)
    table["budget",] = table["budget", "of"] = table["budget", ":"] = (MOST, "price")
    return table


_PHRASES = _table()
_LONGEST = max(map(len, _PHRASES))


def bound_at(tokens: Tokens, at: int) -> Bound | None:
    """The longest phrase of this kind that begins with this token."""
    for count in range(_LONGEST, 0, -1):
        if found := _PHRASES.get(tokens.words(at, count)):
            following = at + count
            # "Under about 80 cm" is under 80 cm.
            while tokens.words(following, 1)[0] in {"about", "around", "a", "of"}:
                following += 1
            return Bound(*found, following)
    return None
