"""Units, and their many names."""

from __future__ import annotations

import math
import re
from functools import lru_cache

MAX_LETTERS = 1000
"""Of a text that are looked at."""
MIN_LENGTH_CM, MAX_LENGTH_CM = 0.01, 3000.0
MIN_WEIGHT_KG, MAX_WEIGHT_KG = 0.001, 5000.0
LENGTH_UNITS = {
    "cm": 1.0,
    "mm": 0.1,
    "m": 100.0,
    "in": 2.54,
    "ft": 30.48,
}
"""In centimetres."""
WEIGHT_UNITS = {
    "kg": 1.0,
    "g": 0.001,
    "lb": 0.45359237,
    "oz": 0.028349523125,
    "t": 1000.0,
}
"""In kilograms."""

_CALLED = {
    "cm": "cm|cms|centimeters?|centimetres?",
    "mm": "mm|mms|millimeters?|millimetres?",
    "m": "m|meters?|metres?",
    "in": 'in|ins|inch|inches|"',
    "ft": "ft|feet|foot|'",
    "kg": "kg|kgs|kilos?|kilograms?|kilogrammes?",
    "g": "g|gr|grams?|grammes?",
    "lb": "lb|lbs|pounds?|#",
    "oz": "oz|ounces?",
    "t": "tons?|tonnes?",
}
_UNITS = {name: re.compile(rf"(?:{names})\Z") for name, names in _CALLED.items()}

_FRACTIONS = {
    "½": "1/2",
    "¼": "1/4",
    "¾": "3/4",
    "⅓": "1/3",
    "⅔": "2/3",
    "⅛": "1/8",
    "⅜": "3/8",
    "⅝": "5/8",
    "⅞": "7/8",
}
_SIGNS = str.maketrans({
    "×": "x", "✕": "x", "✖": "x", "″": '"', "“": '"', "”": '"', "„": '"', "〞": '"', "′": "'", "’": "'", "‘": "'",
    "´": "'", "⁄": "/", "\u00a0": " ", "\u202f": " ", "\u2009": " ", "Ø": "ø", "–": "-", "—": "-", "−": "-",
})  # fmt: skip


def length_cm(number: float, unit: str) -> float | None:
    """None: there is no such unit, or nothing to stand in a room has this length."""
    factor = LENGTH_UNITS.get(unit_of(unit) or "")
    return None if factor is None else _within(number * factor, MIN_LENGTH_CM, MAX_LENGTH_CM, 2)


def mass_kg(number: float, unit: str) -> float | None:
    """Like `length_cm`, for weights."""
    factor = WEIGHT_UNITS.get(unit_of(unit) or "")
    return None if factor is None else _within(number * factor, MIN_WEIGHT_KG, MAX_WEIGHT_KG, 3)


def _within(number: float, least: float, most: float, digits: int) -> float | None:
    if not math.isfinite(number):
        return None
    rounded = round(number, digits)
    return rounded if least <= rounded <= most else None


@lru_cache(maxsize=256)
def unit_of(text: str) -> str | None:
    """The short name of a unit, from any of its names."""
    name = text.strip(" .").casefold().translate(_SIGNS).replace("''", '"')
    return next((unit for unit, names in _UNITS.items() if names.match(name)), None)


def simplified(text: str) -> str:
    """In lower case, with one sign for each meaning."""
    text = text[:MAX_LETTERS].translate(_SIGNS)
    for sign, fraction in _FRACTIONS.items():
        text = text.replace(sign, f" {fraction}")
    return text.lower().replace("''", '"')
