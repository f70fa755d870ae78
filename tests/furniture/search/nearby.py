"""A model and an index that are simple enough to be believed."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from garaza.furniture.embedding.port import Vectors
from garaza.furniture.filters import Filters, Payload, Span, payload_of
from garaza.furniture.index.port import IndexSpec, IndexUnavailableError, LocalIndex, Nearest, Point
from garaza.furniture.products import Product
from garaza.furniture.search.terms import stem, words_of

SYNONYMS = {"couch": "sofa", "settee": "sofa", "carpet": "rug"}


class WordEncoder:
    """Texts are near that have words in common, or synonyms."""

    model_id = "words-1"
    dimensions = 64

    async def query(self, text: str) -> Vectors:
        return self.documents([text])[0]

    def documents(self, texts: Sequence[str]) -> Vectors:
        return np.array([_vector(text) for text in texts], np.float32).reshape(len(texts), self.dimensions)


def _vector(text: str) -> NDArray[np.float64]:
    total = np.zeros(WordEncoder.dimensions)
    for word in words_of(text):
        name = stem(SYNONYMS.get(word, word))
        seed = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=4).digest())
        total += np.random.default_rng(seed).standard_normal(len(total))
    length = np.linalg.norm(total)
    return total / length if length else np.eye(len(total))[0]


class ExactIndex:
    """Compares with all."""

    name = "exact"

    def __init__(self) -> None:
        self.prepared: dict[int, tuple[tuple[str, str], dict[int, Point]]] = {}
        self.served: int | None = None
        self.down = False

    def _check(self) -> None:
        if self.down:
            raise IndexUnavailableError("it is down")

    async def has(self, spec: IndexSpec) -> bool:
        self._check()
        found = self.prepared.get(spec.version)
        return found is not None and found[0] == (spec.model_id, spec.contents) and found[1].keys() == set(spec.ids)

    async def prepare(self, spec: IndexSpec, points: AsyncIterable[Sequence[Point]]) -> None:
        self._check()
        kept = {point.id: point async for part in points for point in part}
        assert all(len(point.vector) == spec.dimensions for point in kept.values())
        self.prepared[spec.version] = ((spec.model_id, spec.contents), kept)

    async def serve(self, version: int) -> None:
        self._check()
        self.served = version
        self.prepared = {version: self.prepared[version]}

    @property
    def points(self) -> dict[int, Point]:
        assert self.served is not None
        return self.prepared[self.served][1]

    async def search(self, vector: Vectors, limit: int, filters: Filters) -> Nearest:
        self._check()
        return self.nearest(vector, limit, filters)

    def nearest(self, vector: Vectors, limit: int, filters: Filters) -> Nearest:
        found = [(float(one.vector @ vector), one.id) for one in self.points.values() if lets(filters, one.payload)]
        found = sorted(found, key=lambda one: (-one[0], one[1]))[:limit]
        return Nearest(np.array([one[1] for one in found], np.int64), np.array([one[0] for one in found], np.float32))

    async def scores(self, vector: Vectors, ids: Sequence[int]) -> NDArray[np.float32]:
        self._check()
        points = self.points
        return np.array([points[one].vector @ vector if one in points else np.nan for one in ids], np.float32)

    def local(self) -> LocalIndex | None:
        return None

    async def close(self) -> None:
        pass


class IndexHere(ExactIndex):
    """The same, to be asked in a thread.

    Args:
        fails: when. It is down, or it ends while something else is done.
    """

    def __init__(self, fails: Literal["", "at once", "meanwhile", "later"] = "") -> None:
        super().__init__()
        self.fails = fails

    def local(self) -> LocalIndex:
        return _Here(self)


class _Here:
    def __init__(self, index: IndexHere) -> None:
        self._index = index

    def search(
        self, vector: Vectors, limit: int, filters: Filters, meanwhile: Callable[[], None] | None = None
    ) -> Nearest:
        if self._index.fails == "at once":
            raise IndexUnavailableError("it is down")
        if meanwhile is not None:
            meanwhile()
        if self._index.fails == "later":
            raise IndexUnavailableError("it has ended")
        return self._index.nearest(vector, limit, filters)

    def vectors(self, ids: NDArray[np.int64]) -> Vectors:
        if self._index.fails == "meanwhile":
            raise IndexUnavailableError("no file")
        points = self._index.points
        missing = np.full(WordEncoder.dimensions, np.nan, np.float32)
        found = [points[one].vector if one in points else missing for one in ids.tolist()]
        return np.array(found, np.float32).reshape(len(ids), len(missing))


def lets(filters: Filters, payload: Payload) -> bool:
    """Whether a product is let through: see Filters."""
    single = {"brands": "brand", "countries": "country"}
    for name in ("brands", "categories", "countries", "colors", "materials"):
        own = payload.get(single.get(name, name), [])
        has = {own} if isinstance(own, str) else set(own)
        if (wanted := getattr(filters, name)) and not has & set(wanted):
            return False
        if has & set(getattr(filters, f"not_{name}", ())):
            return False
    if filters.in_stock is not None and payload.get("in_stock") is not filters.in_stock:
        return False
    return all(
        _within(getattr(filters, name), payload.get(name)) for name in ("price", "width_cm", "depth_cm", "height_cm")
    )


def _within(span: Span, number: float | None) -> bool:
    if not span:
        return True
    return (
        number is not None
        and (span.least is None or number >= span.least)
        and (span.most is None or number <= span.most)
    )


async def index_of(items: Iterable[tuple[int, Product]]) -> ExactIndex:
    """Of products."""
    encoder, index, items = WordEncoder(), ExactIndex(), list(items)
    vectors = encoder.documents([product.text for _, product in items])
    points = [Point(one, vector, payload_of(product)) for (one, product), vector in zip(items, vectors, strict=True)]

    async def parts() -> AsyncIterable[Sequence[Point]]:
        yield points

    spec = IndexSpec(1, encoder.model_id, encoder.dimensions, [one for one, _ in items], "")
    await index.prepare(spec, parts())
    await index.serve(1)
    return index
