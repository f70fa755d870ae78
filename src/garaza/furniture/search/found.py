"""What a search comes to."""

from __future__ import annotations

from dataclasses import dataclass

from garaza.furniture.filters import NO_FILTERS, Filters


@dataclass(frozen=True, slots=True)
class Constraint:
    """Something that was read out of a text and narrows the search."""

    key: str
    """Names it in `Asked.without`: the field of Filters that it sets, with `:VALUE` where it is one of several."""
    label: str
    """For people: `up to 80 cm wide`."""
    unit: str = ""
    """Of a length or a price, as it was asked."""

    @property
    def field(self) -> str:
        return self.key.partition(":")[0]


Preference = tuple[tuple[str, str], ...]
"""Alternatives, each the kind of a label (see `snapshot.LABELS`) and its key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """A text, taken apart."""

    text: str
    """What is left to look for by meaning and by words."""
    filters: Filters = NO_FILTERS
    not_countries: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    """Stems of what it is to be without. What has it comes far behind."""
    constraints: tuple[Constraint, ...] = ()


@dataclass(frozen=True, slots=True)
class Relaxed:
    """A constraint that nothing fulfilled together with the others."""

    key: str
    """As of `Constraint`."""
    label: str
    """What was asked for, for people."""
    instead: str | None
    """What was shown instead, for people: `up to 95 cm wide`. None: whatever."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A product that was found."""

    id: int
    """Of its row."""
    similarity: float
    """0 to 1: how well it fits what was asked; before boosts the order of relevance is the order of this."""
    score: float
    """With the boosts: what it is ranked by."""
    sponsor_tier: str | None
    """Of a sponsored product, whether or not that brought it forward: it is to be labelled."""
    boosts: tuple[str, ...]
    """What brought it forward: `country`, `region`, `sponsor`."""


@dataclass(frozen=True, slots=True)
class FacetValue:
    """One thing that a search can be narrowed to."""

    key: str
    """As filters take it; of a range of prices `least-most`, either may be missing."""
    name: str
    count: int
    chosen: bool


@dataclass(frozen=True, slots=True)
class Facet:
    """What a search can be narrowed to in one respect. Counted as if nothing had been chosen in it."""

    name: str
    """brands, categories, countries, colors, materials, price or in_stock."""
    values: tuple[FacetValue, ...]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """How a text that is being typed may go on."""

    text: str
    kind: str
    """brand, category or phrase."""
    count: int
    """Of products."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A page of hits."""

    version: int
    """Of the catalogue."""
    hits: tuple[Hit, ...]
    offset: int
    total: int
    """Of all pages."""
    semantic: bool
    """Whether meaning was looked at; else only words, as there is no model or index now."""
    understood: Understood
    relaxed: tuple[Relaxed, ...] = ()
    facets: tuple[Facet, ...] = ()
