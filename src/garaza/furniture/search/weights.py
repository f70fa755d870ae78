"""What counts how much. Measured: see docs/decisions/0036."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldWeights:
    """How much a word counts, by where it stands. They are in the index: to change them is to build it anew."""

    title: float = 3.0
    brand: float = 2.0
    categories: float = 2.0
    color: float = 1.5
    material: float = 1.5
    style: float = 1.5
    text: float = 0.5
    """Of the description, and of what is said about it."""
    k1: float = 1.2
    """BM25: how soon it stops counting that a word occurs again."""
    b: float = 0.5
    """BM25: how much longer texts count less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Of what a product is found by. Each share is 0 to 1, and so is their weighted mean."""

    dense: float = 0.7
    """Cosine of the vectors."""
    words: float = 0.35
    """BM25, as a share of the best."""
    grams: float = 0.35
    """Groups of letters of the text that the product has: for misspelled words and parts of words."""
    preferred: float = 0.05
    """Colours, materials and brands that are named, where some are."""
    kind: float = 0.3
    """The kind of thing that is named, where one is: see `kinds`."""
    other_kind: float = 0.8
    """What remains of words, letters and preferences of a thing of another kind than the one that is named."""
    absent: float = 0.5
    """What remains of the similarity of something with what it is to be without."""
    same_country: float = 1.2
    same_region: float = 1.1
    bronze: float = 1.05
    silver: float = 1.1
    gold: float = 1.15
    sponsor_gap: float = 0.05
    """No sponsor is brought further than this: whatever is better by more stays before it."""
    matching: float = 0.5
    """Share of the best product's words and letters with which one counts as found."""

    @property
    def tiers(self) -> tuple[float, ...]:
        """By `1 + TIERS.index(tier)`; 0 is no sponsor."""
        return (1.0, self.bronze, self.silver, self.gold)


FIELD_WEIGHTS = FieldWeights()
WEIGHTS = Weights()
