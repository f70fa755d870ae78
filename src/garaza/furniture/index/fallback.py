"""PostgreSQL's own vectors where it has pgvector, else another index: which of them is seen when it is first used."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterable, Sequence

import numpy as np
from numpy.typing import NDArray

from garaza.furniture.embedding.port import Vectors
from garaza.furniture.filters import Filters
from garaza.furniture.index.pgvector import PgVectorIndex, PgVectorMissingError
from garaza.furniture.index.port import IndexSpec, LocalIndex, Nearest, Point, VectorIndex

logger = logging.getLogger(__name__)


class PgVectorOrOther:
    """A VectorIndex. A server that can't be reached isn't one without pgvector: it is asked again."""

    def __init__(self, pgvector: PgVectorIndex, other: VectorIndex) -> None:
        self.name = pgvector.name
        self._pgvector = pgvector
        self._other = other
        self._chosen: VectorIndex | None = None
        self._choosing = asyncio.Lock()

    async def has(self, spec: IndexSpec) -> bool:
        """See the port."""
        return await (await self._index()).has(spec)

    async def prepare(self, spec: IndexSpec, points: AsyncIterable[Sequence[Point]]) -> None:
        """See the port."""
        await (await self._index()).prepare(spec, points)

    async def serve(self, version: int) -> None:
        """See the port."""
        await (await self._index()).serve(version)

    async def search(self, vector: Vectors, limit: int, filters: Filters) -> Nearest:
        """See the port."""
        return await (await self._index()).search(vector, limit, filters)

    async def scores(self, vector: Vectors, ids: Sequence[int]) -> NDArray[np.float32]:
        """See the port."""
        return await (await self._index()).scores(vector, ids)

    def local(self) -> LocalIndex | None:
        """See the port."""
        return None if self._chosen is None else self._chosen.local()

    async def close(self) -> None:
        """See the port."""
        await self._pgvector.close()
        await self._other.close()

    async def _index(self) -> VectorIndex:
        if self._chosen is not None:
            return self._chosen
        async with self._choosing:
            if self._chosen is None:
                self._chosen = await self._choose()
                self.name = self._chosen.name
            return self._chosen

    async def _choose(self) -> VectorIndex:
        try:
            await self._pgvector.check()
        except PgVectorMissingError as error:
            logger.warning("%s. Until the next start vectors are kept as %s", error, self._other.name)
            return self._other
        return self._pgvector
