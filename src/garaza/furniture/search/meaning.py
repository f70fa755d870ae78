"""What is near by its meaning, as far as it is known."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

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


class Narrowing(Protocol):
    """What is looked for, as far as it is known without a model."""

    @property
    def meant(self) -> Filters:
        """What the text says. It alone decides what is near enough to be found: if filters that people choose did, too,
        each one would let others in, and no count of what it leaves would be true.
        """

    @property
    def filters(self) -> Filters:
        """These, and what was chosen. Only where nothing would be left is it asked for the nearest of them."""

    @property
    def mask(self) -> Mask:
        """The same."""

    @property
    def any_found(self) -> bool:
        """Whether they leave any of what words found."""

    @property
    def likely(self) -> NDArray[np.intp]:
        """See the function."""


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
        self.close = self.found
        """Of these, those that are about as near as the very nearest."""

    async def near(self) -> NDArray[np.intp]:
        """Rows that are about as near as the nearest, whatever the filters."""
        nearest = await self._nearest(NO_FILTERS)
        return self._snapshot.rows_of(nearest.ids[nearest.scores >= _NEAR * nearest.scores.max(initial=0.0)])

    async def nearest(self, filters: Filters) -> NDArray[np.intp]:
        """Rows of the nearest that these let through."""
        return self._snapshot.rows_of((await self._nearest(filters)).ids)

    async def _nearest(self, filters: Filters) -> Nearest:
        if self._index is not None and self._vector is not None:
            try:
                with spending("index"):
                    return await self._index.search(self._vector, DEPTH, filters)
            except IndexUnavailableError as error:
                _warn(error)
        return Nearest(np.zeros(0, np.int64), np.zeros(0, np.float32))

    async def find(self, narrowing: Narrowing) -> None:
        """Ask for the nearest, and how near those are that words found."""
        if self._index is None or self._vector is None:
            return
        with _told():
            nearest = await self._index.search(self._vector, DEPTH, narrowing.meant)
            if self._all_are_left_out(nearest, narrowing):
                nearest = await self._index.search(self._vector, DEPTH, narrowing.filters)
            cosines, others = self._placed(nearest, narrowing.likely)
            rows = narrowing.likely[others]
            cosines[rows] = await self._index.scores(self._vector, self._snapshot.ids[rows].tolist())
            self.cosines = cosines

    def find_here(self, index: LocalIndex, narrowing: Narrowing, meanwhile: Callable[[], None] | None) -> None:
        """The same, in a thread. `meanwhile`: see LocalIndex."""
        if self._vector is None:
            return
        vectors: list[Vectors] = []

        def fetch() -> None:
            if meanwhile is not None:
                meanwhile()
            vectors.append(index.vectors(self._snapshot.ids[narrowing.likely]))

        with _told():
            nearest = index.search(self._vector, DEPTH, narrowing.meant, fetch)
            if self._all_are_left_out(nearest, narrowing):
                nearest = index.search(self._vector, DEPTH, narrowing.filters)
            cosines, others = self._placed(nearest, narrowing.likely)
            cosines[narrowing.likely[others]] = vectors[0][others] @ self._vector
            self.cosines = cosines

    def _all_are_left_out(self, nearest: Nearest, narrowing: Narrowing) -> bool:
        return not (narrowing.any_found or narrowing.mask[self._snapshot.rows_of(nearest.ids)].any())

    def _placed(self, nearest: Nearest, likely: NDArray[np.intp]) -> tuple[Floats, NDArray[np.intp]]:
        """Cosines by row, as far as they are known now, and which of the likely rows' are to be asked for."""
        rows, there = self._snapshot.find(nearest.ids)
        scores = nearest.scores[there]
        cosines = np.full(len(self._snapshot), np.nan, np.float32)
        cosines[rows[there]] = scores
        self.found = rows[there]
        self.close = self.found[scores >= _NEAR * scores.max(initial=0.0)]
        return cosines, np.flatnonzero(np.isnan(cosines[likely]))[:DEPTH]


@contextmanager
def _told() -> Iterator[None]:
    """The time is that of the index; where it can't be asked, nothing is near."""
    try:
        with spending("index"):
            yield
    except IndexUnavailableError as error:
        _warn(error)


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
