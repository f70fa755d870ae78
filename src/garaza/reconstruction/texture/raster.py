"""Painting the atlas."""

from __future__ import annotations

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from garaza.reconstruction.prediction import Float32, Prediction, UInt8
from garaza.reconstruction.progress import Monitor
from garaza.reconstruction.texture.charts import Charts
from garaza.reconstruction.texture.labelling import UNSEEN
from garaza.reconstruction.texture.packing import Layout

_MARGIN = 1.5
"""Texels beyond a triangle that get its colour too: bilinear lookups at its border reach them."""


def paint(
    charts: Charts,
    layout: Layout,
    prediction: Prediction,
    gains: Float32,
    offsets: Float32,
    monitor: Monitor,
) -> UInt8:
    """(S, S, 3) sRGB: each chart's cut-out of its view, with gain and offsets; what lies between charts is their mean.

    Args:
        offsets: (C, 3) added to the picture at each corner; in unseen charts the colour itself.
    """
    atlas = np.full((layout.size, layout.size, 3), np.nan, np.float32)
    mean_offset = _chart_means(charts, offsets)
    for view in [*range(len(prediction.images)), UNSEEN]:
        monitor.checkpoint()
        members = np.nonzero(charts.view == view)[0]
        if len(members) == 0:
            continue
        picture = None if view == UNSEEN else _scaled(prediction.images[view], layout.scale) * gains[view]
        for chart in members:
            _cut_out(atlas, picture, layout, int(chart), mean_offset[chart])
    # The rectangles of charts already hold their mean offset; triangles replace it by their own.
    relative = offsets - mean_offset[charts.corner_chart]
    texels = layout.texels(charts)
    state = np.zeros(atlas.shape[:2], np.uint8)
    monitor.checkpoint()
    _add_offsets(atlas, state, texels, relative.astype(np.float32), charts.face_corners, 0.0)
    _add_offsets(atlas, state, texels, relative.astype(np.float32), charts.face_corners, _MARGIN)
    empty = np.isnan(atlas[..., 0])
    atlas[empty] = atlas[~empty].mean(axis=0) if not empty.all() else 127.0
    result: UInt8 = np.clip(np.rint(atlas), 0, 255).astype(np.uint8)
    return result


def _chart_means(charts: Charts, values: Float32) -> Float32:
    count = len(charts.view)
    number = np.maximum(np.bincount(charts.corner_chart, minlength=count), 1)
    return np.stack(
        [np.bincount(charts.corner_chart, values[:, channel], count) / number for channel in range(3)],
        axis=1,
    ).astype(np.float32)


def _scaled(image: UInt8, scale: float) -> Float32:
    if scale >= 1:
        return image.astype(np.float32)
    height, width = image.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    result: Float32 = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    return result


def _cut_out(atlas: Float32, picture: Float32 | None, layout: Layout, chart: int, offset: Float32) -> None:
    x, y = layout.target[chart]
    width, height = layout.extent[chart]
    if picture is None:
        atlas[y : y + height, x : x + width] = offset
        return
    columns = np.clip(np.arange(width) + layout.source[chart, 0], 0, picture.shape[1] - 1)
    rows = np.clip(np.arange(height) + layout.source[chart, 1], 0, picture.shape[0] - 1)
    atlas[y : y + height, x : x + width] = picture[rows[:, None], columns[None, :]] + offset


@njit(nogil=True, cache=True)
def _add_offsets(
    atlas: Float32,
    state: UInt8,
    texels: Float32,
    offsets: Float32,
    faces: NDArray[np.int32],
    margin: float,
) -> None:
    """Add each triangle's interpolated offset to the texels within it, or within `margin` of it and of no other."""
    size = atlas.shape[0]
    for face in range(faces.shape[0]):
        a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
        ax, ay, bx, by, cx, cy = texels[a, 0], texels[a, 1], texels[b, 0], texels[b, 1], texels[c, 0], texels[c, 1]
        double_area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(double_area) < 1e-9:
            continue
        left = max(0, int(np.floor(min(ax, bx, cx) - margin)))
        right = min(size - 1, int(np.ceil(max(ax, bx, cx) + margin)))
        top = max(0, int(np.floor(min(ay, by, cy) - margin)))
        bottom = min(size - 1, int(np.ceil(max(ay, by, cy) + margin)))
        # How far a barycentric coordinate may be below 0 for a texel `margin` outside of that side.
        scale = abs(double_area)
        slack_a = margin * np.hypot(cx - bx, cy - by) / scale
        slack_b = margin * np.hypot(ax - cx, ay - cy) / scale
        slack_c = margin * np.hypot(bx - ax, by - ay) / scale
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):
                if state[y, x] != 0:
                    continue
                wa = ((bx - x) * (cy - y) - (by - y) * (cx - x)) / double_area
                wb = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) / double_area
                wc = 1.0 - wa - wb
                if wa < -slack_a - 1e-6 or wb < -slack_b - 1e-6 or wc < -slack_c - 1e-6:
                    continue
                wa, wb, wc = max(wa, 0.0), max(wb, 0.0), max(wc, 0.0)
                total = wa + wb + wc
                for channel in range(3):
                    value = wa * offsets[a, channel] + wb * offsets[b, channel] + wc * offsets[c, channel]
                    atlas[y, x, channel] += value / total
                state[y, x] = 1
