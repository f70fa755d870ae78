"""The index of vectors: against comparing with all of them in numpy, and against what is exact.

Before: one product of a matrix of float32 with the query, a mask for a filter, and the ten largest. After: the index in
files of this service, asked through its port, as a search does. Vectors are those of the sample catalogue, two of them
mixed and moved a little, so that they lie in heaps as those of a real one do; what is asked are vectors that the model
makes of real questions.

    python -m benchmarks.vector_index --points 200000
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.processes import ROOT
from benchmarks.relevance.judged import load
from benchmarks.report import Facts, Promise, Report, Row, percentile
from garaza.furniture import sample
from garaza.furniture.embedding.models import bundled
from garaza.furniture.embedding.onnx import OnnxEncoder
from garaza.furniture.embedding.port import Vectors
from garaza.furniture.filters import NO_FILTERS, Filters, Span
from garaza.furniture.index.edge import EdgeIndex
from garaza.furniture.index.port import IndexSpec, Point
from garaza.furniture.index.readers import ReaderHere

_TEN = 10
_BRANDS = 100
_WITH_BRAND = Filters(brands=("brand 7",))
_WITH_PRICE = Filters(price=Span(least=500, most=509.99))
_CHANGED = 100
_MOST_MS, _LEAST_RECALL = 1.0, 0.97
_MOST_FILTERED_MS, _LEAST_FILTERED_RECALL = 10.0, 0.95
_PART = 500
_MILLION = 1_000_000

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Asked:
    """One kind of question, both ways, in seconds."""

    plain: list[float]
    ours: list[float]
    recall: float


@dataclass(frozen=True, slots=True)
class _Measured:
    """One size."""

    count: int
    seconds: float
    """To make it."""
    disk: int
    resident: int
    """More of a process that opened it and asked all questions."""
    plain: _Asked
    brand: _Asked
    price: _Asked


def run(*, quick: bool, place: Path) -> Report:
    """See the module."""
    return asyncio.run(measure((2_000, 8_000) if quick else (5_000, 20_000), place))


async def measure(sizes: Sequence[int], place: Path) -> Report:
    """With so many vectors, one after the other, the most at last."""
    queries, vectors = await _questions(), mixed_vectors(max(sizes))
    found = [await _measure(vectors[:count], queries, place / str(count)) for count in sizes]
    anew, again = await _next_version(vectors[: min(sizes)], place / "next")
    most = found[-1]
    return Report(
        measured=f"{len(queries)} questions to {most.count:,} vectors of {vectors.shape[1]} numbers, one at a time",
        rows=[
            *_rows("a question", most.plain),
            *_rows("one brand, 1 %", most.brand),
            *_rows("a span of prices, 1 %", most.price),
            Row(f"the next version of {min(sizes):,}, of which one in {_CHANGED} is new", anew, again, "s"),
        ],
        promises=[
            Promise(
                f"half of all questions within {_MOST_MS:g} ms, and {_LEAST_RECALL} of the ten nearest are found",
                1000 * percentile(most.plain.ours, 50) <= _MOST_MS and most.plain.recall >= _LEAST_RECALL,
            ),
            *(
                Promise(
                    f"{name}, half within {_MOST_FILTERED_MS:g} ms, and {_LEAST_FILTERED_RECALL} of the ten are found",
                    1000 * percentile(asked.ours, 50) <= _MOST_FILTERED_MS and asked.recall >= _LEAST_FILTERED_RECALL,
                )
                for name, asked in (("one brand", most.brand), ("a span of prices", most.price))
            ),
        ],
        facts=[_growth(found)],
        notes=[
            "Recall is the share of the ten that comparing with all in float32 finds. Memory is what a process has "
            "more of after it opened the index and asked all questions, pages of files included, which the system may "
            "take back. What a vector takes, with its payload, is the difference between the least and the most.",
            "numpy uses all cores and a copy of all vectors in memory. In a filter it compares a column first.",
        ],
    )


def _rows(what: str, asked: _Asked) -> list[Row]:
    return [
        Row(
            f"{what}, p{percent}", 1000 * percentile(asked.plain, percent), 1000 * percentile(asked.ours, percent), "ms"
        )
        for percent in (50, 99)
    ] + [Row(f"{what}, recall of ten", 1, asked.recall, "", "more")]


def _growth(found: Sequence[_Measured]) -> Facts:
    rows = [
        [
            f"{one.count:,}",
            f"{one.seconds:.1f}",
            f"{one.disk / 1e6:,.0f} MB",
            f"{one.resident / 1e6:,.0f} MB",
            *(f"{1000 * percentile(one.plain.ours, percent):.2f}" for percent in (50, 99)),
            f"{one.plain.recall:.3f}",
            f"{1000 * percentile(one.brand.ours, 50):.2f}",
            f"{one.brand.recall:.3f}",
        ]
        for one in found
    ]
    least, most = found[0], found[-1]
    each = [
        (much - little) / (most.count - least.count)
        for little, much in ((least.disk, most.disk), (least.resident, most.resident))
    ]
    rows.append(["each of them", "", *(f"{size:,.0f} B" for size in each), *[""] * 5])
    million = [
        much + size * (_MILLION - most.count) for much, size in zip((most.disk, most.resident), each, strict=True)
    ]
    rows.append(["a million, on paper", "", *(f"{size / 1e6:,.0f} MB" for size in million), *[""] * 5])
    headings = ["vectors", "made in s", "disk", "memory", "p50 ms", "p99 ms", "recall", "filtered p50 ms", "recall"]
    return Facts("As it grows", headings, rows)


async def _measure(vectors: Vectors, queries: Vectors, place: Path) -> _Measured:
    index, count = EdgeIndex(place, apart=True), len(vectors)
    began = time.perf_counter()
    await index.prepare(_spec(1, vectors, range(1, count + 1)), _points(vectors, range(count)))
    seconds = time.perf_counter() - began
    await index.serve(1)
    numbers = np.arange(count)
    brands, prices = numbers % _BRANDS, _prices(numbers)
    everything = await _ask(index, vectors, queries, NO_FILTERS, None)
    with_brand = await _ask(index, vectors, queries, _WITH_BRAND, lambda: brands == 7)
    with_price = await _ask(index, vectors, queries, _WITH_PRICE, lambda: (prices >= 500) & (prices <= 509.99))
    await index.close()
    folder = place / "1"
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as other:
        resident = other.submit(_resident, folder, queries).result()
    disk = sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())
    return _Measured(count, seconds, disk, resident, everything, with_brand, with_price)


async def _ask(
    index: EdgeIndex, vectors: Vectors, queries: Vectors, filters: Filters, mask: Callable[[], Mask] | None
) -> _Asked:
    plain, ours, exact, hits = [], [], [], 0
    for query in queries:
        began = time.perf_counter()
        exact.append(_compared_with_all(vectors, query, mask))
        plain.append(time.perf_counter() - began)
    # Files that nobody has read yet say something about the disk.
    for query in queries:
        await index.search(query, _TEN, filters)
    # Not in turns: who compares with all leaves nothing else in the caches of a processor.
    for query, nearest in zip(queries, exact, strict=True):
        began = time.perf_counter()
        found = await index.search(query, _TEN, filters)
        ours.append(time.perf_counter() - began)
        hits += len(set(nearest.tolist()) & set(found.ids.tolist()))
    return _Asked(plain, ours, hits / (_TEN * len(queries)))


def _compared_with_all(vectors: Vectors, query: Vectors, mask: Callable[[], Mask] | None) -> NDArray[np.int64]:
    """The plain way: ids of the nearest."""
    places = None if mask is None else np.flatnonzero(mask())
    scores = (vectors if places is None else vectors[places]) @ query
    nearest = np.argpartition(scores, -_TEN)[-_TEN:]
    return (nearest if places is None else places[nearest]) + 1


def _resident(folder: Path, queries: Vectors) -> int:
    """What this process has more of in memory after it was used."""
    process = psutil.Process()
    before = process.memory_info().rss
    reader = ReaderHere(folder)
    for query in queries:
        reader.search(query, _TEN, NO_FILTERS)
        reader.search(query, _TEN, _WITH_BRAND)
    return int(process.memory_info().rss - before)


def _spec(version: int, vectors: Vectors, ids: Collection[int]) -> IndexSpec:
    return IndexSpec(version, "model", vectors.shape[1], ids, "made up")


async def _next_version(vectors: Vectors, place: Path) -> tuple[float, float]:
    """Seconds to make it: without the one before, and from it."""
    took = []
    ids = [number + len(vectors) if number % _CHANGED == 0 else number for number in range(1, len(vectors) + 1)]
    for name, first in (("anew", []), ("again", range(1, len(vectors) + 1))):
        index = EdgeIndex(place / name)
        if first:
            await index.prepare(_spec(1, vectors, first), _points(vectors, range(len(vectors))))
            await index.serve(1)
        began = time.perf_counter()
        points = _points(vectors, range(len(vectors)), ids)
        await index.prepare(_spec(2, vectors, ids), points)
        took.append(time.perf_counter() - began)
        await index.close()
    return took[0], took[1]


async def _points(vectors: Vectors, rows: range, ids: Sequence[int] | None = None) -> AsyncIterator[Sequence[Point]]:
    prices = _prices(np.arange(len(vectors)))
    for start in range(0, len(rows), _PART):
        yield [
            Point(
                row + 1 if ids is None else ids[row],
                vectors[row],
                {
                    "brand": f"brand {row % _BRANDS}",
                    "categories": ["furniture", f"kind {row % 17}"],
                    "colors": [("black", "white", "brown", "grey")[row % 4]],
                    "country": ("US", "CN", "VN", "IT")[row // 7 % 4],
                    "price": float(prices[row]),
                    "in_stock": row % 3 > 0,
                },
            )
            for row in rows[start : start + _PART]
        ]


def _prices(numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    """From 0 to 999.99, a hundredth of them in a span of ten. Brands and they have nothing to do with each other."""
    cents: NDArray[np.float64] = (numbers * 61_803 % 100_003) % 100_000 / 100
    return cents


def mixed_vectors(count: int) -> Vectors:
    """Those of the sample, two of them mixed and moved a little; the same each time."""
    _, known = sample.vectors()
    those = np.array(list(known.values()), np.float32)
    chance = np.random.default_rng(1)
    made = np.empty((count, those.shape[1]), np.float32)
    for start in range(0, count, 10_000):
        part = made[start : start + 10_000]
        one, other = those[chance.integers(len(those), size=(2, len(part)))]
        share = chance.uniform(0, 0.4, (len(part), 1)).astype(np.float32)
        moved = one + share * (other - one) + 0.02 * chance.standard_normal(part.shape, np.float32)
        part[:] = moved / np.linalg.norm(moved, axis=1, keepdims=True)
    return made


async def _questions() -> Vectors:
    encoder = OnnxEncoder(bundled(), idle_seconds=600)
    found = np.array([await encoder.query(question.text) for question in load()], np.float32)
    await encoder.close()
    return found


def main() -> None:
    """With as many as were asked for."""
    from benchmarks.__main__ import print_report  # noqa: PLC0415 - which imports this

    parser = argparse.ArgumentParser(prog="python -m benchmarks.vector_index")
    parser.add_argument("--points", type=int, nargs="+", default=[43_000, 200_000])
    given = parser.parse_args()
    (ROOT / "out").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=ROOT / "out") as folder:
        report = asyncio.run(measure(sorted(given.points), Path(folder)))
    print_report("vector_index", report, Console(width=120))


if __name__ == "__main__":
    main()
