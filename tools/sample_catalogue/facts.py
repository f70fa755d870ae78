"""What is true of a product of the sample, whatever its text says of it: what judges of a search know."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """See the module. Keys are those of the vocabulary: kinds, styles, features, uses, materials, shades."""

    kind: str
    style: str
    features: frozenset[str]
    uses: frozenset[str]
    materials: tuple[str, ...]
    """What one sees most first."""
    shade: str
    size: str
    model: str
    """The same of what differs in colour and size only."""
    legs: str
    hue: str
    """On a screen."""
    accent: str
    """Of legs, frames and handles, on a screen."""
    measures: tuple[float, float, float]
    """Width, depth and height in centimetres, also of what doesn't say them."""
