"""Makes a snapshot, from products one after the other."""

from __future__ import annotations

import json
import shutil
from array import array
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from garaza.furniture.places import country_name
from garaza.furniture.products import TIERS, Product, key_of
from garaza.furniture.search.labels import LabelsBuilder
from garaza.furniture.search.postings import Floats, PostingsBuilder
from garaza.furniture.search.snapshot import FORMAT, LABELS, MANIFEST, NAMES, checksum
from garaza.furniture.search.suggesting import SuggestionsBuilder
from garaza.furniture.search.terms import digest, fold, grams_of, stem, terms_of, words_of
from garaza.furniture.search.weights import FIELD_WEIGHTS, FieldWeights
from garaza.furniture.words import color_families

_SORTED_LETTERS = 60
"""Of titles that are kept while they are sorted."""


def build(
    items: Iterable[tuple[int, Product]], folder: Path, version: int, weights: FieldWeights = FIELD_WEIGHTS
) -> None:
    """See `Snapshot.build`."""
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    builder = _Builder(partial, weights)
    for row_id, product in items:
        builder.add(row_id, product)
    builder.write(version)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


class _Builder:
    def __init__(self, folder: Path, weights: FieldWeights) -> None:
        self._folder = folder
        self._field_weights = weights
        self._ids = array("q")
        self._lengths = array("f")
        self._numbers = {name: array("d") for name in ("prices", "widths", "depths", "heights")}
        self._in_stock = array("b")
        self._tiers = array("b")
        self._titles: list[str] = []
        self._families = array("Q")
        self._asins = array("Q")
        self._text_hashes = bytearray()
        self._labels = {kind: LabelsBuilder(kind) for kind in LABELS}
        self._terms = PostingsBuilder(folder, "terms", self._bm25)
        self._grams = PostingsBuilder(folder, "grams")
        self._suggestions = SuggestionsBuilder()
        self._kinds: set[str] = set()

    def add(self, row_id: int, product: Product) -> None:
        row = len(self._ids)
        assert not row or row_id > self._ids[-1], "they come by id"
        self._ids.append(row_id)
        self._asins.append(digest(product.asin))
        self._text_hashes += product.text_hash
        given = (product.price, product.width_cm, product.depth_cm, product.height_cm)
        for numbers, number in zip(self._numbers.values(), given, strict=True):
            numbers.append(np.nan if number is None else number)
        self._in_stock.append(-1 if product.in_stock is None else product.in_stock)
        self._tiers.append(1 + TIERS.index(product.sponsor_tier) if product.sponsor_tier in TIERS else 0)
        self._titles.append(fold(product.title)[:_SORTED_LETTERS])
        self._add_labels(product)
        self._add_words(row, product)
        self._suggestions.add(product)

    def _add_labels(self, product: Product) -> None:
        country = product.country
        categories = {key_of(name): name for name in product.categories}
        self._labels["brands"].add({key_of(product.brand): product.brand} if product.brand else {})
        self._labels["categories"].add(categories)
        self._labels["countries"].add({country: country_name(country) or country} if country else {})
        self._labels["colors"].add({color: color for color in product.colors})
        self._labels["materials"].add({material: material for material in product.materials})
        for key in categories:
            self._kinds.update(terms_of(words_of(key)))

    def _add_words(self, row: int, product: Product) -> None:
        weights = self._field_weights
        title = words_of(product.title)
        brand = words_of(product.brand or "")
        categories = words_of(" ".join(product.categories))
        color = words_of(f"{product.color or ''} {' '.join(product.colors)}")
        material = words_of(f"{product.material or ''} {' '.join(product.materials)}")
        fields = [
            (weights.title, title),
            (weights.brand, brand),
            (weights.categories, categories),
            (weights.color, color),
            (weights.material, material),
            (weights.style, words_of(product.style or "")),
            (weights.text, words_of(" ".join([*product.about, product.description]))),
        ]
        weighted: Counter[str] = Counter()
        for weight, words in fields:
            for term, count in Counter(terms_of(words)).items():
                weighted[term] += weight * count  # type: ignore[assignment] # typeshed has them counted by whole numbers
        self._lengths.append(sum(weighted.values()))
        self._terms.add_weighted(row, weighted)
        found = set(title).union(brand, categories, color, material)
        self._grams.add(row, sorted(set().union(*map(grams_of, found))))
        self._families.append(_family(title))

    def _bm25(
        self, terms: NDArray[np.int32], rows: NDArray[np.int32], weights: Floats, counts: NDArray[np.int64]
    ) -> Floats:
        lengths = np.array(self._lengths, np.float32)
        return bm25(weights, counts[terms], lengths[rows], float(lengths.mean()), self._field_weights, len(lengths))

    def write(self, version: int) -> None:
        """All of it, and last what says that it is whole."""
        folder = self._folder
        names: dict[str, list[str]] = {"kinds": sorted(self._kinds)}
        arrays: dict[str, NDArray[Any]] = {
            "ids": np.array(self._ids, np.int64),
            **{name: np.array(numbers, np.float64) for name, numbers in self._numbers.items()},
            "in-stock": np.array(self._in_stock, np.int8),
            "tiers": np.array(self._tiers, np.int8),
            "title-ranks": self._title_ranks(),
            "text-hashes": np.frombuffer(self._text_hashes, np.uint8).reshape(-1, 16),
            "families": np.array(self._families, np.uint64),
        }
        asins = np.array(self._asins, np.uint64)
        by_asin = np.argsort(asins)
        arrays |= {"asin-keys": asins[by_asin], "asin-rows": by_asin.astype(np.int32)}
        for name, values in arrays.items():
            np.save(folder / f"{name}.npy", values)
        for labels in self._labels.values():
            names |= labels.write(folder)
        self._terms.write()
        self._grams.write()
        self._suggestions.write(folder)
        (folder / NAMES).write_text(json.dumps(names), encoding="utf-8")
        manifest = {
            "format": FORMAT,
            "version": version,
            "products": len(self._ids),
            "files": {path.name: checksum(path) for path in sorted(folder.iterdir())},
        }
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")

    def _title_ranks(self) -> NDArray[np.int32]:
        ranks = np.empty(len(self._titles), np.int32)
        ranks[sorted(range(len(self._titles)), key=self._titles.__getitem__)] = np.arange(len(self._titles))
        return ranks


def bm25(
    weights: Floats, rows_with: NDArray[Any], lengths: Floats, mean_length: float, field: FieldWeights, rows: int
) -> Floats:
    """What a word adds to the score of a product (Robertson and Zaragoza 2009, with fields weighted beforehand).

    Args:
        weights: how often it occurs, weighted by where.
        rows_with: in how many products.
        lengths: of this one's texts, weighted alike.
    """
    rarity = np.log1p((rows - rows_with + 0.5) / (rows_with + 0.5))
    saturated = weights * (field.k1 + 1) / (weights + field.k1 * (1 - field.b + field.b * lengths / mean_length))
    return (rarity * saturated).astype(np.float32)


def _family(title: list[str]) -> int:
    """What a title is without colours and numbers, in any order."""
    rest = {stem(word) for word in title if not word[0].isdigit() and not color_families(word)}
    return digest(" ".join(sorted(rest)))
