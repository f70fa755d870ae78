"""What a drawing shows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """See the module."""

    kind: str
    """Of the sample's kinds."""
    size: str = ""
    """As the shop says it."""
    legs: str = "straight"
    hue: str = "#d3b184"
    """#rrggbb of most of it."""
    accent: str = "#5a5048"
    """Of legs, frames and handles."""
    sort: str = "wood"
    """Of what one sees most: fabric, wood, metal, stone, weave or other."""
    features: tuple[str, ...] = ()
    width_cm: float
    depth_cm: float
    height_cm: float
