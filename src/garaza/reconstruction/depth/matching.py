"""Depth of one view from a handful of others, before anything is checked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from garaza.reconstruction.depth.census import similar_neighbours
from garaza.reconstruction.depth.pool import Stop
from garaza.reconstruction.depth.semiglobal import aggregate, cheapest
from garaza.reconstruction.depth.smoothing import fit_planes
from garaza.reconstruction.depth.sweep import sweep
from garaza.reconstruction.depth.views import Views
from garaza.reconstruction.prediction import Float32

SOURCES = 7
_FINEST_STEP = 0.5
"""Pixels between two hypotheses at least: finer ones look alike, and cost as much."""
_FEWEST_STEPS = 24
_SURE_TO = 0.5
"""Pixels by which a match may be off and still be a good one."""
_OTHER = 1.5
"""Pixels beyond which a hypothesis counts as another one when asked how clear the choice was."""
_SMALL_STEP, _JUMP, _EDGE = 10, 200, 10.0
"""Penalties of semi-global matching, for costs up to 186, and the grey levels of an edge that halves the second."""
_SAME_SURFACE = 12.0
"""Grey levels up to which neighbours may belong to one surface."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """Which hypotheses a view is tested for, and against whom."""

    sources: NDArray[np.int64]
    homographies: Float32
    epipoles: Float32
    first: float
    step: float
    """Inverse depths first + d * step."""
    steps: int
    slack: float
    """Inverse depth by which a good match may be off: large where the camera hardly moved."""
    rivals: int
    """Hypotheses on each side of the best that say the same as it does."""


def plan_sweep(views: Views, row: int, most_steps: int) -> Sweep | None:
    """As many hypotheses as the baselines can tell apart; None for a view that shares too little with others."""
    overlap = views.overlaps[row]
    sources = overlap.choose(SOURCES)
    if len(sources) == 0:
        return None
    homographies, epipoles = views.projections(row, sources)
    first, last = 1.0 / overlap.farthest, 1.0 / overlap.nearest
    shifts = _pixels_per_inverse_depth(views, homographies, epipoles, 0.5 * (first + last))
    # The widest baseline may see little of the view; the second widest is what most pixels have.
    shift = float(np.sort(shifts)[-2:].min())
    steps = int(np.clip(np.ceil(shift * (last - first) / _FINEST_STEP), min(_FEWEST_STEPS, most_steps), most_steps))
    step = (last - first) / (steps - 1)
    rivals = int(np.clip(np.ceil(_OTHER / max(shift * step, 1e-9)), 2, steps // 4))
    return Sweep(sources, homographies, epipoles, first, step, steps, _SURE_TO / max(shift, 1e-9), rivals)


def _pixels_per_inverse_depth(views: Views, homographies: Float32, epipoles: Float32, middle: float) -> Float32:
    """(S,) how far a pixel wanders in each source as its inverse depth changes; median over the view."""
    height, width = views.grey[0].shape
    u, v = np.meshgrid(np.linspace(0.1, 0.9, 5) * width, np.linspace(0.1, 0.9, 5) * height)
    pixels = np.stack([u.ravel(), v.ravel(), np.ones(u.size)])
    at = homographies @ pixels + middle * epipoles[:, :, None]
    scale = np.maximum(at[:, 2], 0.05)
    moved = (epipoles[:, :2, None] - at[:, :2] / scale[:, None] * epipoles[:, 2:, None]) / scale[:, None]
    shifts: Float32 = np.median(np.hypot(moved[:, 0], moved[:, 1]), axis=1).astype(np.float32)
    return shifts


def match_view(views: Views, row: int, plan: Sweep, stop: Stop) -> tuple[Float32, Float32]:
    """Plane sweep and semi-global matching.

    Returns:
        (h, w) depth, and how clear a choice it was, 0..1.
    """
    grey = views.grey[row]
    census = np.ascontiguousarray(views.census[row][::2, ::2])
    sources = np.stack([views.census[int(j)] for j in plan.sources])
    similar = similar_neighbours(grey, _SAME_SURFACE)
    cost = np.empty((*grey.shape, plan.steps), dtype=np.uint8)
    stop.checkpoint()
    sweep(census, similar, sources, plan.homographies, plan.epipoles, plan.first, plan.step, cost)
    total = np.zeros(cost.shape, dtype=np.uint16)
    for backward in (False, True):
        stop.checkpoint()
        aggregate(cost, grey, total, _SMALL_STEP, _JUMP, _EDGE, backward)
    stop.checkpoint()
    position, clearness = cheapest(total, plan.rivals)
    inverse = (plan.first + plan.step * position).astype(np.float32)
    smooth: Float32 = fit_planes(inverse, plan.step)[..., 0]
    return (1.0 / np.maximum(smooth, 0.5 * plan.first)).astype(np.float32), clearness
