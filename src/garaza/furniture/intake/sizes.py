"""How large and how heavy a product is, from all that a row says of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from garaza.furniture.intake.cells import Cells
from garaza.furniture.intake.notes import quoted
from garaza.furniture.quantities import Dimensions, dimensions, edges_cm, weight_kg

_LYING = re.compile(
    r"\b(?:rugs?|carpets?|mats?|runners?|beds?|bedframes?|mattress(?:es)?|toppers?|daybeds?|cribs?|chaises?)\b"
)
_WIDE = re.compile(
    r"\b(?:tables?|desks?|sofas?|couch(?:es)?|loveseats?|futons?|bench(?:es)?|cabinets?|shelf|shelves|shelving|bookcases?|"
    r"bookshel\w+|consoles?|dressers?|sideboards?|buffets?|credenzas?|stands?|racks?|wardrobes?|armoires?|chests?|"
    r"cupboards?|vanit\w+|islands?|nightstands?|hutch(?:es)?|settees?|workstations?|sectionals?|headboards?)\b"
)
_SOFA = re.compile(r"\b(?:sofas?|couch(?:es)?|futons?|bedside|loveseats?)\b")
_EDGES = ("width", "depth", "height", "length")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Of a product. None: not known."""

    width_cm: float | None = None
    depth_cm: float | None = None
    height_cm: float | None = None
    weight_kg: float | None = None
    package_cm: tuple[float, float, float] | None = None


def sizes_of(cells: Cells, specifications: Cells, title: str, kind: str) -> Sizes:
    """From columns, else from specifications, and the size at last from the title.

    Args:
        kind: what says what it is: its title and categories.
    """
    length_is = _length_is(kind)
    said = _said_size(cells, specifications, length_is) or dimensions(title, length_is=length_is) or Dimensions()
    return Sizes(
        width_cm=said.width,
        depth_cm=said.depth,
        height_cm=said.height,
        weight_kg=_weight(cells, specifications),
        package_cm=_package(cells, specifications),
    )


def _length_is(kind: str) -> Literal["width", "depth"]:
    """Whether what is called its length goes from left to right, as with tables, or from front to back."""
    plain = kind.casefold()
    if _SOFA.search(plain):
        return "width"
    return "width" if _WIDE.search(plain) and not _LYING.search(plain) else "depth"


def _said_size(cells: Cells, specifications: Cells, length_is: Literal["width", "depth"]) -> Dimensions | None:
    """What is said first counts; what says only some edges is filled up by the next."""
    width = depth = height = None
    for text, unit in _size_texts(cells, specifications):
        if found := dimensions(text, unit=unit, length_is=length_is):
            width, depth, height = width or found.width, depth or found.depth, height or found.height
        if width and depth and height:
            break
    return Dimensions(width, depth, height) if width or depth or height else None


def _size_texts(cells: Cells, specifications: Cells) -> Iterator[tuple[str, str | None]]:
    for some in (cells, specifications):
        edges = [
            (f"{edge}: {text}", column.unit)
            for edge in _EDGES
            for column, text in some.texts(edge)
            if _says(some, edge, f"{edge}: {text}", column.unit)
        ]
        # All in one, since what a length is depends on the others; each with its own unit.
        yield "; ".join(f"{text} {unit or ''}" for text, unit in edges), None
        for column, text in some.texts("dimensions"):
            whole = f"{column.order} {text}"
            if _says(some, "dimensions", whole, column.unit):
                yield whole, column.unit
    for some in (cells, specifications):
        for _, text in some.texts("size"):
            yield text, None


def _says(cells: Cells, field: str, text: str, unit: str | None) -> bool:
    if dimensions(text, unit=unit):
        return True
    written = text.removeprefix(f"{field}: ").strip()
    cells.mended(field, f"{quoted(written)} says no size with a unit: it was left out")
    return False


def _weight(cells: Cells, specifications: Cells) -> float | None:
    for some in (cells, specifications):
        for column, text in some.texts("weight"):
            if weight := weight_kg(f"{text} {column.unit or ''}"):
                return weight
            some.mended("weight", f"{quoted(text)} says no weight with a unit: it was left out")
        # "23 x 15 x 20 inches; 17.6 pounds" is how many say both.
        for _, text in some.texts("dimensions"):
            if weight := weight_kg(text):
                return weight
    return None


def _package(cells: Cells, specifications: Cells) -> tuple[float, float, float] | None:
    for some in (cells, specifications):
        for column, text in some.texts("package_dimensions"):
            edges = edges_cm(text, unit=column.unit)
            if len(edges) == 3:
                return edges[0], edges[1], edges[2]
            some.mended("package_dimensions", f"{quoted(text)} says no three edges with a unit: it was left out")
    return None
