"""What views have to say to each other's depth."""

from __future__ import annotations

import numpy as np

from garaza.reconstruction.depth.borrowing import agree_on, carry_over
from garaza.reconstruction.depth.consistency import confirm, remove_specks
from garaza.reconstruction.depth.views import Views
from garaza.reconstruction.prediction import Float32, Float64

NEIGHBOURS = 10
"""Views that are asked to confirm a view's depth, or to lend it theirs."""
TOLERANCE = 0.02
"""Of the depth: two views that differ by less see the same surface. Up to three times as much where slack says so."""
_ENOUGH = 0.6
"""Agreeing views times clearness: below it agreement may be chance."""
_SPECK = 40
"""Pixels; smaller patches of depth are dropped."""
_OTHER_COLOUR = 25.0
"""Grey levels; what differs more is not the same place."""


def verify_view(views: Views, row: int, raw: Float32, clearness: Float32, slacks: Float64) -> tuple[Float32, Float32]:
    """Keep of ``raw[row]`` what at least two other views confirm.

    Args:
        raw: (N, h, w) depth; clearness: (h, w) of this view; slacks: (N,) see `Sweep.slack`.

    Returns:
        (h, w) depth, averaged over the views that agree; (h, w) confidence, 0 or ≥ 0.5.
    """
    neighbours = views.overlaps[row].choose(NEIGHBOURS)
    homographies, epipoles = views.projections(row, neighbours)
    slack = np.maximum(slacks[neighbours], slacks[row]).astype(np.float32)
    agreeing = np.zeros(raw[row].shape, dtype=np.uint8)
    seeing = np.zeros_like(agreeing)
    averaged = confirm(raw[row], raw[neighbours], homographies, epipoles, TOLERANCE, slack, agreeing, seeing)
    # Bare walls agree by chance, too: what was an unclear choice needs more witnesses.
    evidence = agreeing * clearness
    good = (agreeing >= 2) & (agreeing >= 0.4 * seeing) & (evidence >= _ENOUGH)
    depth = np.where(good, averaged, np.float32(0.0)).astype(np.float32)
    remove_specks(depth, 1.5 * TOLERANCE, _SPECK)
    share = agreeing / np.maximum(seeing, 1)
    confidence = np.where(depth > 0, 0.5 + 0.5 * share * np.minimum(evidence / 4.0, 1.0), 0.0)
    return depth, confidence.astype(np.float32)


def borrow(views: Views, row: int, trusted: Float32, confidence: Float32) -> tuple[Float32, Float32]:
    """Fill unknown pixels of one view with what at least two other views measured there.

    Args:
        trusted: (N, h, w) depth that was confirmed; confidence: (h, w) of this view.

    Returns:
        (h, w) depth, (h, w) confidence.
    """
    neighbours = views.overlaps[row].choose(NEIGHBOURS)
    depth = trusted[row].copy()
    offers = np.empty((len(neighbours), *depth.shape), dtype=np.float32)
    for k, j in enumerate(neighbours):
        homographies, epipoles = views.projections(int(j), np.array([row]))
        there, here = views.grey[j], views.grey[row]
        carry_over(trusted[j], there, here, homographies[0], epipoles[0], _OTHER_COLOUR, offers[k])
    agreed = agree_on(offers, TOLERANCE, 2, 0.5)
    taken = (depth == 0) & (agreed > 0)
    depth[taken] = agreed[taken]
    remove_specks(depth, 1.5 * TOLERANCE, _SPECK)
    confidence = np.where(taken, np.float32(0.5), confidence)
    confidence[depth == 0] = 0.0
    return depth, confidence
