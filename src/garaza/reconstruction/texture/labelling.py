"""Which view each face takes its picture from: a good one, and mostly the same as its neighbours'."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from garaza.reconstruction.prediction import Float32, Prediction
from garaza.reconstruction.progress import Monitor
from garaza.reconstruction.surface.mesh import Mesh
from garaza.reconstruction.surface.topology import face_neighbours
from garaza.reconstruction.texture.exposure import blurred, sample
from garaza.reconstruction.texture.visibility import project

UNSEEN = -1
_SEAM_COST = 0.55
"""Of a pair of neighbours with different views, in units of a halving of resolution, near enough."""
_ODD_COLOUR = 45.0
"""Distance in sRGB from the median over the views, beyond which a view shows something else (a hand, a reflection)."""
_ROUNDS = 25


def choose_views(
    mesh: Mesh,
    prediction: Prediction,
    quality: Float32,
    gains: Float32,
    monitor: Monitor,
) -> NDArray[np.int32]:
    """(F,) view of each face, `UNSEEN` where none sees it.

    Minimises the loss of resolution plus a cost for each seam, by iterated conditional modes from the best views.
    """
    usable = np.where(_odd_colours(mesh, prediction, quality, gains, monitor), 0, quality)
    usable = np.where((usable > 0).any(axis=1, keepdims=True), usable, quality)
    best = usable.max(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        cost = np.where(usable > 0, np.log2(best / usable) / 2, np.inf).astype(np.float32)
    labels = np.where(best[:, 0] > 0, cost.argmin(axis=1), UNSEEN).astype(np.int32)
    neighbours = face_neighbours(mesh.faces)
    for _ in range(_ROUNDS):
        monitor.checkpoint()
        if _improve(labels, cost, neighbours, _SEAM_COST) == 0:
            break
    return labels


def _odd_colours(
    mesh: Mesh,
    prediction: Prediction,
    quality: Float32,
    gains: Float32,
    monitor: Monitor,
) -> NDArray[np.bool_]:
    """(F, N) views whose colour of a face is far from the median of all that see it; needs three of them."""
    centres = mesh.vertices[mesh.faces].mean(axis=1)
    count = quality.shape[1]
    colours = np.full((*quality.shape, 3), np.nan, np.float16)
    for view in range(count):
        monitor.report(0.3 + 0.2 * view / count, "Comparing colours", view, count)
        rows = np.nonzero(quality[:, view] > 0)[0]
        if len(rows):
            pixels, _ = project(centres[rows], prediction.intrinsics[view], prediction.extrinsics[view])
            colours[rows, view] = sample(blurred(prediction.images[view]), pixels) * gains[view]
    odd = np.zeros(quality.shape, np.bool_)
    enough = np.nonzero((quality > 0).sum(axis=1) >= 3)[0]
    for part in np.array_split(enough, max(1, len(enough) // 8000)):
        monitor.checkpoint()
        seen = colours[part].astype(np.float32)
        middle = _nanmedian(seen)
        with np.errstate(invalid="ignore"):
            odd[part] = np.linalg.norm(seen - middle[:, None], axis=2) > _ODD_COLOUR
    return odd


def _nanmedian(values: Float32) -> Float32:
    """Median over axis 1, leaving NaN out; many times faster than numpy's own for short rows."""
    ordered = np.sort(values, axis=1)
    count = np.maximum(np.isfinite(ordered).sum(axis=1, keepdims=True), 1)
    low = np.take_along_axis(ordered, (count - 1) // 2, axis=1)
    high = np.take_along_axis(ordered, count // 2, axis=1)
    middle: Float32 = ((low + high) / 2)[:, 0].astype(np.float32)
    return middle


@njit(nogil=True, cache=True)
def _improve(  # noqa: C901 - one loop nest; splitting it would cost the kernel its speed
    labels: NDArray[np.int32],
    cost: Float32,
    neighbours: NDArray[np.int32],
    seam_cost: float,
) -> int:
    """One round: each face in turn takes the label that is best given its neighbours' now. Returns the changes."""
    changes = 0
    for face in range(labels.shape[0]):
        if labels[face] < 0:
            continue
        best = labels[face]
        lowest = np.inf
        own = np.inf
        for choice in range(4):
            # Only its own best and its neighbours' labels can win.
            if choice == 3:
                label = labels[face]
            else:
                other = neighbours[face, choice]
                if other < 0 or labels[other] < 0:
                    continue
                label = labels[other]
            total = cost[face, label]
            for side in range(3):
                other = neighbours[face, side]
                if other >= 0 and labels[other] >= 0 and labels[other] != label:
                    total += seam_cost
            if choice == 3:
                own = total
            if total < lowest:
                lowest = total
                best = label
        if best != labels[face] and lowest < own:
            labels[face] = best
            changes += 1
    return changes
