"""What is near by its meaning, as far as it is known."""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from garaza.furniture.embedding.port import Encoder, EncoderUnavailableError, Vectors
from garaza.furniture.filters import NO_FILTERS, Filters
from garaza.furniture.index.port import IndexUnavailableError, LocalIndex, Nearest, VectorIndex
from garaza.furniture.search.narrowing import Mask
from garaza.furniture.search.postings import Floats
from garaza.furniture.search.snapshot import Snapshot
from garaza.furniture.search.spent import spending

logger = logging.getLogger(__name__)

DEPTH = 120
"""Of the nearest, and of those found by words alone, whose nearness is asked for."""
_NEAR = 0.8
"""Share of the nearest product's cosine with which one is about as near."""


class Meaning:
    """Of one text. Where it can't be looked at, nothing is near."""

    def __init__(self, snapshot: Snapshot, index: VectorIndex | None, vector: Vectors | None) -> None:
        self._snapshot = snapshot
        self._index = index
        self._vector = vector
        self.cosines: Floats | None = None
        """By row; NaN: isn't known, but less than that of all that were found. None: meaning isn't looked at."""
        self.found = np.zeros(0, np.intp)
        """Rows of the nearest."""

    async def near(self) -> NDArray[np.intp]:
        """Rows that are about as near as the nearest, whatever the filters."""
        if self._index is None or self._vector is None:
            return self.found
        try:
            with spending("index"):
                nearest = await self._index.search(self._vector, DEPTH, NO_FILTERS)
        except IndexUnavailableError:
            return self.found
        return self._snapshot.rows_of(nearest.ids[nearest.scores >= _NEAR * nearest.scores.max(initial=0.0)])

    async def find(self, filters: Filters, likely: NDArray[np.intp]) -> None:
        """Ask for the nearest that the filters let through, and how near those are that words found.

        Args:
            likely: see the function.
        """
        if self._index is None or self._vector is None:
            return
        try:
            with spending("index"):
                nearest = await self._index.search(self._vector, DEPTH, filters)
                cosines, rows, others = self._placed(nearest, likely)
                cosines[others] = await self._index.scores(self._vector, self._snapshot.ids[others].tolist())
        except IndexUnavailableError as error:
            _warn(error)
        else:
            self.cosines, self.found = cosines, rows

    def find_here(self, index: LocalIndex, filters: Filters, likely: NDArray[np.intp]) -> None:
        """The same, in a thread."""
        if self._vector is None:
            return
        try:
            with spending("index"):
                nearest = index.search(self._vector, DEPTH, filters)
                cosines, rows, others = self._placed(nearest, likely)
                cosines[others] = index.scores(self._vector, self._snapshot.ids[others].tolist())
        except IndexUnavailableError as error:
            _warn(error)
        else:
            self.cosines, self.found = cosines, rows

    def _placed(self, nearest: Nearest, likely: NDArray[np.intp]) -> tuple[Floats, NDArray[np.intp], NDArray[np.intp]]:
        """Cosines by row, as far as they are known now; whose; and which rows' are to be asked for."""
        rows, there = self._snapshot.find(nearest.ids)
        cosines = np.full(len(self._snapshot), np.nan, np.float32)
        cosines[rows[there]] = nearest.scores[there]
        return cosines, rows[there], likely[np.isnan(cosines[likely])][:DEPTH]


def _warn(error: IndexUnavailableError) -> None:
    logger.warning("the index can't be asked; only words are looked at: %s", error)


async def encode(encoder: Encoder | None, text: str) -> Vectors | None:
    """None: it can't be."""
    if encoder is None:
        return None
    try:
        with spending("encode"):
            return await encoder.query(text)
    except EncoderUnavailableError as error:
        logger.warning("a text can't be encoded; it is searched for by its words alone: %s", error)
        return None


def likely(fit: Floats, mask: Mask) -> NDArray[np.intp]:
    """Rows that fit best by words, the best first: enough of them, whichever the nearest are."""
    rows = np.flatnonzero(mask & (fit > 0))
    most = 2 * DEPTH
    if len(rows) > most:
        rows = rows[fit[rows] >= np.partition(fit[rows], len(rows) - most)[len(rows) - most]]
    # Of many that are equal, the first by id.
    return rows[np.argsort(-fit[rows], kind="stable")[:most]]
