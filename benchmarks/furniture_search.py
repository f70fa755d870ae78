"""Searches from end to end: against encoding alone, and against embedding the catalogue when somebody first asks.

Encoding alone is the same model in onnxruntime as it is, with one thread and nothing around it; and, for whoever wants
to know what all else takes, our own encoder, which is faster than that (see decision 0034).

The plain way keeps nothing: its first search after a start makes a vector of each product, with the same model, and
every search looks at all of them in Python. What that takes is measured with a few hundred products, and said for as
many as there are. Vectors of the catalogue searched here are those of a few hundred texts, moved a little: embedding
43,000 texts would take minutes and say nothing more.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import psutil
from tokenizers import Tokenizer

from benchmarks.report import Facts, Promise, Report, Row, percentile
from garaza.furniture.embedding.models import bundled
from garaza.furniture.embedding.onnx import OnnxEncoder
from garaza.furniture.embedding.port import Vectors
from garaza.furniture.index.edge import EdgeIndex
from garaza.furniture.index.port import IndexSpec, Point
from garaza.furniture.search.asked import Asked
from garaza.furniture.search.engine import search
from garaza.furniture.search.snapshot import Snapshot
from tests.furniture.search.shelves import products, rows

_QUERIES = (
    "black leather sofa",
    "walnut desk under 120 cm wide",
    "something soft to sit on in the living room",
    "narrow bookcase for a small office",
    "blue velvet armchair not leather",
    "nordvik coffee table between 100 and 600 dollars",
    "scandinavain nightstnd",
    "bed frame with storage drawers",
)
_PLAIN_PRODUCTS = 320
"""That the plain way is measured with."""
_MOST_TIMES = 1.3
_TIMES_SOONER = 50
_TICK_SECONDS = 0.001


def run(*, quick: bool, place: Path) -> Report:
    """See the module."""
    return asyncio.run(_run(8_000 if quick else 43_000, 6 if quick else 25, place))


async def _run(count: int, rounds: int, place: Path) -> Report:
    encoder = OnnxEncoder(bundled(), idle_seconds=600)
    await encoder.warm()
    began = time.perf_counter()
    Snapshot.build(rows(count), place / "1")
    built = time.perf_counter() - began
    vectors = await asyncio.to_thread(_vectors, encoder, count)
    index = EdgeIndex(place / "index", apart=True)
    before = psutil.Process().memory_info().rss
    began = time.perf_counter()
    snapshot = Snapshot.load(place / "1")
    loaded = time.perf_counter() - began
    taken = psutil.Process().memory_info().rss - before
    began = time.perf_counter()
    ids = snapshot.ids.tolist()
    spec = IndexSpec(1, encoder.model_id, encoder.dimensions, ids, snapshot.contents())
    await index.prepare(spec, _points(snapshot, vectors))
    indexed = time.perf_counter() - began
    await index.serve(1)

    async def ours(text: str) -> object:
        return await search(snapshot, index, encoder, Asked(text=text, country="IT", limit=20))

    async def words(text: str) -> object:
        return await search(snapshot, None, None, Asked(text=text, country="IT", limit=20))

    bare = _bare()
    first = await _first(place, ours)
    plain_first, plain = await _plain(encoder)
    found = await _compared(
        {"bare": bare, "encode": encoder.query, "ours": ours, "words": words, "plain": plain}, rounds
    )
    lag = await _lag(ours)
    await index.close()
    await encoder.close()
    return Report(
        measured=f"{len(_QUERIES)} questions to {count:,} products, the median of the least of {rounds} rounds each",
        rows=[
            Row("first search after a restart", 1000 * plain_first * count / _PLAIN_PRODUCTS, 1000 * first, "ms"),
            Row(f"a search (before: of {_PLAIN_PRODUCTS} products)", 1000 * found["plain"], 1000 * found["ours"], "ms"),
            Row("encoding alone, and a search with all", 1000 * found["bare"], 1000 * found["ours"], "ms"),
            Row("our encoder alone, and a search with all", 1000 * found["encode"], 1000 * found["ours"], "ms"),
        ],
        promises=[
            Promise(
                f"a search takes at most {_MOST_TIMES} times as long as encoding its text alone",
                found["ours"] <= _MOST_TIMES * found["bare"],
            ),
            Promise(
                f"the first search after a restart is answered {_TIMES_SOONER} times sooner",
                plain_first * count / _PLAIN_PRODUCTS >= _TIMES_SOONER * first,
            ),
        ],
        facts=[
            Facts(
                "What it takes",
                ["what", "", ""],
                [
                    ["to build a snapshot", f"{built:.1f}", "s"],
                    ["to prepare the index", f"{indexed:.1f}", "s"],
                    ["to open a snapshot", f"{1000 * loaded:.1f}", "ms"],
                    ["memory, when it was opened", f"{taken / 1e6:.1f}", "MB"],
                    ["a search by words alone, without a model", f"{1000 * found['words']:.2f}", "ms"],
                    ["the loop late, 8 searches at once, 99 % of ticks", f"{1000 * lag:.1f}", "ms"],
                ],
            )
        ],
        notes=[
            "After a restart: files of the snapshot and the index are in the system's memory, the model isn't loaded."
        ],
    )


def _bare() -> Callable[[str], Awaitable[object]]:
    files = bundled()
    tokenizer = Tokenizer.from_file(str(files.tokenizer))
    tokenizer.no_padding()
    tokenizer.enable_truncation(files.max_tokens)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(files.model), options, providers=["CPUExecutionProvider"])
    names = [node.name for node in session.get_inputs()]

    async def encode(text: str) -> object:
        ids = np.array([tokenizer.encode(text).ids], np.int64)
        known = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        out = np.asarray(session.run(None, {name: known[name] for name in names})[0])
        pooled = out.mean(axis=tuple(range(1, out.ndim - 1)))[0]
        return pooled / np.linalg.norm(pooled)

    return encode


async def _first(place: Path, ours: Callable[[str], Awaitable[object]]) -> float:
    """Opening the snapshot, loading the model, and one search."""
    began = time.perf_counter()
    Snapshot.load(place / "1")
    encoder = OnnxEncoder(bundled(), idle_seconds=600)
    await encoder.warm()
    await ours(_QUERIES[0])
    took = time.perf_counter() - began
    await encoder.close()
    return took


async def _plain(encoder: OnnxEncoder) -> tuple[float, Callable[[str], Awaitable[object]]]:
    catalogue = list(products(_PLAIN_PRODUCTS))
    began = time.perf_counter()
    fresh = OnnxEncoder(bundled(), idle_seconds=600)
    vectors = await asyncio.to_thread(fresh.documents, [product.text for product in catalogue])
    await fresh.query(_QUERIES[0])
    took = time.perf_counter() - began
    await fresh.close()

    async def plain(text: str) -> object:
        vector = await encoder.query(text)
        scores = [(float(np.dot(vector, other)), product) for other, product in zip(vectors, catalogue, strict=True)]
        return sorted(scores, key=lambda scored: -scored[0])[:20]

    return took, plain


async def _compared(ways: dict[str, Callable[[str], Awaitable[object]]], rounds: int) -> dict[str, float]:
    """Seconds of each way, in turns."""
    best = {name: dict.fromkeys(_QUERIES, math.inf) for name in ways}
    for _ in range(rounds):
        for text in _QUERIES:
            for name, way in ways.items():
                began = time.perf_counter()
                await way(text)
                best[name][text] = min(best[name][text], time.perf_counter() - began)
    return {name: percentile(list(times.values()), 50) for name, times in best.items()}


async def _lag(ours: Callable[[str], Awaitable[object]]) -> float:
    """How late a timer of the loop is while searches go on."""
    late: list[float] = []
    ended = False

    async def tick() -> None:
        while not ended:
            began = time.perf_counter()
            await asyncio.sleep(_TICK_SECONDS)
            late.append(time.perf_counter() - began - _TICK_SECONDS)

    async def ask(first: int) -> None:
        for at in range(20):
            await ours(_QUERIES[(first + at) % len(_QUERIES)])

    ticking = asyncio.create_task(tick())
    await asyncio.gather(*(ask(first) for first in range(8)))
    ended = True
    await ticking
    return percentile(late, 99)


def _vectors(encoder: OnnxEncoder, count: int) -> Vectors:
    texts = [product.text for product in products(200, seed=3)]
    known = encoder.documents(texts)
    chance = np.random.default_rng(1)
    moved = known[chance.integers(len(known), size=count)]
    moved = moved + 0.03 * chance.standard_normal(moved.shape, np.float32)
    lengths = np.linalg.norm(moved, axis=1, keepdims=True)
    return np.asarray(moved / lengths, np.float32)


async def _points(snapshot: Snapshot, vectors: Vectors) -> AsyncIterator[Sequence[Point]]:
    for start in range(0, len(snapshot), 500):
        those = range(start, min(start + 500, len(snapshot)))
        yield [Point(int(snapshot.ids[row]), vectors[row], snapshot.payload(row)) for row in those]
