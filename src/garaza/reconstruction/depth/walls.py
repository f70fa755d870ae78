"""Bare walls: which of the room's planes each unmeasured pixel lies on."""

from __future__ import annotations

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from garaza.reconstruction.depth.agreement import NEIGHBOURS
from garaza.reconstruction.depth.census import count_ones, similar_neighbours
from garaza.reconstruction.depth.consistency import confirm, remove_specks
from garaza.reconstruction.depth.matching import Sweep
from garaza.reconstruction.depth.planes import find_planes, merge_planes, to_view, to_world
from garaza.reconstruction.depth.semiglobal import aggregate
from garaza.reconstruction.depth.views import Views
from garaza.reconstruction.prediction import Float32, Float64

_ON_PLANE = 0.012
"""Of the depth: a measured pixel that is nearer to a plane lies on it."""
_PER_VIEW, _IN_ROOM, _AT_ONCE = 8, 64, 24
"""Planes found in a view, kept for the room, tried in a view."""
_LEAVE, _EDGE = 1000, 4.0
"""Cost of changing planes between neighbouring pixels, and the grey levels of an edge that halves it."""
_NONE = 95
"""Cost of lying on no plane, where a random match costs 93."""
_TOLERANCE = 0.03
"""Of the depth, between planes of two views."""
_SPECK = 200
"""Pixels; smaller patches of plane are dropped."""


def find_room_planes(views: Views, trusted: Float32) -> Float64:
    """(Q, 4) world planes that the trusted depth of all views speaks for."""
    planes, support = [], []
    fewest = trusted[0].size // 9 // 100
    for row in range(len(trusted)):
        found, samples = find_planes(trusted[row], _PER_VIEW, fewest, _ON_PLANE)
        planes.append(to_world(found, views.intrinsics[row], views.extrinsics[row]))
        support.append(samples.astype(np.float64))
    far = [overlap.farthest for overlap in views.overlaps if overlap.farthest > 0]
    size = float(np.median(far)) if far else 1.0
    return merge_planes(np.concatenate(planes), np.concatenate(support), size, _IN_ROOM)


@njit(nogil=True, cache=True, fastmath=True)
def _plane_costs(
    census: NDArray[np.uint64],
    similar: NDArray[np.uint64],
    sources: NDArray[np.uint64],
    homographies: NDArray[np.float32],
    epipoles: NDArray[np.float32],
    trusted: NDArray[np.float32],
    planes: NDArray[np.float32],
    nearest: float,
    farthest: float,
    cost: NDArray[np.uint8],
) -> None:
    """Fill all but the last of `cost` (h, w, P + 1): how ill each plane explains a pixel.

    Measured pixels know; the others compare the pictures where the plane would be, as `sweep` does.
    """
    height, width = census.shape
    count, source_height, source_width = sources.shape
    one, two, half = np.float32(1.0), np.float32(2.0), np.float32(0.5)
    right, bottom = np.float32(source_width // 2 - 1), np.float32(source_height // 2 - 1)
    low, high = one / np.float32(farthest), one / np.float32(nearest)
    for y in range(height):
        for x in range(width):
            u, v, z = np.float32(x), np.float32(y), trusted[y, x]
            for p in range(len(planes)):
                w = planes[p, 0] + planes[p, 1] * u + planes[p, 2] * v
                if z > 0:
                    off = abs(w * z - one) / np.float32(_ON_PLANE)
                    cost[y, x, p] = np.uint8(min(off * np.float32(44.0), np.float32(186.0)))
                    continue
                first = second = np.int32(255)
                for s in range(count):
                    h, e = homographies[s], epipoles[s]
                    pz = h[2, 0] * u + h[2, 1] * v + h[2, 2] + e[2] * w
                    if w < low or w > high or pz <= 0:
                        continue
                    px = (h[0, 0] * u + h[0, 1] * v + h[0, 2] + e[0] * w) / pz
                    py = (h[1, 0] * u + h[1, 1] * v + h[1, 2] + e[1] * w) / pz
                    if not (px >= 0 and py >= 0 and px <= right and py <= bottom):
                        continue
                    other = sources[s, int(two * py + half), int(two * px + half)]
                    bits = np.int32(count_ones((census[y, x] ^ other) & similar[y, x]))
                    second = min(second, max(first, bits))
                    first = min(first, bits)
                if second < 255:
                    cost[y, x, p] = (3 * (first + second)) >> 1
                else:
                    cost[y, x, p] = 3 * first if first < 255 else 186


def lay_planes(views: Views, row: int, plan: Sweep, trusted: Float32, room_planes: Float64) -> Float32:
    """Trusted depth of one view, straightened where it lies on a plane of the room, and planes where there is none.

    Pixels choose among the planes by semi-global matching (each plane a hypothesis, all changes cost the same), so
    that a bare wall takes over what its measured parts, its faint texture and its outline say.

    Args:
        trusted: (h, w) depth, 0 unknown; room_planes: (Q, 4) world.

    Returns:
        (h, w) depth, 0 where no plane fits.
    """
    overlap = views.overlaps[row]
    nearest, farthest = 0.8 * overlap.nearest, 1.2 * overlap.farthest
    planes = _planes_in_view(views, row, room_planes, trusted, nearest, farthest)
    if len(planes) == 0:
        return trusted.copy()
    grey = views.grey[row]
    census = np.ascontiguousarray(views.census[row][::2, ::2])
    sources = np.stack([views.census[int(j)] for j in plan.sources])
    cost = np.empty((*grey.shape, len(planes) + 1), dtype=np.uint8)
    _plane_costs(
        census,
        similar_neighbours(grey, 12.0),
        sources,
        plan.homographies,
        plan.epipoles,
        trusted,
        planes,
        nearest,
        farthest,
        cost,
    )
    cost[..., -1] = _NONE
    total = np.zeros(cost.shape, dtype=np.uint16)
    calm = np.asarray(cv2.GaussianBlur(grey, (0, 0), 1.0), dtype=np.float32)
    for backward in (False, True):
        aggregate(cost, calm, total, _LEAVE, _LEAVE, _EDGE, backward)
    label = total.argmin(axis=2)
    v, u = np.indices(grey.shape, dtype=np.float32)
    padded = np.vstack([planes, np.zeros((1, 3), dtype=np.float32)])[label]
    inverse = padded[..., 0] + padded[..., 1] * u + padded[..., 2] * v
    on_plane = (label < len(planes)) & (inverse > 1.0 / farthest) & (inverse < 1.0 / nearest)
    flat = 1.0 / np.where(on_plane, inverse, 1.0)
    # Measured pixels follow the plane they lie on, too, less and less up to the distance where they leave it: walls
    # get flat, and flat alike in all views, while what stands out of them stays.
    own = np.clip(2.0 * np.abs(trusted / flat - 1.0) / _ON_PLANE - 1.0, 0.0, 1.0)
    own[trusted == 0] = 0.0
    depth: Float32 = np.where(on_plane, own * trusted + (1.0 - own) * flat, trusted).astype(np.float32)
    return depth


def _planes_in_view(
    views: Views, row: int, room_planes: Float64, trusted: Float32, nearest: float, farthest: float
) -> Float32:
    """The planes a view may see: those its own depth lies on first, then the room's largest."""
    if len(room_planes) == 0:
        return np.zeros((0, 3), dtype=np.float32)
    centre = -views.extrinsics[row, :, :3].T @ views.extrinsics[row, :, 3]
    # Seen from behind a plane is none: its normal points to where it was measured from.
    front = room_planes[room_planes[:, :3] @ centre > room_planes[:, 3]]
    planes = to_view(front, views.intrinsics[row], views.extrinsics[row])
    height, width = trusted.shape
    u, v = np.meshgrid(np.arange(2, width, 5), np.arange(2, height, 5))
    inverse = planes[:, 0, None, None] + planes[:, 1, None, None] * u + planes[:, 2, None, None] * v
    seen = ((inverse > 1.0 / farthest) & (inverse < 1.0 / nearest)).mean(axis=(1, 2))
    z = trusted[2::5, 2::5]
    held = ((np.abs(inverse * z - 1.0) < _ON_PLANE) & (z > 0)).mean(axis=(1, 2))
    order = np.argsort(-held, kind="stable")
    order = order[seen[order] > 0.02][:_AT_ONCE]
    chosen: Float32 = planes[order]
    return chosen


def accept_planes(
    views: Views, row: int, trusted: Float32, filled: Float32, confidence: Float32
) -> tuple[Float32, Float32]:
    """Keep the planes of one view that other views measured, or laid, at the same place.

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
    accepted = (trusted == 0) & (filled[row] > 0) & (agreeing >= 2) & (agreeing >= 0.6 * seeing)
    whole: Float32 = np.where(accepted | (trusted > 0), filled[row], np.float32(0.0))
    depth = whole.copy()
    remove_specks(whole, _TOLERANCE, _SPECK)
    accepted &= whole > 0
    share = agreeing / np.maximum(seeing, 1)
    confidence = np.where(accepted, 0.2 + 0.1 * share, confidence).astype(np.float32)
    depth[~accepted & (trusted == 0)] = 0.0
    return depth, confidence
