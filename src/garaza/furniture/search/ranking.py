"""From how well products fit in each respect to their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from garaza.furniture.places import region_of
from garaza.furniture.search.asked import Asked, Sort
from garaza.furniture.search.found import Preference
from garaza.furniture.search.lexical import Fit
from garaza.furniture.search.narrowing import Mask
from garaza.furniture.search.postings import Floats
from garaza.furniture.search.snapshot import Snapshot
from garaza.furniture.search.weights import Weights


@dataclass(frozen=True, slots=True)
class Boosts:
    """Of some rows: what they come forward by."""

    country: Floats
    """Factors."""
    sponsor: Floats
    """Factors."""

    def named(self, place: int, weights: Weights) -> tuple[str, ...]:
        """Those that are any, of one of the rows."""
        factor = self.country[place]
        near = "country" if factor >= np.float32(weights.same_country) else "region"
        found = [near if factor > 1 else "", "sponsor" if self.sponsor[place] > 1 else ""]
        return tuple(name for name in found if name)


def preference(snapshot: Snapshot, preferred: Sequence[Preference]) -> Floats | None:
    """Share of the things named (a colour, a material, a brand) that each row has; None: none are named."""
    if not preferred:
        return None
    sums = np.zeros(len(snapshot), np.float32)
    for alternatives in preferred:
        has = np.zeros(len(snapshot), np.bool_)
        for kind, key in alternatives:
            has |= snapshot.labels[kind].mask([key])
        sums += has
    return sums / np.float32(len(preferred))


def fused(
    weights: Weights, fit: Fit, dense: Floats | None, preferred: Floats | None, kind: Mask | None = None
) -> Floats:
    """The weighted mean of what is known: 0 to 1.

    Args:
        dense: cosines. None: meaning isn't looked at.
        kind: what is of the kind that was asked for. None: none was named.
    """
    total = weights.words + weights.grams
    sums = weights.words * fit.words + weights.grams * fit.grams
    if preferred is not None:
        total += weights.preferred
        sums += weights.preferred * preferred
    if kind is not None:
        # A cabinet of walnut is no answer to "walnut desk", however much it is of walnut.
        sums = np.where(kind, sums + weights.kind, weights.other_kind * sums)
        total += weights.kind
    if dense is not None:
        total += weights.dense
        sums += weights.dense * np.clip(dense, 0, 1)
    return np.asarray(np.clip(sums / total, 0, 1), np.float32)


def lexical(weights: Weights, fit: Fit) -> Floats:
    """How well words and letters fit, without all else."""
    sums = weights.words * fit.words + weights.grams * fit.grams
    return np.asarray(sums / (weights.words + weights.grams), np.float32)


def sunk(weights: Weights, similarity: Floats, has_absent: Mask | None) -> Floats:
    """What has something that it is to be without is far less what was asked for. None: it may have everything."""
    if has_absent is None:
        return similarity
    return np.where(has_absent, similarity * np.float32(weights.absent), similarity)


def boosts_of(snapshot: Snapshot, rows: NDArray[np.intp], asked: Asked, weights: Weights) -> Boosts:
    """Of these rows."""
    country = np.ones(len(rows), np.float32)
    if asked.country_boost and asked.country:
        labels = snapshot.labels["countries"]
        factors = np.ones(len(labels.keys) + 1, np.float32)
        region = region_of(asked.country)
        for code, key in enumerate(labels.keys):
            if key == asked.country:
                factors[code] = weights.same_country
            elif region is not None and region_of(key) == region:
                factors[code] = weights.same_region
        # A product has one country at most; what has none finds the last factor, 1.
        codes = np.full(len(rows), len(labels.keys))
        starts = labels.offsets[rows]
        has = labels.offsets[rows + 1] > starts
        codes[has] = labels.codes[starts[has]]
        country = factors[codes]
    sponsor = np.ones(len(rows), np.float32)
    if asked.sponsor_boost:
        sponsor = np.array(weights.tiers, np.float32)[snapshot.tiers[rows]]
    return Boosts(country, sponsor)


@dataclass(frozen=True, slots=True)
class Candidates:
    """Some rows, with all that is known of them without a model."""

    rows: NDArray[np.intp]
    words: Floats
    grams: Floats
    preferred: Floats | None
    kind: Mask | None
    has_absent: Mask | None
    """See `sunk`."""
    boosts: Boosts

    def similarity(self, weights: Weights, dense: Floats | None) -> Floats:
        """How well each fits what was asked, 0 to 1. `dense` as of `fused`."""
        fit = Fit(self.words, self.grams)
        return sunk(weights, fused(weights, fit, dense, self.preferred, self.kind), self.has_absent)

    def and_also(self, others: Candidates) -> Candidates:
        """These, and then those, of the same search."""
        return Candidates(
            rows=np.concatenate([self.rows, others.rows]),
            words=np.concatenate([self.words, others.words]),
            grams=np.concatenate([self.grams, others.grams]),
            preferred=_both(self.preferred, others.preferred),
            kind=_both(self.kind, others.kind),
            has_absent=_both(self.has_absent, others.has_absent),
            boosts=Boosts(
                np.concatenate([self.boosts.country, others.boosts.country]),
                np.concatenate([self.boosts.sponsor, others.boosts.sponsor]),
            ),
        )


def _both(one: NDArray[Any] | None, other: NDArray[Any] | None) -> NDArray[Any] | None:
    return None if one is None or other is None else np.concatenate([one, other])


def boosted(similarity: Floats, boosts: Boosts, weights: Weights) -> Floats:
    """What products are ranked by.

    A sponsor is brought forward by `weights.sponsor_gap` at most: whatever was better by more, stays before it.
    """
    own = similarity * boosts.country
    return np.asarray(own + np.minimum(own * (boosts.sponsor - 1), np.float32(weights.sponsor_gap)), np.float32)


def order_of(snapshot: Snapshot, rows: NDArray[np.intp], scores: Floats, sort: Sort, most: int) -> NDArray[np.intp]:
    """Places in `rows`, the first ones first. What is equal comes by id, so that pages fit together."""
    if sort == "relevance":
        keys: NDArray[np.float64] = -scores.astype(np.float64)
    elif sort == "title":
        keys = snapshot.title_ranks[rows].astype(np.float64)
    else:
        prices = snapshot.prices[rows]
        # Those without a price come last, either way.
        keys = np.where(np.isnan(prices), np.inf, prices if sort == "price_asc" else -prices)
    if len(rows) > most:
        limit = np.partition(keys, most - 1)[most - 1]
        before, equal = np.flatnonzero(keys < limit), np.flatnonzero(keys == limit)
        # Rows have the order of their ids, which decides between those that are equal to the last one.
        equal = equal[np.argsort(rows[equal])]
        chosen = np.concatenate([before, equal[: most - len(before)]])
    else:
        chosen = np.arange(len(rows))
    return np.asarray(chosen[np.lexsort((rows[chosen], keys[chosen]))])


def found_by_words(weights: Weights, fit: Fit) -> Mask:
    """What fits nearly as well as the best by words and letters."""
    by_words = lexical(weights, fit)
    return by_words >= max(weights.matching * float(by_words.max(initial=0.0)), 1e-6)
