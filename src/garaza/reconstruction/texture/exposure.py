"""Phones brighten and tint as they move. One gain a view and channel makes the views agree again."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array

from garaza.reconstruction.prediction import Float32, Float64, Prediction, UInt8
from garaza.reconstruction.surface.mesh import Mesh
from garaza.reconstruction.texture.visibility import project

_MAX_SAMPLES = 20_000
_ROUNDS = 30
_LIMIT = 0.7
"""Of a gain's logarithm: a factor of two."""
_DARK, _BRIGHT = 12.0, 245.0
"""Outside these a pixel's value says little of the light."""


def view_gains(mesh: Mesh, prediction: Prediction, visible: Float32) -> Float32:
    """(N, 3) factors for the sRGB values of each view, so that the same spot has the same colour in all of them.

    Args:
        visible: (F, N) as from `view_quality`.

    Least squares over log colour = log colour of the spot - log gain of the view, solved by alternating means.
    """
    count = prediction.images.shape[0]
    step = max(1, len(mesh.faces) // _MAX_SAMPLES)
    faces = np.arange(0, len(mesh.faces), step)
    centres = mesh.vertices[mesh.faces[faces]].mean(axis=1)
    spots, views, colours = [], [], []
    for view in range(count):
        rows = np.nonzero(visible[faces, view] > 0)[0]
        if len(rows) == 0:
            continue
        pixels, _ = project(centres[rows], prediction.intrinsics[view], prediction.extrinsics[view])
        values = sample(blurred(prediction.images[view]), pixels)
        good = ((values > _DARK) & (values < _BRIGHT)).all(axis=1)
        spots.append(rows[good])
        views.append(np.full(int(good.sum()), view))
        colours.append(np.log(values[good]))
    gains = np.zeros((count, 3))
    if spots:
        gains = _solve(np.concatenate(spots), np.concatenate(views), np.concatenate(colours), len(faces), count)
    return np.exp(np.clip(gains, -_LIMIT, _LIMIT)).astype(np.float32)


def _solve(
    spots: NDArray[np.int64],
    views: NDArray[np.int64],
    colours: Float64,
    spot_count: int,
    view_count: int,
) -> Float64:
    """(N, 3) logarithms of gains, of mean 0 over the views."""
    ones = np.ones(len(spots))
    to_spot = coo_array((ones, (spots, np.arange(len(spots)))), shape=(spot_count, len(spots))).tocsr()
    to_view = coo_array((ones, (views, np.arange(len(spots)))), shape=(view_count, len(spots))).tocsr()
    per_spot = np.maximum(to_spot @ ones, 1)[:, None]
    per_view = np.maximum(to_view @ ones, 1)[:, None]
    gains = np.zeros((view_count, 3))
    for _ in range(_ROUNDS):
        truth = (to_spot @ (colours + gains[views])) / per_spot
        gains = (to_view @ (truth[spots] - colours)) / per_view
        gains -= gains.mean(axis=0)
    return gains


def blurred(image: UInt8) -> Float32:
    """Without the noise and the finest detail, which differ between views for reasons other than light."""
    result: Float32 = cv2.GaussianBlur(image, (0, 0), 1.5).astype(np.float32)
    return result


def sample(image: Float32, pixels: Float32) -> Float32:
    """(P, C) bilinear values of an (H, W, C) image at (P, 2) pixel coordinates; clamped to the image."""
    height, width = image.shape[:2]
    x = np.clip(pixels[:, 0], 0, width - 1.001)
    y = np.clip(pixels[:, 1], 0, height - 1.001)
    left, top = x.astype(np.int32), y.astype(np.int32)
    across, down = (x - left)[:, None], (y - top)[:, None]
    upper = image[top, left] * (1 - across) + image[top, left + 1] * across
    lower = image[top + 1, left] * (1 - across) + image[top + 1, left + 1] * across
    result: Float32 = (upper * (1 - down) + lower * down).astype(np.float32)
    return result
