"""Width, depth and height in the ways that they are usually written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from garaza.furniture.quantities.tokens import BEFORE, WAYS, Token, Way, tokens
from garaza.furniture.quantities.units import LENGTH_UNITS, length_cm, simplified, unit_of

_PARTS = frozenset([
    *("seat", "seats", "arm", "arms", "armrest", "armrests", "back", "backrest", "leg", "legs", "inside", "interior"),
    *("inner", "drawer", "drawers", "shelf", "clearance", "package", "packaged", "packaging", "box", "carton"),
    *("shipping", "mattress", "cushion", "cushions", "pillow", "ground", "floor", "folded", "tv", "tvs", "ceiling"),
])  # fmt: skip
"""Whose sizes aren't those of the whole."""

_ORDER = re.compile(
    r"\b(?P<first>w(?:idth)?|d(?:epth)?|h(?:eight)?|l(?:ength)?)\s*[x*]\s*"
    r"(?P<second>w(?:idth)?|d(?:epth)?|h(?:eight)?|l(?:ength)?)"
    r"(?:\s*[x*]\s*(?P<third>w(?:idth)?|d(?:epth)?|h(?:eight)?|l(?:ength)?))?\b"
)


@dataclass(frozen=True, slots=True)
class Dimensions:
    """Of a thing as it stands, in centimetres. At least one is known."""

    width: float | None = None
    depth: float | None = None
    height: float | None = None


@dataclass(slots=True)
class _Edge:
    number: float
    unit: str | None = None
    way: Way | None = None
    said: bool = False
    """Its way stands before it."""
    joined: bool = False
    """To the one before, by an x."""


def _clauses(plain: str) -> Iterator[list[Token]]:
    clause: list[Token] = []
    for token in tokens(plain):
        if token.kind == "end":
            yield clause
            clause = []
        else:
            clause.append(token)
    yield clause


class _Reader:
    """Reads the edges of a clause, in its order."""

    def __init__(self, clause: list[Token], unit: str | None, *, of_parts: bool) -> None:
        self._clause = clause
        self._unit = unit_of(unit) if unit else None
        """Of those that say none."""
        self._of_parts = of_parts
        """Whether those of parts count."""
        self._ways_first = _ways_first(clause)
        self._edges: list[_Edge] = []
        self._way: Way | None = None
        self._by = self._of_part = False

    def read(self) -> list[_Edge]:
        before: Token | None = None
        for token, following in pairwise([*self._clause, Token("end", "")]):
            match token.kind:
                case "number":
                    self._read_number(token, before)
                case "unit":
                    self._read_unit(token, before, following)
                case "way":
                    self._read_way(token)
                case "by":
                    self._by = True
                case "word":
                    self._by = False
                    self._of_part |= token.text in _PARTS and not self._of_parts
                case _:
                    self._of_part &= token.text not in {",", ")"}
            if token.kind != "other":
                before = token
        self._fill_units()
        return [edge for edge in self._edges if edge.unit in LENGTH_UNITS]

    def _read_number(self, token: Token, before: Token | None) -> None:
        last = self._edges[-1] if self._edges else None
        if last and last.unit == "ft" and before and before.kind == "unit" and token.number < 12:
            # 6' 5": the unit that may follow finds that there is one.
            last.number += token.number / 12
        elif not self._of_part:
            self._edges.append(_Edge(token.number, way=self._way, said=self._way is not None, joined=self._by))
        self._way, self._by = None, False

    def _read_unit(self, token: Token, before: Token | None, following: Token) -> None:
        if before is None or before.kind != "number":
            # "Size (cm): 60 x 40", "60 W x 40 D in"; elsewhere "in" is a word.
            if len(token.text) > 1 and (token.text != "in" or following.kind in {"other", "end"}):
                self._unit = unit_of(token.text)
        elif self._edges and self._edges[-1].unit is None and not self._of_part:
            self._edges[-1].unit = unit_of(token.text)

    def _read_way(self, token: Token) -> None:
        if self._ways_first and token.text in BEFORE:
            self._way = WAYS[token.text]
        elif self._edges and self._edges[-1].way is None and not self._of_part and not self._by:
            self._edges[-1].way = WAYS[token.text]

    def _fill_units(self) -> None:
        """One that has no unit has that of the next, or of the one before: 60 x 40 x 75 cm."""
        pairs = list(pairwise(self._edges))
        for edge, following in reversed(pairs):
            if following.joined or edge.said:
                edge.unit = edge.unit or following.unit
        for before, edge in pairs:
            if edge.joined or edge.said:
                edge.unit = edge.unit or before.unit
        followed = {id(before) for before, edge in pairs if edge.joined}
        for edge in self._edges:
            if edge.way or edge.joined or id(edge) in followed:
                edge.unit = edge.unit or self._unit


def _ways_first(clause: list[Token]) -> bool:
    """Whether "width 60" rather than "60 width" is how it is written."""
    first = next((token for token in clause if token.kind in {"way", "number"}), None)
    return first is not None and first.text in BEFORE


def _edges(plain: str, unit: str | None, *, of_parts: bool = False) -> list[_Edge]:
    return [edge for clause in _clauses(plain) for edge in _Reader(clause, unit, of_parts=of_parts).read()]


def _cm(edge: _Edge) -> float | None:
    return length_cm(edge.number, edge.unit or "")


def _runs(edges: Iterable[_Edge]) -> Iterator[list[_Edge]]:
    run: list[_Edge] = []
    for edge in edges:
        if not edge.joined and run:
            yield run
            run = []
        run.append(edge)
    if run:
        yield run


_STANDING: tuple[Way, ...] = ("width", "depth", "height")


def dimensions(
    text: str, *, unit: str | None = None, length_is: Literal["width", "depth"] = "depth"
) -> Dimensions | None:
    """Of a thing as a text says it, in any of the ways that are usual.

    Where no edge is named, they are width, depth and height, or width and depth. What is a diameter is both of these.

    Args:
        unit: where the text says none. None: then nothing is known.
        length_is: what a length is where there is a width, too. Beds and carpets are long from front to back; tables
            and sofas, for who stands in front of them, from left to right.
    """
    plain = simplified(text)
    order: list[Way] = []
    if found := _ORDER.search(plain):
        order = [WAYS[word] for word in found.groups() if word]
        plain = plain[: found.start()] + " " + plain[found.end() :]
    edges = _edges(plain, unit)
    _name_run(edges, order)
    known: dict[Way, float] = {}
    for edge in edges:
        size = _cm(edge)
        if edge.way and size is not None:
            known.setdefault(edge.way, size)
    return _standing(known, length_is)


def _name_run(edges: list[_Edge], order: list[Way]) -> None:
    """Say which edge is which of the first ones that are joined."""
    run = next((run for run in _runs(edges) if len(run) > 1), [])
    if len(run) > len(_STANDING):
        return
    named = {edge.way for edge in run if edge.way}
    usual = order if len(order) >= len(run) else _STANDING
    if named & {"length", "diameter"}:
        # Then the others aren't in the usual order either: only a height is sure to be the last.
        usual = ("width", "height") if "length" in named else ("height",)
    left = iter([way for way in usual if way not in named])
    for edge in run:
        if edge.way is None:
            edge.way = next(left, None)


def _standing(known: dict[Way, float], length_is: Literal["width", "depth"]) -> Dimensions | None:
    width, depth, height = known.get("width"), known.get("depth"), known.get("height")
    length, diameter = known.get("length"), known.get("diameter")
    if length is not None:
        if width is not None and depth is None:
            width, depth = (length, width) if length_is == "width" else (width, length)
        elif width is None and depth is not None:
            width = length
        elif width is None:
            width, depth = (length, None) if length_is == "width" else (None, length)
    width, depth = width or diameter, depth or diameter
    if width is depth is height is None:
        return None
    return Dimensions(width, depth, height)


def edges_cm(text: str, *, unit: str | None = None) -> tuple[float, ...]:
    """The first two or three edges that belong together, whatever they are called, the longest first."""
    plain = simplified(_ORDER.sub(" ", text))
    edges = _edges(plain, unit, of_parts=True)
    run = next((run for run in _runs(edges) if len(run) > 1), [edge for edge in edges if edge.way])
    sizes = [size for edge in run if (size := _cm(edge)) is not None]
    return tuple(sorted(sizes, reverse=True)) if len(sizes) == len(run) <= 3 else ()
