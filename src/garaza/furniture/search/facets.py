"""What a search can be narrowed to, with how many products each would leave."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from garaza.furniture.filters import Filters, Span
from garaza.furniture.search.found import Facet, FacetValue
from garaza.furniture.search.labels import Labels
from garaza.furniture.search.narrowing import Mask
from garaza.furniture.search.snapshot import Snapshot

MOST_VALUES = 30
PRICES = (0, 50, 100, 200, 500, 1000, 2000)
"""Where ranges of prices begin; the last one has no end."""
_STARTS = np.array([*PRICES, np.nan])


Counts = Mapping[str, NDArray[np.int64]]
"""By facet: how many products each of its values would leave. Those of parts of the products can be added."""


def facets_of(snapshot: Snapshot, matching: Mask, masks: Mapping[str, Mask], filters: Filters) -> tuple[Facet, ...]:
    """Of the products that match what was asked in words, each facet without its own filter."""
    return named(snapshot, counted(snapshot, np.flatnonzero(matching), masks), filters)


def counted(snapshot: Snapshot, matching: NDArray[np.intp], masks: Mapping[str, Mask]) -> Counts:
    """See `facets_of`. Of these rows."""
    theirs = {name: mask[matching] for name, mask in masks.items()}
    everything = _left(matching, theirs)

    def rows(own: str) -> NDArray[np.intp]:
        return _left(matching, theirs, own) if own in masks else everything

    counts = {kind: labels.counts(rows(kind)) for kind, labels in snapshot.labels.items()}
    prices, states = snapshot.prices[rows("price")], snapshot.in_stock[rows("in_stock")]
    # NaN is after everything, and left out.
    counts["price"] = np.bincount(np.searchsorted(_STARTS, prices, side="right"), minlength=len(_STARTS) + 1)[1:-1]
    counts["in_stock"] = np.array([np.count_nonzero(states == 1), np.count_nonzero(states == 0)])
    return counts


def _left(rows: NDArray[np.intp], masks: Mapping[str, Mask], without: str = "") -> NDArray[np.intp]:
    chosen = [mask for name, mask in masks.items() if name != without]
    return rows[np.logical_and.reduce(chosen)] if chosen else rows


def named(snapshot: Snapshot, counts: Counts, filters: Filters) -> tuple[Facet, ...]:
    """With what people call the values, and without those that leave nothing."""
    found = [_labelled(labels, kind, counts[kind], getattr(filters, kind)) for kind, labels in snapshot.labels.items()]
    found.append(_prices(counts["price"], filters.price))
    found.append(_in_stock(counts["in_stock"], filters.in_stock))
    return tuple(facet for facet in found if facet.values)


def _labelled(labels: Labels, kind: str, counts: NDArray[np.int64], chosen: tuple[str, ...]) -> Facet:
    # Ties in the order of the codes, so that the same question has the same answer.
    best = np.argsort(-counts, kind="stable")[:MOST_VALUES]
    codes = [code for code in best.tolist() if counts[code]]
    codes += [code for key in chosen if (code := labels.codes_by_key.get(key)) is not None and code not in codes]
    values = [
        FacetValue(labels.keys[code], labels.names[code], int(counts[code]), labels.keys[code] in chosen)
        for code in codes
    ]
    return Facet(kind, tuple(values))


def _prices(counts: NDArray[np.int64], chosen: Span) -> Facet:
    values = []
    for at, count in enumerate(counts.tolist()):
        least, following = PRICES[at], PRICES[at + 1] if at + 1 < len(PRICES) else None
        # Filters have both ends included; no price is finer than this.
        most = None if following is None else following - 0.01
        here = bool(chosen) and (chosen.least or 0) == least and chosen.most == most
        if count or here:
            values.append(FacetValue(f"{least or ''}-{most or ''}", _range_name(least, following), count, here))
    return Facet("price", tuple(values))


def _range_name(least: int, most: int | None) -> str:
    if most is None:
        return f"{least} and more"
    return f"{least} to {most}" if least else f"up to {most}"


def _in_stock(counts: NDArray[np.int64], chosen: bool | None) -> Facet:
    states = (("true", "in stock", True), ("false", "out of stock", False))
    values = [
        FacetValue(key, name, count, chosen is wanted)
        for (key, name, wanted), count in zip(states, counts.tolist(), strict=True)
        if count or chosen is wanted
    ]
    return Facet("in_stock", tuple(values))
