"""What is counted of an answer, and how sure a difference is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

RELEVANT = 2
"""From this grade on, somebody would be content."""


def ndcg(found: Sequence[str], grades: Mapping[str, int], depth: int = 10) -> float:
    """Normalised discounted cumulative gain (Järvelin & Kekäläinen 2002), with gains of 2^grade − 1."""
    ideal = _gain(sorted(grades.values(), reverse=True)[:depth])
    return _gain([grades.get(asin, 0) for asin in found[:depth]]) / ideal if ideal else 0.0


def reciprocal_rank(found: Sequence[str], grades: Mapping[str, int]) -> float:
    """Of the first that is relevant; 0 without one."""
    return next((1 / rank for rank, asin in enumerate(found, 1) if grades.get(asin, 0) >= RELEVANT), 0.0)


def recall(found: Sequence[str], grades: Mapping[str, int], depth: int = 20) -> float:
    """Which share of the relevant is among the first, of as many as there is room for."""
    relevant = sum(grade >= RELEVANT for grade in grades.values())
    return sum(grades.get(asin, 0) >= RELEVANT for asin in found[:depth]) / min(depth, relevant)


def interval(differences: Sequence[float], *, rounds: int = 10_000, seed: int = 1) -> tuple[float, float, float]:
    """Mean of paired differences, and a bootstrap interval of 95 % around it (percentiles)."""
    values = np.asarray(differences, float)
    drawn = np.random.default_rng(seed).integers(0, len(values), (rounds, len(values)))
    low, high = np.percentile(values[drawn].mean(axis=1), (2.5, 97.5))
    return float(values.mean()), float(low), float(high)


def _gain(grades: Sequence[int]) -> float:
    gains: NDArray[np.float64] = 2.0 ** np.asarray(grades, float) - 1
    return float((gains / np.log2(np.arange(2, len(grades) + 2))).sum())
