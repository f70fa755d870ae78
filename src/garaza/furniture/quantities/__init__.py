"""Lengths, weights and prices as catalogues and people write them, in one unit for each kind.

Centimetres to a tenth of a millimetre, kilograms to a gram, and the smallest unit of a currency. What is no number, or
none that a thing to stand in a room can have, is None: nothing here gives NaN, infinity, zero or less.
"""

from garaza.furniture.quantities.dimensions import Dimensions, dimensions, edges_cm
from garaza.furniture.quantities.prices import CURRENCIES, currency_of, in_minor, minor_digits, price_minor
from garaza.furniture.quantities.units import LENGTH_UNITS, WEIGHT_UNITS, length_cm, mass_kg
from garaza.furniture.quantities.weights import weight_kg

__all__ = [
    "CURRENCIES",
    "LENGTH_UNITS",
    "WEIGHT_UNITS",
    "Dimensions",
    "currency_of",
    "dimensions",
    "edges_cm",
    "in_minor",
    "length_cm",
    "mass_kg",
    "minor_digits",
    "price_minor",
    "weight_kg",
]
