"""What is near by its meaning, as far as it is known."""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from garaza.furniture.embedding.port import Encoder, EncoderUnavailableError, Vectors
from garaza.furniture.filters import NO_FILTERS, Filters
from garaza.furniture.index.port import IndexUnavailableError, VectorIndex
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

    async def find(self, filters: Filters, mask: Mask, fit: Floats) -> None:
        """Ask for the nearest that the filters let through, and how near those are that words found.

        Args:
            mask: the same filters.
            fit: by words.
        """
        if self._index is None or self._vector is None:
            return
        try:
            with spending("index"):
                nearest = await self._index.search(self._vector, DEPTH, filters)
            rows, there = self._snapshot.find(nearest.ids)
            cosines = np.full(len(self._snapshot), np.nan, np.float32)
            cosines[rows[there]] = nearest.scores[there]
            others = _best(fit, mask & np.isnan(cosines))
            if len(others):
                with spending("index"):
                    cosines[others] = await self._index.scores(self._vector, self._snapshot.ids[others].tolist())
        except IndexUnavailableError as error:
            logger.warning("the index can't be asked; only words are looked at: %s", error)
        else:
            self.cosines, self.found = cosines, rows[there]


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


def _best(fit: Floats, mask: Mask) -> NDArray[np.intp]:
    rows = np.flatnonzero(mask & (fit > 0))
    if len(rows) > DEPTH:
        limit = np.partition(fit[rows], len(rows) - DEPTH)[len(rows) - DEPTH]
        rows = rows[fit[rows] >= limit]
        # Of many that are equal, the first by id.
        rows = rows[np.argsort(-fit[rows], kind="stable")[:DEPTH]]
    return rows
