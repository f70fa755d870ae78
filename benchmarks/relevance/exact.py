"""An index that looks at every vector: what an approximate one is measured by."""

from __future__ import annotations

from collections.abc import AsyncIterable, Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from garaza.furniture.embedding.port import Vectors
from garaza.furniture.filters import Filters, Span
from garaza.furniture.index.port import Nearest, Point
from garaza.furniture.products import Product, key_of


class ExactIndex:
    """A VectorIndex of products whose ids are 1, 2, 3, …"""

    name = "exact"

    def __init__(self, products: Sequence[Product], matrix: NDArray[np.float32]) -> None:
        self._products = products
        self._matrix = matrix

    async def has(self, version: int, model_id: str, ids: Collection[int]) -> bool:  # noqa: ARG002 - the port's
        """See the port."""
        return True

    async def prepare(
        self,
        version: int,
        model_id: str,
        dimensions: int,
        ids: Collection[int],
        points: AsyncIterable[Sequence[Point]],
    ) -> None:
        """See the port."""

    async def serve(self, version: int) -> None:
        """See the port."""

    async def search(self, vector: Vectors, limit: int, filters: Filters) -> Nearest:
        """See the port."""
        scores = self._matrix @ vector
        rows = np.argsort(-scores, kind="stable")
        if filters:
            rows = rows[[_lets_through(filters, self._products[row]) for row in rows]]
        rows = rows[:limit]
        return Nearest(rows.astype(np.int64) + 1, scores[rows])

    async def scores(self, vector: Vectors, ids: Sequence[int]) -> NDArray[np.float32]:
        """See the port."""
        found: NDArray[np.float32] = self._matrix[np.asarray(ids, np.int64) - 1] @ vector
        return found

    async def close(self) -> None:
        """See the port."""


def _lets_through(filters: Filters, product: Product) -> bool:
    said = {
        "brands": {key_of(product.brand)} if product.brand else set(),
        "categories": set(map(key_of, product.categories)),
        "countries": {product.country},
        "colors": set(product.colors),
        "materials": set(product.materials),
    }
    for name, values in said.items():
        wanted, unwanted = getattr(filters, name), getattr(filters, f"not_{name}", ())
        if (wanted and not values & set(wanted)) or values & set(unwanted):
            return False
    if filters.in_stock is not None and product.in_stock is not filters.in_stock:
        return False
    price = None if product.price_minor is None else product.price_minor / 100
    return _within(filters.price, price) and all(
        _within(getattr(filters, name), getattr(product, name)) for name in ("width_cm", "depth_cm", "height_cm")
    )


def _within(span: Span, value: float | None) -> bool:
    if not span:
        return True
    return value is not None and (span.least or 0) <= value <= (span.most if span.most is not None else np.inf)
