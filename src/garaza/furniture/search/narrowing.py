"""Filters as masks: one for each thing that is asked for, so that facets can leave out their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from garaza.furniture.filters import Filters, Span
from garaza.furniture.search.snapshot import Snapshot

Mask = NDArray[np.bool_]
SPANS = {"price": "prices", "width_cm": "widths", "depth_cm": "depths", "height_cm": "heights"}
"""Fields of Filters, and where a snapshot has what they are about."""
_NOT = {
    "not_brands": "brands",
    "not_categories": "categories",
    "not_colors": "colors",
    "not_materials": "materials",
}


def masks_of(snapshot: Snapshot, filters: Filters, not_countries: Iterable[str] = ()) -> dict[str, Mask]:
    """By the field of Filters; only of those that narrow."""
    masks: dict[str, Mask] = {}
    for name, labels in snapshot.labels.items():
        if keys := getattr(filters, name):
            masks[name] = labels.mask(keys)
    for name, kind in _NOT.items():
        if keys := getattr(filters, name):
            masks[name] = ~snapshot.labels[kind].mask(keys)
    if not_countries:
        masks["not_countries"] = ~snapshot.labels["countries"].mask(not_countries)
    if filters.in_stock is not None:
        masks["in_stock"] = snapshot.in_stock == int(filters.in_stock)
    for name, column in SPANS.items():
        if span := getattr(filters, name):
            masks[name] = within(getattr(snapshot, column), span)
    return masks


def combined(snapshot: Snapshot, masks: Mapping[str, Mask], without: str = "") -> Mask:
    """What all of them let through, or all but one."""
    chosen = [mask for name, mask in masks.items() if name != without]
    if not chosen:
        return snapshot.every
    mask = chosen[0]
    for other in chosen[1:]:
        mask = mask & other
    return mask


def within(numbers: NDArray[Any], span: Span) -> Mask:
    """What is unknown isn't."""
    # Of NaN neither comparison holds.
    least = numbers >= (-np.inf if span.least is None else span.least)
    return least & (numbers <= (np.inf if span.most is None else span.most))


def joined(given: Filters, understood: Filters) -> Filters:
    """Both hold. Where both name things, those that were given count: they were chosen by hand."""
    changes: dict[str, Any] = {}
    for field in fields(Filters):
        mine, theirs = getattr(given, field.name), getattr(understood, field.name)
        if isinstance(mine, Span):
            if theirs:
                changes[field.name] = _both(mine, theirs)
        elif field.name.startswith("not_"):
            changes[field.name] = tuple(dict.fromkeys([*mine, *theirs]))
        elif mine in {None, ()}:
            changes[field.name] = theirs
    return replace(given, **changes)


def _both(one: Span, other: Span) -> Span:
    least = [bound for bound in (one.least, other.least) if bound is not None]
    most = [bound for bound in (one.most, other.most) if bound is not None]
    return Span(least=max(least, default=None), most=min(most, default=None))
