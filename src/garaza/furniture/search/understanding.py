"""What a text asks for beside its words: bounds, what it is to be without, where it is to come from.

Only what is said outright narrows a search. A colour or a material that is just named ("black leather sofa") is
preferred; vague words ("cheap", "small") are words. Everything that was understood can be taken back by its key.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, fields
from typing import Any, Protocol

from garaza.furniture.filters import Filters, Span
from garaza.furniture.places import country_name, country_of
from garaza.furniture.products import key_of
from garaza.furniture.search.bounding import ABOUT, LEAST, MOST, Bound, bound_at
from garaza.furniture.search.found import Constraint, Understood
from garaza.furniture.search.reading import AXES, Quantity, Tokens, plain, with_unit_of
from garaza.furniture.search.terms import STOP_WORDS, stem, word_set
from garaza.furniture.search.wording import bounds
from garaza.furniture.words import COLORS, MATERIALS, colors_in, materials_in

_TOLERANCE = 0.1
"""Of a size that is said without a bound: 10 % more or less."""
_ABOUT = 0.2
_LEAST_BARE = 10
"""What is less, without a unit, is rather a number of things than a price."""
_LYING = word_set(
    "rug rugs carpet carpets mat mats runner runners mattress mattresses bed beds blanket blankets daybed"
)
"""Of what lies, the shorter edge is the width."""
_NOT_THE_WHOLE = word_set(
    "seat seats arm arms armrest back backrest leg legs shelf drawer drawers cushion tv tvs television televisions "
    "screen screens monitor monitors mattress mattresses ceiling ceilings people person men man women adults kids "
    "child children laptop laptops aquarium fish tank"
)
"""Whose sizes aren't those of what is looked for."""
_PARTS = word_set(
    "leg legs arm arms armrest armrests frame frames handle handles top tops base bases seat seats back backs door "
    "doors drawer drawers shelf shelves cushion cushions feet trim accents hardware knobs"
)
_GOES_ON = word_set(
    ", . ; ! ? ) and or but with without in for that which not no made from by please w/o max maximum total"
) | {""}
"""After a number without a unit that is a price."""
_MADE = (("made", "in"), ("manufactured", "in"), ("produced", "in"), ("crafted", "in"), ("built", "in"), ("from",))
_SHORT_COUNTRIES = {"us": "US", "usa": "US", "uk": "GB", "uae": "AE"}
_IN_STOCK = (("in", "stock"), ("in", "-", "stock"), ("available", "now"), ("available", "immediately"))
_WITHOUT = frozenset(["without", "w/o", "no", "except", "excluding", "sans"])
_NOT = frozenset(["not", "non", "neither", "nor", *_WITHOUT])
_ARTICLES = frozenset(["a", "an", "any", "the"])
_MOST_BRAND_WORDS = 6
_MOST_COUNTRY_WORDS = 4


class Vocabulary(Protocol):
    """What the catalogue calls things: a `Snapshot`."""

    def is_brand(self, key: str) -> bool:
        """Whether a brand has this key."""

    def begins_brand(self, word: str) -> bool:
        """Whether a brand's key begins with this."""

    def is_kind(self, term: str) -> bool:
        """Whether categories are named by this stem."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """Something understood."""

    constraint: Constraint
    value: Any
    """What is set, or added, to the field of the constraint."""


def understand(text: str, vocabulary: Vocabulary, without: Collection[str] = ()) -> Understood:
    """Take a text apart.

    Args:
        text: a few hundred letters at most.
        without: keys of constraints that are not to be minded; their words don't come back.
    """
    reader = _Reader(Tokens(plain(text)), vocabulary)
    reader.read()
    pieces = {piece.constraint.key: piece for piece in reader.pieces if piece.constraint.key not in without}
    rest = reader.rest() if reader.taken else text
    values: dict[str, Any] = {}
    for piece in pieces.values():
        field = piece.constraint.field
        values[field] = (*values.get(field, ()), piece.value) if ":" in piece.constraint.key else piece.value
    known = {field.name for field in fields(Filters)}
    return Understood(
        text=rest,
        filters=Filters(**{field: value for field, value in values.items() if field in known}),
        not_countries=values.get("not_countries", ()),
        absent=values.get("absent", ()),
        constraints=tuple(piece.constraint for piece in pieces.values()),
    )


class _Reader:
    def __init__(self, tokens: Tokens, vocabulary: Vocabulary) -> None:
        self._tokens = tokens
        self._vocabulary = vocabulary
        self.pieces: list[_Piece] = []
        self.taken: list[tuple[int, int]] = []
        """Of the text."""

    def read(self) -> None:
        rules: list[Callable[[int], int]] = [self._stock, self._place, self._not, self._by]
        if self._tokens.has_numbers:
            rules[:0] = [self._range, self._bound, self._size]
        at = 0
        while at < len(self._tokens):
            end = next((end for rule in rules if (end := rule(at)) > at), at)
            if end > at:
                self.taken.append((self._tokens[at].start, self._tokens[end - 1].end))
            at = max(end, at + 1)

    def rest(self) -> str:
        """The text without what was taken."""
        parts, at = [], 0
        for start, end in self.taken:
            parts.append(self._tokens.text[at:start])
            at = end
        parts.append(self._tokens.text[at:])
        words = " ".join(parts).split()
        # What joined it to the rest.
        while words and words[-1].strip(",;.-") in {"", "and", "or", "but", "with", "in", "that", "is", "for", "at"}:
            words.pop()
        while words and words[0].strip(",;.-") in {"", "and", "or", "but"}:
            words.pop(0)
        return " ".join(words).rstrip(",; ")

    # Quantities ---------------------------------------------------------------------------------------------------

    def _range(self, at: int) -> int:
        """Between 100 and 300 dollars; from 60 to 80 cm wide; $100-300."""
        tokens = self._tokens
        axis, start = self._axis_before(at)
        opened = tokens[start].text in {"between", "from"}
        first = tokens.quantity(start + 1 if opened else start)
        if first is None or tokens[first.next].text not in {"and", "to", "-"}:
            return at
        if tokens[first.next].text == "and" and tokens[start].text != "between":
            return at
        second = tokens.quantity(first.next + 1)
        if second is None:
            return at
        one, other = with_unit_of(first, second), with_unit_of(second, first)
        if one is None or other is None or one.number > other.number:
            return at
        if one.kind == "bare":
            if not opened or not self._is_price(other):
                return at
            one, other = _priced(one), _priced(other)
        return self._narrow(at, other, axis, one.number, other.number)

    def _bound(self, at: int) -> int:
        """Under 80 cm wide; narrower than 32 inches; width of at most 80 cm."""
        tokens = self._tokens
        axis, start = self._axis_before(at)
        bound = bound_at(tokens, start)
        if bound is None:
            return self._exactly(at, axis, start)
        start = bound.next
        if axis is None:
            # Max width 80 cm.
            axis, start = self._axis_before(start)
        quantity = self._bounded(tokens.quantity(start), bound, axis)
        if quantity is None:
            return at
        if bound.way == ABOUT:
            return self._narrow(at, quantity, axis, *_around(quantity.number, _ABOUT))
        least = quantity.number if bound.way == LEAST else None
        most = quantity.number if bound.way == MOST else None
        return self._narrow(at, quantity, axis or bound.axis, least, most)

    def _bounded(self, quantity: Quantity | None, bound: Bound, axis: str | None) -> Quantity | None:
        """What is bounded, if such a quantity can be bounded like this."""
        wanted = axis or bound.axis
        if quantity is not None and quantity.kind == "bare":
            said_price = wanted == "price" or (wanted is None and bound.way != ABOUT)
            quantity = _priced(quantity) if said_price and self._is_price(quantity) else None
        if quantity is None or (wanted is not None and (wanted == "price") != (quantity.kind == "price")):
            return None
        return quantity

    def _exactly(self, at: int, axis: str | None, start: int) -> int:
        """80 cm wide; width 80 cm. But "80 cm", or "$80", are only words."""
        quantity = self._tokens.quantity(start)
        if quantity is None or quantity.kind != "length" or not (axis or self._axis_after(quantity.next)[0]):
            return at
        return self._narrow(at, quantity, axis, *_around(quantity.number, _TOLERANCE))

    def _size(self, at: int) -> int:
        """2 m x 3 m; 120 x 60 x 75 cm. Without a unit it is only words: 5x8, queen 60x80."""
        tokens = self._tokens
        found: list[Quantity] = []
        following = at
        while len(found) < 3 and (quantity := tokens.quantity(following)) is not None:
            found.append(quantity)
            following = quantity.next
            if tokens[following].text not in {"x", "by", "*"}:
                break
            following += 1
        unit = next((quantity for quantity in reversed(found) if quantity.kind == "length"), None)
        if len(found) < 2 or unit is None:
            return at
        sizes = [sized for quantity in found if (sized := with_unit_of(quantity, unit)) is not None]
        if len(sizes) < len(found) or self._is_of_part(at, found[-1].next):
            return at
        flat = sorted(sizes[:2], key=lambda size: size.number, reverse=not self._lies())
        for field, size in zip(("width_cm", "depth_cm", "height_cm"), [*flat, *sizes[2:]], strict=False):
            least, most = _around(size.number, _TOLERANCE)
            self._span(field, least, most, size.unit)
        return found[-1].next

    def _narrow(self, at: int, quantity: Quantity, axis: str | None, least: float | None, most: float | None) -> int:
        end = quantity.next
        if quantity.kind == "price":
            self._span("price", least, most, quantity.unit)
            return end
        after, end = self._axis_after(end)
        if self._is_of_part(at, end):
            return at
        along = axis or after or "width_cm"
        if along == "length":
            along = "depth_cm" if self._lies() else "width_cm"
        self._span(along, least, most, quantity.unit)
        return end

    def _span(self, field: str, least: float | None, most: float | None, unit: str) -> None:
        before = next((piece.value for piece in self.pieces if piece.constraint.key == field), Span())
        # "Over $100 and under $200" says one thing in two parts.
        span = Span(
            least=before.least if least is None else round(least, 2),
            most=before.most if most is None else round(most, 2),
        )
        self.pieces = [piece for piece in self.pieces if piece.constraint.key != field]
        self.pieces.append(_Piece(Constraint(field, bounds(field, span, unit), unit), span))

    def _axis_before(self, at: int) -> tuple[str | None, int]:
        """Width of, width:, width."""
        word = self._tokens[at].text
        if word in AXES and len(word) > 1 and word not in {"wide", "deep", "tall", "high", "long", "across", "broad"}:
            following = at + 1
            while self._tokens[following].text in {"of", ":", "is", "="}:
                following += 1
            return AXES[word], following
        return None, at

    def _axis_after(self, at: int) -> tuple[str | None, int]:
        """Wide; in width."""
        if self._tokens[at].text in {"in", "of"} and self._tokens[at + 1].text in AXES:
            at += 1
        axis = AXES.get(self._tokens[at].text)
        return axis, at + (axis is not None)

    def _is_of_part(self, start: int, end: int) -> bool:
        """Whether a size is that of a part, or of something else: "seat height", "for TVs up to 65 inches"."""
        near = (self._tokens.words(start - 2, 2), self._tokens.words(end, 1))
        return any(word in _NOT_THE_WHOLE for words in near for word in words if word not in _LYING or words is near[0])

    def _is_price(self, bare: Quantity) -> bool:
        return bare.number >= _LEAST_BARE and self._tokens[bare.next].text in _GOES_ON

    def _lies(self) -> bool:
        return any(self._tokens[at].text in _LYING for at in range(len(self._tokens)))

    # Everything else ----------------------------------------------------------------------------------------------

    def _stock(self, at: int) -> int:
        for phrase in _IN_STOCK:
            if self._tokens.says(at, *phrase):
                self.pieces.append(_Piece(Constraint("in_stock", "in stock"), value=True))
                return at + len(phrase)
        return at

    def _place(self, at: int) -> int:
        """Made in Italy; not from China."""
        tokens = self._tokens
        negated = tokens[at].text == "not"
        start = at + negated
        for phrase in _MADE:
            if tokens.says(start, *phrase):
                found, end = self._country(start + len(phrase))
                if found is None:
                    return at
                field = "not_countries" if negated else "countries"
                label = f"{'not ' if negated else ''}from {country_name(found)}"
                self.pieces.append(_Piece(Constraint(f"{field}:{found}", label), found))
                return end
        return at

    def _country(self, at: int) -> tuple[str | None, int]:
        at += self._tokens[at].text == "the"
        if code := _SHORT_COUNTRIES.get(self._tokens[at].text):
            return code, at + 1
        words = [word for word in self._tokens.words(at, _MOST_COUNTRY_WORDS) if word]
        for count in range(1, len(words) + 1):
            code = country_of(" ".join(words[:count])) if len(words[0]) > 2 else None
            if code is not None:
                # "from oak italy" isn't from a country called so.
                own = count == 1 or country_of(" ".join(words[1:count])) is None
                return (code, at + count) if own else (None, at)
        return None, at

    def _not(self, at: int) -> int:
        """Not leather; without armrests; neither black nor white."""
        tokens = self._tokens
        word = tokens[at].text
        if word not in _NOT:
            return at
        target = at + 1
        while tokens[target].text in _ARTICLES or (word == "non" and tokens[target].text == "-"):
            target += 1
        if tokens[target].text in {"by", "from"} and self._brand(target + 1)[0]:
            target += 1
        end = self._negated(target, word)
        while (
            end > target and tokens[end].text in {"or", "nor", "/"} and (more := self._negated(end + 1, word)) > end + 1
        ):
            end = more
        return end if end > target else at

    def _negated(self, at: int, word: str) -> int:
        """What is named here isn't wanted; returns the token after it."""
        tokens = self._tokens
        start = tokens[at].start
        ahead = tokens.text[start : start + 60]
        for field, mentions in (("not_materials", materials_in(ahead)), ("not_colors", colors_in(ahead))):
            if mentions and mentions[0].start == 0:
                end = tokens.at_or_after(start + mentions[0].end, at)
                if word in _WITHOUT and tokens[end].text in _PARTS:
                    # "Without wooden legs" says nothing of the rest.
                    return at
                family = mentions[0].family
                self.pieces.append(_Piece(Constraint(f"{field}:{family}", f"not {family}"), family))
                return end
        key, end = self._brand(at)
        if key:
            self.pieces.append(_Piece(Constraint(f"not_brands:{key}", f"not {key}"), key))
            return end
        named = tokens[at]
        if named.kind != "word" or len(named.text) < 3 or named.text in STOP_WORDS:
            return at
        term = stem(named.text)
        if word in _WITHOUT or self._vocabulary.is_kind(term):
            self.pieces.append(_Piece(Constraint(f"absent:{term}", f"without {named.text}"), term))
            return at + 1
        return at

    def _by(self, at: int) -> int:
        """By, from, or of the brand of somebody that the catalogue has."""
        tokens = self._tokens
        if tokens[at].text not in {"by", "from", "brand"}:
            return at
        start = at + 1
        while tokens[start].text in {":", "brand", "the"}:
            start += 1
        key, end = self._brand(start)
        if not key or (tokens[at].text != "brand" and is_word(key, self._vocabulary)):
            return at
        self.pieces.append(
            _Piece(Constraint(f"brands:{key}", f"by {tokens.text[tokens[start].start : tokens[end - 1].end]}"), key)
        )
        return end

    def _brand(self, at: int) -> tuple[str, int]:
        return brand_at(self._tokens, at, self._vocabulary)


def brand_at(tokens: Tokens, at: int, vocabulary: Vocabulary) -> tuple[str, int]:
    """The key of the brand that is named from this token on, of several the longest; and the token after it."""
    if not vocabulary.begins_brand(tokens[at].text):
        return "", at
    for count in range(min(_MOST_BRAND_WORDS, len(tokens) - at), 0, -1):
        key = key_of(tokens.text[tokens[at].start : tokens[at + count - 1].end])
        if vocabulary.is_brand(key):
            return key, at + count
    return "", at


def _priced(bare: Quantity) -> Quantity:
    return Quantity(bare.number, "price", "", bare.next)


def _around(number: float, tolerance: float) -> tuple[float, float]:
    return number * (1 - tolerance), number * (1 + tolerance)


def is_word(key: str, vocabulary: Vocabulary) -> bool:
    """Whether a brand's name says more likely something else."""
    return key in STOP_WORDS or key in COLORS or key in MATERIALS or vocabulary.is_kind(stem(key))
