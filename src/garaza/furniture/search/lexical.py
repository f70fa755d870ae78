"""How well products fit a text by their words and letters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from garaza.furniture.search.postings import Floats, Postings
from garaza.furniture.search.snapshot import Snapshot
from garaza.furniture.search.terms import STOP_WORDS, grams_of, stem, terms_of, words_of

MAX_TERMS = 32
MAX_GRAMS = 96
"""Of a text that are looked up; the rarest ones, as those say most and cost least."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Of each product, 0 to 1."""

    words: Floats
    """BM25, as a share of the best there is."""
    grams: Floats
    """Share of the text's groups of letters that it has."""


def fit_of(snapshot: Snapshot, text: str, absent: Sequence[str] = ()) -> Fit:
    """Of all products. Blocks, for about a millisecond with 50,000 of them.

    Args:
        absent: stems of what is not to be there; that a product says so fits.
    """
    words = words_of(text)
    said = [word for word in words if word not in STOP_WORDS] or words
    return Fit(bm25(snapshot, [*terms_of(words), *("-" + term for term in absent)]), coverage(snapshot, said))


def bm25(snapshot: Snapshot, terms: Sequence[str]) -> Floats:
    """Divided by the highest; all zero where none of these occurs."""
    places = _rarest(snapshot.terms, list(dict.fromkeys(terms)), MAX_TERMS)
    rows, weights = snapshot.terms.rows_of(places), snapshot.terms.weights_of(places)
    sums = np.bincount(rows, weights, len(snapshot)).astype(np.float32)
    best = sums.max(initial=0.0)
    return sums / best if best > 0 else sums


def coverage(snapshot: Snapshot, words: Sequence[str]) -> Floats:
    """Share of the groups of letters of these words, each counted once."""
    grams = list(dict.fromkeys(gram for word in words for gram in grams_of(word)))
    places = _rarest(snapshot.grams, grams, MAX_GRAMS)
    counts = np.bincount(snapshot.grams.rows_of(places), minlength=len(snapshot))
    return counts.astype(np.float32) / np.float32(max(1, min(len(grams), MAX_GRAMS)))


def called(snapshot: Snapshot, words: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Rows whose titles, or what else groups of letters are kept of, have all of these words or their plurals."""
    # Without the last group, which has the end of the word.
    begun = [grams[:-1] or grams for grams in (grams_of(stem(word)) for word in words)]
    grams = list(dict.fromkeys(chain.from_iterable(begun)))
    places = snapshot.grams.find(grams)
    if len(places) < len(grams):
        return np.zeros(0, np.intp)
    counts = np.bincount(snapshot.grams.rows_of(places), minlength=len(snapshot))
    return np.flatnonzero(counts == len(grams))


def has_any(snapshot: Snapshot, terms: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which products have one of these words."""
    mask = np.zeros(len(snapshot), np.bool_)
    mask[snapshot.terms.rows_of(snapshot.terms.find(terms))] = True
    return mask


def _rarest(postings: Postings, names: list[str], most: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    places = postings.find(names)
    if len(places) > most:
        places = places[np.argsort(postings.counts(places), kind="stable")[:most]]
    return places
