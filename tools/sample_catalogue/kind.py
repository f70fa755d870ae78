"""What a kind of furniture is, for the generator."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """One in which a kind comes; models differ from it by a few percent."""

    label: str
    """As shops say it: `3-seater`, `queen`; empty where nobody says anything."""
    width: float
    depth: float
    height: float
    kg: float
    price: float
    """In dollars, of plain material and an ordinary brand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """See the module."""

    key: str
    family: str
    """By which one knows who makes it: seating, tables, sleeping, storage, office, light, textiles, …"""
    nouns: tuple[str, ...]
    """What people call it."""
    path: tuple[str, ...]
    sizes: tuple[Size, ...]
    made_of: tuple[tuple[str, ...], ...]
    """Of these materials, what one sees most first."""
    features: tuple[str, ...] = ()
    """That some have."""
    always: tuple[str, ...] = ()
    """Features that all have; whoever knows the kind knows them."""
    uses: tuple[str, ...]
    lines: tuple[str, ...]
    """Sentences that are true of the kind only."""
    styles: tuple[str, ...] = ()
    """None given: any but the playful one."""
