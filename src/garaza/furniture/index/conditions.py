"""Filters, taken apart: what each index says in its own words, and all of which have to hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from garaza.furniture.filters import Filters, Span

WORDS = ("brand", "country")
"""Fields of a payload that are one text."""
LISTS = ("categories", "colors", "materials")
"""That are several."""
NUMBERS = ("price", "width_cm", "depth_cm", "height_cm")
FLAGS = ("in_stock",)


@dataclass(frozen=True, slots=True)
class Among:
    """A field is one of these, or has one of them."""

    field: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Without:
    """A field is none of these, and has none of them; or isn't known."""

    field: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Within:
    """A number is known, and in a span."""

    field: str
    span: Span


@dataclass(frozen=True, slots=True)
class Is:
    """A flag is known, and is this."""

    field: str
    value: bool


Condition = Among | Without | Within | Is


def conditions(filters: Filters) -> Iterator[Condition]:
    """Those that are given."""
    for field, wanted in (
        ("brand", filters.brands),
        ("categories", filters.categories),
        ("country", filters.countries),
        ("colors", filters.colors),
        ("materials", filters.materials),
    ):
        if wanted:
            yield Among(field, wanted)
    for field, unwanted in (
        ("brand", filters.not_brands),
        ("categories", filters.not_categories),
        ("colors", filters.not_colors),
        ("materials", filters.not_materials),
    ):
        if unwanted:
            yield Without(field, unwanted)
    if filters.in_stock is not None:
        yield Is("in_stock", filters.in_stock)
    for field in NUMBERS:
        if span := getattr(filters, field):
            yield Within(field, span)
