"""Bare walls: planes laid through their rims, where the views agree on them."""

from __future__ import annotations

import numpy as np

from garaza.reconstruction.depth.agreement import NEIGHBOURS
from garaza.reconstruction.depth.consistency import confirm
from garaza.reconstruction.depth.planes import fill_segments, pixels_by_label
from garaza.reconstruction.depth.segments import segment
from garaza.reconstruction.depth.views import Views
from garaza.reconstruction.prediction import Float32

_SCALE = 150.0
_TOLERANCE = 0.04
"""Of the depth, between planes of two views: laid planes are less exact than measured depth."""


def lay_planes(views: Views, row: int, trusted: Float32) -> Float32:
    """(h, w) trusted depth of one view, and planes in its unknown pixels where its segments allow them."""
    labels = segment(views.colour[row], _SCALE, views.grey[row].size // 800)
    order, starts = pixels_by_label(labels)
    filled = trusted.copy()
    fill_segments(trusted, order, starts, 60, 0.6, 0.015, 0.02, filled)
    return filled


def accept_planes(
    views: Views, row: int, trusted: Float32, filled: Float32, confidence: Float32
) -> tuple[Float32, Float32]:
    """Keep the planes of one view that another view measured, or laid, at the same place.

    Args:
        trusted: (h, w); filled: (N, h, w) from `lay_planes`; confidence: (h, w).

    Returns:
        (h, w) depth, (h, w) confidence: 0.2 to 0.3 on planes.
    """
    neighbours = views.overlaps[row].choose(NEIGHBOURS)
    homographies, epipoles = views.projections(row, neighbours)
    agreeing = np.zeros(trusted.shape, dtype=np.uint8)
    seeing = np.zeros_like(agreeing)
    slack = np.zeros(len(neighbours), dtype=np.float32)
    confirm(filled[row], filled[neighbours], homographies, epipoles, _TOLERANCE, slack, agreeing, seeing)
    accepted = (trusted == 0) & (filled[row] > 0) & (agreeing >= 1) & (agreeing >= 0.5 * seeing)
    depth = np.where(accepted, filled[row], trusted)
    share = agreeing / np.maximum(seeing, 1)
    return depth, np.where(accepted, 0.2 + 0.1 * share, confidence).astype(np.float32)
