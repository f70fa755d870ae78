"""Ways of searching that are compared: each gives ASINs, the best first."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.relevance.exact import ExactIndex
from garaza.furniture.embedding.port import Encoder
from garaza.furniture.products import Product
from garaza.furniture.sample import vectors
from garaza.furniture.search.asked import Asked
from garaza.furniture.search.engine import search
from garaza.furniture.search.snapshot import Snapshot

DEPTH = 20

System = Callable[[str], Awaitable[Sequence[str]]]

_WORD = re.compile(r"[^\W_]+")
_K1, _B = 1.2, 0.75


def plain_words(products: Sequence[Product]) -> System:
    """BM25 (Robertson & Zaragoza 2009) over the same text that is embedded, without any understanding."""
    texts = [_words(product.text) for product in products]
    mean = sum(map(len, texts)) / len(texts)
    postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for row, words in enumerate(texts):
        for word, count in Counter(words).items():
            weight = count * (_K1 + 1) / (count + _K1 * (1 - _B + _B * len(words) / mean))
            postings[word].append((row, weight))

    async def answer(text: str) -> Sequence[str]:
        scores: Counter[int] = Counter()
        for word in set(_words(text)):
            found = postings.get(word, [])
            rarity = math.log(1 + (len(texts) - len(found) + 0.5) / (len(found) + 0.5))
            for row, weight in found:
                scores[row] += rarity * weight
        return [products[row].asin for row, _ in sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:DEPTH]]

    return answer


def plain_meaning(products: Sequence[Product], encoder: Encoder) -> System:
    """The nearest vectors of all, and nothing else: what the service this one stands in for does."""
    matrix = _matrix(products)

    async def answer(text: str) -> Sequence[str]:
        scores = matrix @ await encoder.query(text)
        return [products[row].asin for row in np.argsort(-scores, kind="stable")[:DEPTH]]

    return answer


def garaza(products: Sequence[Product], encoder: Encoder | None, place: Path) -> System:
    """The search of the service. Without an encoder: by words alone, as it is while there is no model."""
    snapshot = Snapshot.build(enumerate(products, 1), place)
    index = None if encoder is None else ExactIndex(products, _matrix(products))

    async def answer(text: str) -> Sequence[str]:
        # Who pays, and where somebody lives, has no place in a judgement of relevance.
        asked = Asked(text=text, limit=DEPTH, facets=False, country_boost=False, sponsor_boost=False)
        found = await search(snapshot, index, encoder, asked)
        return [products[hit.id - 1].asin for hit in found.hits]

    return answer


def _matrix(products: Sequence[Product]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    _, kept = vectors()
    return np.stack([kept[product.text_hash] for product in products]).astype(np.float32)


def _words(text: str) -> list[str]:
    return [word[:-1] if word.endswith("s") and len(word) > 3 else word for word in _WORD.findall(text.casefold())]
