"""What finds the nearest of many vectors."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from garaza.furniture.embedding.port import Vectors
from garaza.furniture.filters import Filters, Payload


@dataclass(frozen=True, slots=True)
class Point:
    """A product as an index keeps it."""

    id: int
    """Of its row: another version of a product is another point."""
    vector: Vectors
    """float32, [dimensions], of unit length."""
    payload: Payload


@dataclass(frozen=True, slots=True)
class IndexSpec:
    """What an index of a version is made of."""

    version: int
    model_id: str
    dimensions: int
    ids: Collection[int]
    """Of its points."""
    contents: str
    """A digest of the products. An index may outlive its database, and another one, or a backup in its place, has a
    version of the same number with the same ids.
    """


@dataclass(frozen=True, slots=True)
class Nearest:
    """What was found, the nearest first."""

    ids: NDArray[np.int64]
    scores: NDArray[np.float32]
    """Cosines."""

    def scores_of(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """Of these, in their order; NaN for what wasn't found."""
        by_id = dict(zip(self.ids.tolist(), self.scores.tolist(), strict=True))
        return np.array([by_id.get(point_id, np.nan) for point_id in ids], np.float32)


class IndexUnavailableError(Exception):
    """It can't be reached or read now. Its text is for operators, and names no secret."""


def vectors_missing(count: int) -> IndexUnavailableError:
    """So many products were to be prepared, and came without one."""
    return IndexUnavailableError(f"{count} products have no vectors: import the catalogue again")


class LocalIndex(Protocol):
    """One version, on this machine: for whoever is in a thread anyhow, and needn't hand anything over. Blocks."""

    def search(
        self, vector: Vectors, limit: int, filters: Filters, meanwhile: Callable[[], None] | None = None
    ) -> Nearest:
        """See VectorIndex.

        Args:
            meanwhile: is done while another process searches, if that is who does. It is to raise nothing.
        """

    def vectors(self, ids: NDArray[np.int64]) -> Vectors:
        """float32, [ids, dimensions], in their order; NaN for what isn't there."""


class VectorIndex(Protocol):
    """Of one version of the catalogue at a time. No method blocks; all raise IndexUnavailableError.

    A version is prepared beside the one that is served, which is served until `serve`.
    """

    name: str
    """For operators: what it is and where, without secrets."""

    async def has(self, spec: IndexSpec) -> bool:
        """Whether it was prepared, completely: after a restart there is nothing to be done."""

    async def prepare(self, spec: IndexSpec, points: AsyncIterable[Sequence[Point]]) -> None:
        """Make it ready to be served.

        Args:
            points: all of them, in parts. Whoever keeps those of the version before takes only what is new, or other
                than what that one has by this id, which may be another database's.
        """

    async def serve(self, version: int) -> None:
        """Answer from it from now on, and let go of those before."""

    async def search(self, vector: Vectors, limit: int, filters: Filters) -> Nearest:
        """The nearest of those that the filters let through."""

    async def scores(self, vector: Vectors, ids: Sequence[int]) -> NDArray[np.float32]:
        """Cosines of some, in their order; NaN for what isn't there."""

    def local(self) -> LocalIndex | None:
        """What is served, if that is in this process: faster than the two above. None: it has to be waited for."""

    async def close(self) -> None:
        """Let go of all that is held."""
