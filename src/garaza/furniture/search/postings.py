"""In which rows something occurs, in flat arrays that can stay on the disk."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from garaza.furniture.search.terms import digests

Rows = NDArray[np.int32]
Floats = NDArray[np.float32]
_PART = 1 << 20
"""Entries that are held in memory while this is built: 12 MB."""


@dataclass(frozen=True, slots=True)
class Postings:
    """Compressed sparse rows."""

    keys: NDArray[np.uint64]
    """Digests of what occurs, ascending."""
    offsets: NDArray[np.int64]
    """[len(keys) + 1]: of the key at k are the entries from offsets[k] until before offsets[k + 1]."""
    rows: Rows
    """Ascending within a key."""
    weights: Floats
    """As long as `rows`; or empty: all are 1."""

    def find(self, names: Sequence[str]) -> NDArray[np.intp]:
        """Where those are in `keys` that occur at all."""
        wanted = digests(names)
        places = np.searchsorted(self.keys, wanted)
        inside = places < len(self.keys)
        places, wanted = places[inside], wanted[inside]
        return np.asarray(places[self.keys[places] == wanted])

    def counts(self, places: NDArray[np.intp]) -> NDArray[np.int64]:
        """In how many rows each of these is."""
        return np.asarray(self.offsets[places + 1] - self.offsets[places])

    def rows_of(self, places: NDArray[np.intp]) -> Rows:
        """Of all of these, one after the other."""
        return _joined(self.rows, self._spans(places), np.int32)

    def weights_of(self, places: NDArray[np.intp]) -> Floats:
        """As `rows_of`."""
        return _joined(self.weights, self._spans(places), np.float32)

    def _spans(self, places: NDArray[np.intp]) -> list[slice]:
        return [slice(self.offsets[place], self.offsets[place + 1]) for place in places.tolist()]

    @classmethod
    def load(cls, arrays: Mapping[str, NDArray[Any]], name: str) -> Postings:
        """From what `PostingsBuilder` wrote."""
        return cls(*(arrays[f"{name}-{part}"] for part in ("keys", "offsets", "rows", "weights")))


def _joined(array: NDArray[Any], spans: list[slice], dtype: type[Any]) -> NDArray[Any]:
    return np.concatenate([array[span] for span in spans]) if spans else np.zeros(0, dtype)


Weigh = Callable[[NDArray[np.int32], NDArray[np.int32], Floats, NDArray[np.int64]], Floats]
"""From entries (which name, which row, with which weight) and in how many rows each name is: the weights to keep."""


class PostingsBuilder:
    """Takes rows in their order. What doesn't fit into memory lies in files until the end."""

    def __init__(self, folder: Path, name: str, weigh: Weigh | None = None) -> None:
        self._folder = folder
        self._name = name
        self._weigh = weigh
        self._ids: dict[str, int] = {}
        self._names = array("i")
        self._rows = array("i")
        self._weights = array("f")
        self._counts = np.zeros(1024, np.int64)
        self._parts: list[Path] = []

    def add(self, row: int, names: Iterable[str]) -> None:
        """What occurs in a row, each once."""
        ids = self._ids
        before = len(self._names)
        self._names.extend([ids.setdefault(name, len(ids)) for name in names])
        self._rows.extend([row] * (len(self._names) - before))
        if len(self._names) >= _PART:
            self._spill()

    def add_weighted(self, row: int, weights: Mapping[str, float]) -> None:
        """What occurs in a row, and how much."""
        self._weights.extend(weights.values())
        self.add(row, weights)

    def write(self) -> None:
        """All of it, into `{name}-….npy`."""
        self._spill()
        keys = digests(self._ids)
        order = np.argsort(keys)
        place = np.empty(len(order), np.int32)
        place[order] = np.arange(len(order), dtype=np.int32)
        counts = self._counts[: len(self._ids)]
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts[order])])
        self._save("keys", keys[order])
        self._save("offsets", offsets)
        total = int(offsets[-1])
        if not total:
            self._save("rows", np.zeros(0, np.int32))
            self._save("weights", np.zeros(0, np.float32))
            return
        rows = open_memmap(self._path("rows"), "w+", np.int32, (total,))
        weighted = self._weigh is not None
        weights = open_memmap(self._path("weights"), "w+", np.float32, (total,)) if weighted else None
        following = offsets[:-1].copy()
        for part in self._parts:
            names, part_rows, part_weights = (np.load(part / f"{field}.npy") for field in ("names", "rows", "weights"))
            places = place[names]
            by_place = np.argsort(places, kind="stable")
            ordered = places[by_place]
            # How many of the same are before it in this part.
            starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
            within = np.arange(len(ordered)) - np.repeat(starts, np.diff(np.append(starts, len(ordered))))
            at = following[ordered] + within
            rows[at] = part_rows[by_place]
            if weights is not None and self._weigh is not None:
                weights[at] = self._weigh(names, part_rows, part_weights, counts)[by_place]
            following += np.bincount(places, minlength=len(keys))
            for file in part.iterdir():
                file.unlink()
            part.rmdir()
        rows.flush()
        if weights is None:
            self._save("weights", np.zeros(0, np.float32))
        else:
            weights.flush()

    def _spill(self) -> None:
        if not self._names:
            return
        part = self._folder / f"{self._name}.part{len(self._parts)}"
        part.mkdir()
        names = np.array(self._names, np.int32)
        if len(self._ids) > len(self._counts):
            self._counts = np.concatenate([self._counts, np.zeros(len(self._ids), np.int64)])
        self._counts += np.bincount(names, minlength=len(self._counts))
        np.save(part / "names.npy", names)
        np.save(part / "rows.npy", np.array(self._rows, np.int32))
        np.save(part / "weights.npy", np.array(self._weights, np.float32))
        self._parts.append(part)
        self._names, self._rows, self._weights = array("i"), array("i"), array("f")

    def _path(self, part: str) -> Path:
        return self._folder / f"{self._name}-{part}.npy"

    def _save(self, part: str, values: NDArray[Any]) -> None:
        np.save(self._path(part), values)
