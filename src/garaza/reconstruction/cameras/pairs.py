"""Which images are worth matching with which: neighbours in time, and those that look alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

OVERLAP = 6
"""Every image is matched with this many that follow it, and with those 8, 16, 32, … behind it."""
ALIKE = 5
"""And with this many of the most alike beyond those, which closes loops."""
WORDS = 256


def choose_pairs(
    descriptors: Sequence[NDArray[np.uint8]], *, ordered: bool, exhaustive_up_to: int, seed: int = 0
) -> list[tuple[int, int]]:
    """Pairs of positions (a < b) to match, sorted.

    Args:
        descriptors: (K, 128) SIFT descriptors of each image.
        ordered: the images follow one another in time.
        exhaustive_up_to: up to this many images, all pairs.
    """
    count = len(descriptors)
    if count <= exhaustive_up_to:
        return [(a, b) for a in range(count) for b in range(a + 1, count)]
    pairs: set[tuple[int, int]] = set()
    if ordered:
        steps = [*range(1, OVERLAP + 1), *(2**k for k in range(3, count.bit_length()))]
        pairs |= {(a, a + step) for step in steps for a in range(count - step)}
    likeness = similarity(descriptors, seed)
    alike = ALIKE if ordered else 4 * ALIKE
    for a in range(count):
        candidates = [b for b in np.argsort(-likeness[a], kind="stable").tolist() if b != a]
        if ordered:
            candidates = [b for b in candidates if (min(a, b), max(a, b)) not in pairs and abs(a - b) > OVERLAP]
        pairs |= {(min(a, b), max(a, b)) for b in candidates[:alike]}
    return sorted(pairs)


def similarity(descriptors: Sequence[NDArray[np.uint8]], seed: int = 0) -> NDArray[np.float32]:
    """(N, N) cosine of tf-idf weighted bags of visual words (Sivic and Zisserman 2003).

    The vocabulary is learnt from the images themselves: small, but made for exactly this room.
    """
    rng = np.random.default_rng(seed)
    stacked = np.concatenate([d.astype(np.float32) for d in descriptors])
    if len(stacked) == 0:
        return np.zeros((len(descriptors), len(descriptors)), dtype=np.float32)
    sample = stacked[rng.permutation(len(stacked))[: 40 * WORDS]]
    words = sample[:WORDS].copy()
    for _ in range(6):
        nearest = _nearest(sample, words)
        for word in range(len(words)):
            members = sample[nearest == word]
            if len(members) > 0:
                words[word] = members.mean(axis=0)
    histograms = np.stack(
        [np.bincount(_nearest(d.astype(np.float32), words), minlength=len(words)) for d in descriptors]
    ).astype(np.float32)
    rarity = np.log((1 + len(descriptors)) / (1 + (histograms > 0).sum(axis=0)))
    weighted = np.sqrt(histograms) * rarity.astype(np.float32)
    weighted /= np.maximum(np.linalg.norm(weighted, axis=1, keepdims=True), 1e-9)
    return np.asarray(weighted @ weighted.T, dtype=np.float32)


def _nearest(vectors: NDArray[np.float32], words: NDArray[np.float32]) -> NDArray[np.int64]:
    # |v - w|² without |v|², which is the same for all words.
    distance = (words**2).sum(axis=1) - 2 * vectors @ words.T
    return np.asarray(distance.argmin(axis=1), dtype=np.int64)
