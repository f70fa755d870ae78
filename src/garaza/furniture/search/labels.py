"""What products have in common with others: brands, categories, countries, colours, materials."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from garaza.furniture.search.postings import Rows


@dataclass(frozen=True, slots=True)
class Labels:
    """Of one kind, in both directions: of which rows are these, and what do those rows have."""

    keys: list[str]
    """By code."""
    names: list[str]
    """For people."""
    codes_by_key: dict[str, int]
    offsets: NDArray[np.int64]
    """[rows + 1]: row r has the codes from offsets[r] until before offsets[r + 1]."""
    codes: NDArray[np.int32]
    row_offsets: NDArray[np.int64]
    """[len(keys) + 1], into `rows`, by code."""
    rows: Rows

    def mask(self, keys: Iterable[str]) -> NDArray[np.bool_]:
        """Which rows have any of these."""
        mask = np.zeros(len(self.offsets) - 1, np.bool_)
        for key in keys:
            code = self.codes_by_key.get(key)
            if code is not None:
                mask[self.rows[self.row_offsets[code] : self.row_offsets[code + 1]]] = True
        return mask

    def counts(self, rows: NDArray[np.intp]) -> NDArray[np.int64]:
        """How many of these rows have each, by code."""
        return np.bincount(self.codes[spread(self.offsets, rows)], minlength=len(self.keys))

    def keys_of(self, row: int) -> list[str]:
        """What one row has."""
        return [self.keys[code] for code in self.codes[self.offsets[row] : self.offsets[row + 1]].tolist()]

    def widest(self) -> frozenset[str]:
        """Keys that no row has last: of categories those that hold others, and no thing itself."""
        ends = self.offsets[1:][np.diff(self.offsets) > 0]
        last = np.zeros(len(self.keys), np.bool_)
        last[self.codes[ends - 1]] = True
        return frozenset(key for key, is_last in zip(self.keys, last.tolist(), strict=True) if not is_last)

    @classmethod
    def load(cls, arrays: Mapping[str, NDArray[Any]], names: Mapping[str, list[str]], kind: str) -> Labels:
        """From what `LabelsBuilder` wrote."""
        keys = names[f"{kind}-keys"]
        parts = (arrays[f"{kind}-{part}"] for part in ("offsets", "codes", "row-offsets", "rows"))
        return cls(keys, names[f"{kind}-names"], {key: code for code, key in enumerate(keys)}, *parts)


def spread(offsets: NDArray[np.int64], rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Where all entries of these rows are, without a loop over them."""
    starts = offsets[rows]
    lengths = offsets[rows + 1] - starts
    ends = np.cumsum(lengths)
    if not len(ends) or not ends[-1]:
        return np.zeros(0, np.intp)
    return np.asarray(np.arange(ends[-1]) + np.repeat(starts - (ends - lengths), lengths))


class LabelsBuilder:
    """Takes rows in their order."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._codes_by_key: dict[str, int] = {}
        self._names: list[str] = []
        self._codes = array("i")
        self._ends = array("q", [0])

    def add(self, named: Mapping[str, str]) -> None:
        """What the next row has: names by key."""
        for key, name in named.items():
            code = self._codes_by_key.setdefault(key, len(self._names))
            if code == len(self._names):
                self._names.append(name)
            self._codes.append(code)
        self._ends.append(len(self._codes))

    def write(self, folder: Path) -> dict[str, list[str]]:
        """The arrays into files; returns what is text."""
        codes = np.array(self._codes, np.int32)
        offsets = np.array(self._ends, np.int64)
        row_of_each = np.repeat(np.arange(len(offsets) - 1, dtype=np.int32), np.diff(offsets))
        by_code = np.argsort(codes, kind="stable")
        counts = np.bincount(codes, minlength=len(self._names)) if len(codes) else np.zeros(len(self._names), np.int64)
        arrays: dict[str, NDArray[Any]] = {
            "offsets": offsets,
            "codes": codes,
            "row-offsets": np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]),
            "rows": row_of_each[by_code],
        }
        for part, values in arrays.items():
            np.save(folder / f"{self._kind}-{part}.npy", values)
        return {f"{self._kind}-keys": list(self._codes_by_key), f"{self._kind}-names": self._names}
