"""Depth of a room whose depth is known exactly."""

from __future__ import annotations

import numpy as np

from garaza.reconstruction.depth.estimate import estimate_depth
from garaza.reconstruction.progress import Monitor


def test_textured_room_is_measured_nearly_everywhere_and_nearly_exactly(textured_room):
    depth, confidence = estimate_depth(textured_room.sparse, textured_room.settings, Monitor())

    assert depth.shape == confidence.shape == textured_room.depth.shape
    assert depth.dtype == confidence.dtype == np.float32
    assert np.array_equal(depth > 0, confidence > 0)
    trusted = confidence >= 0.5
    off = np.abs(depth[trusted] / textured_room.depth[trusted] - 1)
    assert trusted.mean() > 0.85
    assert np.median(off) < 0.003
    assert np.mean(off) < 0.01
    assert np.mean(off < 0.05) > 0.98
