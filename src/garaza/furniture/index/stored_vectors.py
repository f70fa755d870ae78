"""The vectors of one version beside the engine, which has them, too, but gives single ones as lists of numbers.

ids.npy      int64, ascending
vectors.npy  float16, [ids, dimensions], in their order
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from garaza.furniture.ascending import places_in
from garaza.furniture.embedding.port import Vectors

_IDS, _VECTORS = "ids.npy", "vectors.npy"
_PART = 1000

Ids = NDArray[np.int64]


class StoredVectors:
    """Mapped: only what is asked for is in memory. Its files may be removed meanwhile. For any thread."""

    def __init__(self, folder: Path) -> None:
        self._ids = ids_of(folder)
        # Nothing can't be mapped.
        mode: Any = "r" if len(self._ids) else None
        self._vectors = np.asarray(np.load(folder / _VECTORS, mmap_mode=mode, allow_pickle=False))

    def of(self, ids: Ids) -> Vectors:
        """float32, [ids, dimensions], in their order; NaN for what isn't there."""
        found = np.full((len(ids), self._vectors.shape[1]), np.nan, np.float32)
        places, there = places_in(self._ids, ids)
        found[there] = self._vectors[places[there]]
        return found


def ids_of(folder: Path) -> Ids:
    """Of all points."""
    ids: Ids = np.load(folder / _IDS, allow_pickle=False)
    return ids


def store_ids(folder: Path, ids: Ids) -> None:
    """Ascending."""
    np.save(folder / _IDS, ids)


def room_for_vectors(folder: Path, dimensions: int, before: Path | None) -> np.memmap[Any, np.dtype[np.float16]]:
    """Of the ids that were stored, to be filled and flushed. What the version before has of them is there."""
    ids = ids_of(folder)
    room = np.lib.format.open_memmap(folder / _VECTORS, "w+", np.float16, (len(ids), dimensions))
    if before is not None:
        _, here, there = np.intersect1d(ids, ids_of(before), assume_unique=True, return_indices=True)
        old = np.load(before / _VECTORS, mmap_mode="r", allow_pickle=False)
        # Never all at once in memory: there may be a million.
        for start in range(0, len(here), _PART):
            room[here[start : start + _PART]] = old[there[start : start + _PART]]
    return room
