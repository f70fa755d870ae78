"""From a sparse model to dense depth with confidence."""

from __future__ import annotations

import numpy as np

from garaza.reconstruction.cameras.sparse import SparseModel
from garaza.reconstruction.depth.borrowing import agree_on, carry_over
from garaza.reconstruction.depth.census import similar_neighbours
from garaza.reconstruction.depth.consistency import TOLERANCE, confirm, remove_specks
from garaza.reconstruction.depth.planes import fill_segments, pixels_by_label
from garaza.reconstruction.depth.pool import Stop, for_each_view
from garaza.reconstruction.depth.segments import segment
from garaza.reconstruction.depth.semiglobal import aggregate, cheapest
from garaza.reconstruction.depth.smoothing import fit_planes
from garaza.reconstruction.depth.sweep import sweep
from garaza.reconstruction.depth.views import Views, prepare_views
from garaza.reconstruction.prediction import Float32
from garaza.reconstruction.progress import Monitor
from garaza.reconstruction.quality import QualitySettings

SOURCES = 5
NEIGHBOURS = 10
SEGMENT_SCALE = 150.0
ENOUGH = 0.8
FILL_TOLERANCE = 0.04
"""Views that each view is matched with, and views that are asked to confirm its depth."""


def estimate_depth(sparse: SparseModel, settings: QualitySettings, monitor: Monitor) -> tuple[Float32, Float32]:
    """Dense depth for every registered keyframe.

    Returns:
        depth (N, h, w), z-depth in world units, 0 where unknown; confidence (N, h, w) in 0..1, see `Prediction`.
    """
    views = prepare_views(sparse, settings.depth_size)
    count = len(views.grey)
    raw = np.zeros(views.grey.shape, dtype=np.float32)
    clearness = np.zeros_like(raw)

    def measure(row: int, stop: Stop) -> None:
        raw[row], clearness[row] = match_view(views, row, settings.depth_hypotheses, stop)

    for_each_view(count, measure, monitor, 0.0, 0.8, "Comparing pictures")
    depth = np.zeros_like(raw)
    confidence = np.zeros_like(raw)

    def check(row: int, stop: Stop) -> None:
        stop.checkpoint()
        depth[row], confidence[row] = verify_view(views, row, raw, clearness[row])

    for_each_view(count, check, monitor, 0.8, 0.9, "Keeping what several pictures agree on")
    own = depth.copy()

    def share(row: int, stop: Stop) -> None:
        stop.checkpoint()
        borrow(views, row, own, depth, confidence)

    for_each_view(count, share, monitor, 0.8, 0.9, "Keeping what several pictures agree on")
    filled = depth.copy()

    def fill(row: int, stop: Stop) -> None:
        stop.checkpoint()
        lay_planes(views, row, depth, filled)

    for_each_view(count, fill, monitor, 0.9, 0.96, "Filling in bare walls")
    whole = depth.copy()

    def join(row: int, stop: Stop) -> None:
        stop.checkpoint()
        accept_planes(views, row, filled, whole, confidence)

    for_each_view(count, join, monitor, 0.96, 1.0, "Filling in bare walls")
    return whole, confidence


def match_view(views: Views, row: int, hypotheses: int, stop: Stop) -> tuple[Float32, Float32]:
    """Depth of one view by plane sweep and semi-global matching, before anything is checked, and how clear it is."""
    overlap = views.overlaps[row]
    sources = overlap.choose(SOURCES)
    if len(sources) == 0:
        return np.zeros_like(views.grey[row]), np.zeros_like(views.grey[row])
    homographies, epipoles = views.projections(row, sources)
    first = 1.0 / overlap.farthest
    step = (1.0 / overlap.nearest - first) / (hypotheses - 1)
    cost = np.empty((*views.grey[row].shape, hypotheses), dtype=np.uint8)
    stop.checkpoint()
    similar = similar_neighbours(views.grey[row], 12.0)
    sweep(views.census[row], similar, views.census[sources], homographies, epipoles, first, step, cost)
    total = np.zeros(cost.shape, dtype=np.uint16)
    for backward in (False, True):
        stop.checkpoint()
        aggregate(cost, views.grey[row], total, 10, 200, 10.0, backward)
    stop.checkpoint()
    position, clearness = cheapest(total)
    inverse = (first + step * position).astype(np.float32)
    smooth: Float32 = fit_planes(inverse, step)[..., 0]
    return (1.0 / np.maximum(smooth, 0.5 * first)).astype(np.float32), clearness


def verify_view(views: Views, row: int, raw: Float32, clearness: Float32) -> tuple[Float32, Float32]:
    """Depth and confidence of one view, kept where others agree."""
    neighbours = views.overlaps[row].choose(NEIGHBOURS)
    homographies, epipoles = views.projections(row, neighbours)
    agreeing = np.zeros(raw[row].shape, dtype=np.uint8)
    seeing = np.zeros_like(agreeing)
    averaged = confirm(raw[row], raw[neighbours], homographies, epipoles, TOLERANCE, agreeing, seeing)
    # Bare walls agree by chance, too: what was an unclear choice needs more witnesses.
    evidence = agreeing * clearness
    good = (agreeing >= 2) & (agreeing >= 0.4 * seeing) & (evidence >= ENOUGH)
    depth = np.where(good, averaged, np.float32(0.0)).astype(np.float32)
    remove_specks(depth, 0.03, 40)
    share = agreeing / np.maximum(seeing, 1)
    confidence = np.where(depth > 0, 0.5 + 0.5 * share * np.minimum(evidence / 4.0, 1.0), 0.0)
    return depth, confidence.astype(np.float32)


def lay_planes(views: Views, row: int, depth: Float32, filled: Float32) -> None:
    """Write planes into the unknown pixels of ``filled[row]``."""
    labels = segment(views.colour[row], SEGMENT_SCALE, labels_smallest(views))
    order, starts = pixels_by_label(labels)
    fill_segments(depth[row], order, starts, 60, 0.6, 0.015, 0.02, filled[row])


def labels_smallest(views: Views) -> int:
    return int(views.grey[0].size // 800)


def accept_planes(views: Views, row: int, filled: Float32, whole: Float32, confidence: Float32) -> None:
    """Keep planes of ``filled[row]`` where other views measured, or laid, the same."""
    neighbours = views.overlaps[row].choose(NEIGHBOURS)
    homographies, epipoles = views.projections(row, neighbours)
    agreeing = np.zeros(filled[row].shape, dtype=np.uint8)
    seeing = np.zeros_like(agreeing)
    confirm(filled[row], filled[neighbours], homographies, epipoles, FILL_TOLERANCE, agreeing, seeing)
    accepted = (whole[row] == 0) & (filled[row] > 0) & (agreeing >= 1) & (agreeing >= 0.5 * seeing)
    whole[row][accepted] = filled[row][accepted]
    confidence[row][accepted] = 0.2 + 0.1 * (agreeing[accepted] / np.maximum(seeing[accepted], 1))


def borrow(views: Views, row: int, own: Float32, depth: Float32, confidence: Float32) -> None:
    """Fill unknown pixels of ``depth[row]`` with what at least two other views measured there."""
    neighbours = views.overlaps[row].choose(NEIGHBOURS)
    offers = np.empty((len(neighbours), *depth[row].shape), dtype=np.float32)
    for k, j in enumerate(neighbours):
        homographies, epipoles = views.projections(j, np.array([row]))
        carry_over(own[j], views.grey[j], views.grey[row], homographies[0], epipoles[0], 25.0, offers[k])
    agreed = agree_on(offers, TOLERANCE, 2, 0.5)
    taken = (depth[row] == 0) & (agreed > 0)
    depth[row][taken] = agreed[taken]
    remove_specks(depth[row], 0.03, 40)
    confidence[row][taken] = 0.5
    confidence[row][depth[row] == 0] = 0.0
