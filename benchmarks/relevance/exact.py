"""An index that looks at every vector: what an approximate one is measured by."""

from __future__ import annotations

from collections.abc import AsyncIterable, Sequence

import numpy as np
from numpy.typing import NDArray

from garaza.furniture.embedding.port import Vectors
from garaza.furniture.filters import Filters, payload_of
from garaza.furniture.index.port import IndexSpec, Nearest, Point
from garaza.furniture.products import Product
from tests.furniture.search.nearby import lets


class ExactIndex:
    """A VectorIndex of products whose ids are 1, 2, 3, …"""

    name = "exact"

    def __init__(self, products: Sequence[Product], matrix: NDArray[np.float32]) -> None:
        self._payloads = [payload_of(product) for product in products]
        self._matrix = matrix

    async def has(self, spec: IndexSpec) -> bool:  # noqa: ARG002 - the port's
        """See the port."""
        return True

    async def prepare(self, spec: IndexSpec, points: AsyncIterable[Sequence[Point]]) -> None:
        """See the port."""

    async def serve(self, version: int) -> None:
        """See the port."""

    async def search(self, vector: Vectors, limit: int, filters: Filters) -> Nearest:
        """See the port."""
        scores = self._matrix @ vector
        rows = np.argsort(-scores, kind="stable")
        if filters:
            rows = rows[[lets(filters, self._payloads[row]) for row in rows]]
        rows = rows[:limit]
        return Nearest(rows.astype(np.int64) + 1, scores[rows])

    async def scores(self, vector: Vectors, ids: Sequence[int]) -> NDArray[np.float32]:
        """See the port."""
        found: NDArray[np.float32] = self._matrix[np.asarray(ids, np.int64) - 1] @ vector
        return found

    def local(self) -> None:
        """See the port."""

    async def close(self) -> None:
        """See the port."""
