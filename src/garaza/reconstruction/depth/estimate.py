"""From a sparse model to dense depth with confidence."""

from __future__ import annotations

import numpy as np

from garaza.reconstruction.cameras.sparse import SparseModel
from garaza.reconstruction.depth.agreement import borrow, verify_view
from garaza.reconstruction.depth.matching import match_view, plan_sweep
from garaza.reconstruction.depth.pool import Stop, for_each_view
from garaza.reconstruction.depth.views import prepare_views
from garaza.reconstruction.depth.walls import accept_planes, find_room_planes, lay_planes
from garaza.reconstruction.prediction import Float32
from garaza.reconstruction.progress import Monitor
from garaza.reconstruction.quality import QualitySettings


def estimate_depth(sparse: SparseModel, settings: QualitySettings, monitor: Monitor) -> tuple[Float32, Float32]:
    """Dense depth for every registered keyframe.

    Each view is matched with a few others; of that, what other views confirm is kept; what is missing comes from views
    that have it; and bare walls become planes through what is known at their rims.

    Returns:
        depth (N, h, w), z-depth in world units, 0 where unknown; confidence (N, h, w) in 0..1, see `Prediction`.
        The longer side has `settings.depth_size` pixels, or as many as the pictures have if those are smaller.
    """
    monitor.report(0.0, "Comparing pictures")
    views = prepare_views(sparse, settings.depth_size)
    count = len(views.grey)
    plans = [plan_sweep(views, row, settings.depth_hypotheses) for row in range(count)]
    slacks = np.array([plan.slack if plan else 0.0 for plan in plans])
    # Every step writes arrays of its own and reads the step's before: the result can't depend on who is first.
    raw, trusted, lent, filled, depth = (np.zeros(views.grey.shape, dtype=np.float32) for _ in range(5))
    clearness, confidence = np.zeros_like(raw), np.zeros_like(raw)

    def match(row: int, stop: Stop) -> None:
        plan = plans[row]
        if plan is not None:
            raw[row], clearness[row] = match_view(views, row, plan, stop)

    def verify(row: int, stop: Stop) -> None:
        stop.checkpoint()
        trusted[row], confidence[row] = verify_view(views, row, raw, clearness[row], slacks)

    def lend(row: int, stop: Stop) -> None:
        stop.checkpoint()
        lent[row], confidence[row] = borrow(views, row, trusted, confidence[row])

    def lay(row: int, stop: Stop) -> None:
        stop.checkpoint()
        plan = plans[row]
        if plan is not None:
            filled[row] = lay_planes(views, row, plan, lent[row], room_planes)

    def accept(row: int, stop: Stop) -> None:
        stop.checkpoint()
        depth[row], confidence[row] = accept_planes(views, row, lent[row], filled, confidence[row])

    for_each_view(count, match, monitor, 0.0, 0.8, "Comparing pictures")
    for_each_view(count, verify, monitor, 0.8, 0.87, "Keeping what several pictures agree on")
    for_each_view(count, lend, monitor, 0.87, 0.92, "Keeping what several pictures agree on")
    room_planes = find_room_planes(views, lent)
    for_each_view(count, lay, monitor, 0.92, 0.97, "Filling in bare walls")
    for_each_view(count, accept, monitor, 0.97, 1.0, "Filling in bare walls")
    return depth, confidence
