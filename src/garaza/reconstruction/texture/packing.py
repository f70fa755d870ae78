"""Where each chart lies in the atlas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from garaza.reconstruction.prediction import Float32
from garaza.reconstruction.texture.charts import Charts

PADDING = 4
"""Texels of picture around each chart, so that smaller mipmap levels don't mix in its neighbours."""
_SEARCH_ROUNDS = 12
_SMALLEST = 0.02


@dataclass(frozen=True, slots=True)
class Layout:
    """Charts scaled by one factor and placed at whole texels: a chart is a cut-out of its scaled view, unresampled."""

    size: int
    """Edge of the atlas in texels."""
    scale: float
    """Texels for a pixel of a view."""
    scaled: Float32
    """(C, 2) position of each corner in its scaled view, pixel centres at integers."""
    source: NDArray[np.int32]
    """(K, 2) pixel of the scaled view at the low corner of each chart's rectangle."""
    target: NDArray[np.int32]
    """(K, 2) texel there."""
    extent: NDArray[np.int32]
    """(K, 2) width and height of each chart's rectangle."""

    def texels(self, charts: Charts) -> Float32:
        """(C, 2) texel coordinates of the corners, texel centres at integers."""
        shift = (self.target - self.source)[charts.corner_chart]
        result: Float32 = self.scaled + shift.astype(np.float32)
        return result


def pack(charts: Charts, max_size: int) -> Layout:
    """The largest scale, up to 1, at which all charts fit; and the smallest square atlas for that."""
    size = max_size
    layout = _try(charts, size, 1.0)
    if layout is not None:
        while size > 256 and (smaller := _try(charts, size // 2, 1.0)) is not None:
            size, layout = size // 2, smaller
        return layout
    low, high = _SMALLEST, 1.0
    for _ in range(_SEARCH_ROUNDS):
        middle = (low + high) / 2
        found = _try(charts, size, middle)
        if found is None:
            high = middle
        else:
            low, layout = middle, found
    if layout is None:
        msg = f"{len(charts.view)} charts don't fit an atlas of {size} texels"
        raise ValueError(msg)
    return layout


def _try(charts: Charts, size: int, scale: float) -> Layout | None:
    """The layout at this scale, by rows of falling height; None if it doesn't fit."""
    scaled = ((charts.position + 0.5) * scale - 0.5).astype(np.float32)
    starts = np.searchsorted(charts.corner_chart, np.arange(len(charts.view)))
    low = np.floor(np.minimum.reduceat(scaled, starts, axis=0)).astype(np.int32) - PADDING
    high = np.ceil(np.maximum.reduceat(scaled, starts, axis=0)).astype(np.int32) + PADDING
    extent = high - low + 1
    if extent.max() > size or int(np.prod(extent.astype(np.int64), axis=1).sum()) > size * size:
        return None
    target = np.zeros_like(low)
    x = y = row_height = 0
    # Ties in a fixed order: the same mesh gives the same atlas.
    for chart in np.lexsort((np.arange(len(extent)), -extent[:, 0], -extent[:, 1])):
        width, height = int(extent[chart, 0]), int(extent[chart, 1])
        if x + width > size:
            x, y, row_height = 0, y + row_height, 0
        if y + height > size:
            return None
        target[chart] = (x, y)
        x += width
        row_height = max(row_height, height)
    return Layout(size, scale, scaled, low, target, extent)
