"""Words and letters, against what they are defined as."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from garaza.furniture.products import Product
from garaza.furniture.search import postings
from garaza.furniture.search.lexical import MAX_TERMS, bm25, coverage, fit_of, has_any
from garaza.furniture.search.snapshot import Snapshot
from garaza.furniture.search.terms import fold, grams_of, stem, terms_of, words_of
from garaza.furniture.search.weights import FIELD_WEIGHTS
from tests.furniture.search.conftest import Items
from tests.furniture.search.shelves import rows

QUERY_WORDS = [
    "black",
    "leather",
    "sofa",
    "walnut",
    "desk",
    "rug",
    "drawers",
    "nordvik",
    "wheels",
    "storage",
    "century",
    "bed",
    "xyzzy",
    "the",
]


def weighted(product: Product) -> Counter[str]:
    fields = FIELD_WEIGHTS
    texts = [
        (fields.title, product.title),
        (fields.brand, product.brand or ""),
        (fields.categories, " ".join(product.categories)),
        (fields.color, f"{product.color} {' '.join(product.colors)}"),
        (fields.material, f"{product.material} {' '.join(product.materials)}"),
        (fields.style, product.style or ""),
        (fields.text, " ".join([*product.about, product.description])),
    ]
    total: Counter[str] = Counter()
    for weight, text in texts:
        for term in terms_of(words_of(text)):
            total[term] += weight
    return total


def naive_bm25(items: Items, terms: list[str]) -> list[float]:
    documents = [weighted(product) for _, product in items]
    mean = sum(sum(document.values()) for document in documents) / len(documents)
    scores = []
    for document in documents:
        score = 0.0
        for term in set(terms):
            having = sum(term in other for other in documents)
            rarity = math.log(1 + (len(documents) - having + 0.5) / (having + 0.5))
            length = 1 - FIELD_WEIGHTS.b + FIELD_WEIGHTS.b * sum(document.values()) / mean
            score += rarity * document[term] * (FIELD_WEIGHTS.k1 + 1) / (document[term] + FIELD_WEIGHTS.k1 * length)
        scores.append(score)
    best = max(scores)
    return [score / best if best else 0 for score in scores]


@pytest.mark.parametrize("query", ["black leather sofa", "walnut", "without wheels", "xyzzy", "the", "sofa sofa xyzzy"])
def test_bm25_is_as_defined(items: Items, snapshot: Snapshot, query: str) -> None:
    terms = terms_of(words_of(query))
    assert bm25(snapshot, terms) == pytest.approx(naive_bm25(items, terms), abs=1e-5)


@given(st.lists(st.sampled_from(QUERY_WORDS), max_size=5))
def test_coverage_is_as_defined(items: Items, snapshot: Snapshot, words: list[str]) -> None:
    wanted = {gram for word in words for gram in grams_of(word)}
    expected = []
    for _, product in items:
        text = (
            f"{product.title} {product.brand or ''} {' '.join(product.categories)} {product.color} {product.material}"
        )
        text += " ".join(["", *product.colors, *product.materials])
        has = {gram for word in words_of(text) for gram in grams_of(word)}
        expected.append(len(wanted & has) / max(1, len(wanted)))
    assert coverage(snapshot, words) == pytest.approx(expected, abs=1e-6)


def test_what_does_not_fit_into_memory_is_the_same(
    items: Items, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postings, "_PART", 700)
    Snapshot.build(items, tmp_path / "1", 1)
    for path in folder.iterdir():
        assert path.read_bytes() == (tmp_path / "1" / path.name).read_bytes(), path.name
    assert {path.name for path in tmp_path.iterdir()} == {"1"}


def test_misspelled_words_are_found_by_their_letters(snapshot: Snapshot, items: Items) -> None:
    fit = fit_of(snapshot, "walnt bookcse")
    assert not fit.words.any()
    best = [items[row][1] for row in np.argsort(-fit.grams, kind="stable")[:5]]
    assert all("bookcase" in product.title.lower() and "walnut" in product.materials for product in best)


def test_without_is_a_word_of_its_own(snapshot: Snapshot, items: Items) -> None:
    having = has_any(snapshot, ["wheel"])
    lacking = has_any(snapshot, ["-wheel"])
    texts = [" ".join([*product.about, product.description]) for _, product in items]
    assert not having.any()
    assert lacking.tolist() == ["without wheels" in text for text in texts]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Sofas and a Couch", ["sofa", "couch"]),
        ("no tools required", ["-tool", "requir"]),
        ("armless, backless chairs", ["armless", "-arm", "backless", "-back", "chair"]),
        ("BPA free", ["-bpa"]),
        ("non-slip", ["-slip"]),
        ("crème BRÛLÉE", ["creme", "brule"]),
        ("60x80", ["60x80"]),
        ("Größe ﬁne", ["gross", "fine"]),
        ("", []),
    ],
)
def test_terms(text: str, terms: list[str]) -> None:
    assert terms_of(words_of(text)) == terms


@given(st.text(max_size=80))
def test_folding_again_changes_nothing(text: str) -> None:
    assert [word for one in words_of(text) for word in words_of(one)] == words_of(text)
    assert all(grams_of(word) for word in words_of(text))
    assert fold(stem("sofas")) == "sofa"


def test_of_a_long_text_the_rarest_words_count(tmp_path: Path) -> None:
    items = [
        (
            one,
            Product(
                asin=f"A{one}", title=" ".join(f"common{word}" for word in range(60)) + (" rare" if one == 2 else "")
            ),
        )
        for one in range(1, 4)
    ]
    snapshot = Snapshot.build(items, tmp_path / "1")
    terms = [f"common{word}" for word in range(60)] + ["rare"]
    assert len(terms) > MAX_TERMS
    assert bm25(snapshot, terms).argmax() == 1


def test_no_and_one_product(tmp_path: Path) -> None:
    empty = Snapshot.build([], tmp_path / "0")
    assert len(empty) == 0
    assert len(bm25(empty, ["sofa"])) == len(coverage(empty, ["sofa"])) == 0
    one = Snapshot.build(rows(1), tmp_path / "1")
    assert bm25(one, terms_of(words_of(next(rows(1))[1].title))).tolist() == [1.0]
