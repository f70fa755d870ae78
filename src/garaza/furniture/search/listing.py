"""What a version has of a brand or in a category, and how many of each: read from its arrays, and from nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from garaza.furniture.search.labels import Labels
from garaza.furniture.search.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Counted:
    """A brand or a country, and how many products are of it."""

    key: str
    name: str
    count: int


def of_brand(snapshot: Snapshot, key: str) -> NDArray[np.int64]:
    """Ids, by title."""
    rows = np.flatnonzero(snapshot.labels["brands"].mask([key]))
    return snapshot.ids[rows[np.argsort(snapshot.title_ranks[rows])]]


def in_category(snapshot: Snapshot, key: str) -> NDArray[np.int64]:
    """Ids, ascending: of the category of this key; or, where there is none, of those whose keys begin with it."""
    categories = snapshot.labels["categories"]
    keys = [key] if key in categories.codes_by_key else [one for one in categories.keys if one.startswith(key)]
    return snapshot.ids[np.flatnonzero(categories.mask(keys))]


def counted(labels: Labels, most: int) -> list[Counted]:
    """Those with the most products first."""
    counts = np.diff(labels.row_offsets)
    codes = np.argsort(-counts, kind="stable")[:most].tolist()
    found = [Counted(labels.keys[code], labels.names[code], int(counts[code])) for code in codes]
    return sorted(found, key=lambda one: (-one.count, one.key))
