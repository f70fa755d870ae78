"""Weights as they are written."""

from __future__ import annotations

from itertools import pairwise

from garaza.furniture.quantities.tokens import tokens
from garaza.furniture.quantities.units import mass_kg, simplified, unit_of


def weight_kg(text: str) -> float | None:
    """The first weight that a text says: "45.2 pounds", "3 lb 4 oz"."""
    pairs = [
        (before.number, token.text)
        for before, token in pairwise(tokens(simplified(text)))
        if before.kind == "number" and token.kind == "unit"
    ]
    for at, (number, unit) in enumerate(pairs):
        weight = mass_kg(number, unit)
        if weight is None:
            continue
        for ounces, more in pairs[at + 1 : at + 2]:
            if unit_of(unit) == "lb" and unit_of(more) == "oz" and ounces < 16:
                weight += mass_kg(ounces, more) or 0.0
        return mass_kg(weight, "kg")
    return None
