"""Bounds as people read them."""

from __future__ import annotations

from garaza.furniture.filters import Span
from garaza.furniture.quantities import LENGTH_UNITS

_ALONG = {"width_cm": " wide", "depth_cm": " deep", "height_cm": " high"}


def bounds(field: str, span: Span, unit: str) -> str:
    """`up to 80 cm wide`, `$100 to $300`.

    Args:
        field: of Filters.
        unit: as it was asked.
    """
    along = _ALONG.get(field, "")
    if span.least is not None and span.most is not None:
        return f"{_amount(field, span.least, unit)} to {_amount(field, span.most, unit)}{along}"
    if span.most is not None:
        return f"up to {_amount(field, span.most, unit)}{along}"
    return f"from {_amount(field, span.least or 0, unit)}{along}"


def _amount(field: str, number: float, unit: str) -> str:
    if field == "price":
        return f"{unit}{number:,.2f}".removesuffix(".00")
    # Whoever asked in inches sees tenths of one; nobody minds tenths of a millimetre.
    return f"{round(number / LENGTH_UNITS[unit], 1):g} {unit}"
