"""What to show when nothing fulfils all that a text asks for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from garaza.furniture.filters import Filters, Span
from garaza.furniture.search.found import Constraint, Relaxed, Understood
from garaza.furniture.search.narrowing import SPANS, Mask, combined, joined, masks_of
from garaza.furniture.search.snapshot import Snapshot
from garaza.furniture.search.wording import bounds

_ORDER = (
    *("depth_cm", "height_cm", "width_cm", "price", "in_stock", "countries", "not_countries"),
    *("brands", "not_brands", "not_colors", "not_materials"),
)
"""The least important first."""
_SHOWN = 3
"""So many products, or as many as there are, are within a bound that was moved."""


def relax(
    snapshot: Snapshot, wanted: Mask, given: Filters, understood: Understood
) -> tuple[Understood, tuple[Relaxed, ...]]:
    """Give up as little of what was understood as lets any of the wanted products through.

    One constraint alone, if that helps, the least important one that does; then more of them, in that order. A bound is
    moved to the nearest products beyond it. What was given by hand is never given up: if nothing helps, all stays.
    """
    constraints = sorted(
        (constraint for constraint in understood.constraints if constraint.field in _ORDER),
        key=lambda constraint: _ORDER.index(constraint.field),
    )
    fields = list(dict.fromkeys(constraint.field for constraint in constraints))
    alone = [[field] for field in fields]
    more = [fields[:count] for count in range(2, len(fields) + 1)]
    for given_up in alone + more:
        if len(_rows(snapshot, wanted, given, _without(understood, given_up))):
            needed = _needed(snapshot, wanted, given, understood, given_up)
            looser = _without(understood, needed)
            rows = _rows(snapshot, wanted, given, looser)
            return _moved(snapshot, rows, understood, looser, [c for c in constraints if c.field in needed])
    return understood, ()


def _needed(
    snapshot: Snapshot, wanted: Mask, given: Filters, understood: Understood, given_up: Collection[str]
) -> list[str]:
    """Of what is given up together, what has to be: the most important one that doesn't is kept."""
    needed = list(given_up)
    for field in reversed(list(given_up)):
        others = [one for one in needed if one != field]
        if len(_rows(snapshot, wanted, given, _without(understood, others))):
            needed = others
    return needed


def _rows(snapshot: Snapshot, wanted: Mask, given: Filters, understood: Understood) -> NDArray[np.intp]:
    masks = masks_of(snapshot, joined(given, understood.filters), understood.not_countries)
    return np.flatnonzero(wanted & combined(snapshot, masks))


def _without(understood: Understood, given_up: Collection[str]) -> Understood:
    unset: dict[str, Any] = {name: getattr(Filters(), name) for name in given_up if hasattr(understood.filters, name)}
    return replace(
        understood,
        filters=replace(understood.filters, **unset),
        not_countries=() if "not_countries" in given_up else understood.not_countries,
        constraints=tuple(one for one in understood.constraints if one.field not in given_up),
    )


def _moved(
    snapshot: Snapshot, rows: NDArray[np.intp], asked: Understood, looser: Understood, given_up: list[Constraint]
) -> tuple[Understood, tuple[Relaxed, ...]]:
    told: list[Relaxed] = []
    kept: list[Constraint] = []
    moved: dict[str, Any] = {}
    for constraint in given_up:
        instead = None
        if constraint.field in SPANS:
            numbers = getattr(snapshot, SPANS[constraint.field])[rows]
            span = _around(getattr(asked.filters, constraint.field), numbers)
            if span is not None:
                moved[constraint.field] = span
                rows = rows[(numbers >= (span.least or -np.inf)) & (numbers <= (span.most or np.inf))]
                if span == getattr(asked.filters, constraint.field):
                    # All that is left since another bound was moved is within it.
                    kept.append(constraint)
                    continue
                instead = bounds(constraint.field, span, constraint.unit)
        told.append(Relaxed(constraint.key, constraint.label, instead))
    constraints = tuple(one for one in asked.constraints if one in looser.constraints or one in kept)
    return replace(looser, filters=replace(looser.filters, **moved), constraints=constraints), tuple(told)


def _around(asked: Span, numbers: NDArray[Any]) -> Span | None:
    """The span with its ends moved to the nearest numbers; None: none are known."""
    known = numbers[~np.isnan(numbers)].astype(np.float64)
    if not len(known):
        return None
    least = -np.inf if asked.least is None else asked.least
    most = np.inf if asked.most is None else asked.most
    beyond = np.maximum(np.maximum(least - known, known - most), 0)
    nearest = known[np.argsort(beyond, kind="stable")[:_SHOWN]]
    # Lengths are kept with less precision than bounds are compared with.
    low, high = np.floor(nearest.min() * 100) / 100, np.ceil(nearest.max() * 100) / 100
    return Span(
        least=None if asked.least is None else min(asked.least, float(low)),
        most=None if asked.most is None else max(asked.most, float(high)),
    )
