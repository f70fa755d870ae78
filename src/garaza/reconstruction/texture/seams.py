"""Making charts meet in the same colour: an offset for each corner, smooth inside a chart, levelling its seams.

After Lempitsky and Ivanov, "Seamless mosaicing of image-based texture maps" (2007).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, diags_array
from scipy.sparse.linalg import cg

from garaza.reconstruction.prediction import Float32, Prediction
from garaza.reconstruction.surface.mesh import Mesh
from garaza.reconstruction.surface.topology import edges
from garaza.reconstruction.texture.charts import Charts
from garaza.reconstruction.texture.exposure import blurred, sample
from garaza.reconstruction.texture.labelling import UNSEEN

_SMOOTHNESS = 0.15
_RIDGE = 1e-4
_ITERATIONS = 200
_LIMIT = 60.0
_SPREADING_ITERATIONS = 600


def corner_colours(charts: Charts, prediction: Prediction, gains: Float32) -> Float32:
    """(C, 3) what each corner's view shows there, with its gain; NaN in unseen charts."""
    colours = np.full((len(charts.corner_vertex), 3), np.nan, np.float32)
    corner_view = charts.view[charts.corner_chart]
    for view in range(len(prediction.images)):
        corners = np.nonzero(corner_view == view)[0]
        if len(corners):
            image = blurred(prediction.images[view])
            colours[corners] = sample(image, charts.position[corners]) * gains[view]
    return colours


def level(charts: Charts, colours: Float32) -> Float32:
    """(C, 3) offsets to add to each corner's colour; 0 in unseen charts."""
    seen = np.isfinite(colours[:, 0])
    first, second = _seam_pairs(charts, seen)
    count = len(charts.corner_vertex)
    inner, _ = edges(charts.face_corners)
    inner = inner[seen[inner].all(axis=1)]
    matrix = _laplacian(first, second, count) + _SMOOTHNESS * _laplacian(inner[:, 0], inner[:, 1], count)
    matrix = (matrix + _RIDGE * diags_array(np.ones(count))).tocsr()
    preconditioner = diags_array(1.0 / matrix.diagonal())
    offsets = np.zeros((count, 3), np.float32)
    for channel in range(3):
        step = np.where(seen, colours[:, channel], 0)
        difference = step[second] - step[first]
        target = np.bincount(first, difference, count) - np.bincount(second, difference, count)
        solution, _ = cg(matrix, target, rtol=1e-3, maxiter=_ITERATIONS, M=preconditioner)
        offsets[:, channel] = np.clip(solution, -_LIMIT, _LIMIT)
    offsets[~seen] = 0
    return offsets


def _seam_pairs(charts: Charts, seen: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of corners at the same vertex, in neighbouring order of charts: a chain links any number of them."""
    order = np.lexsort((charts.corner_chart, charts.corner_vertex))
    order = order[seen[order]]
    same = charts.corner_vertex[order][1:] == charts.corner_vertex[order][:-1]
    return order[:-1][same], order[1:][same]


def _laplacian(first: NDArray[np.integer], second: NDArray[np.integer], count: int) -> csr_array:
    ones = np.ones(len(first))
    links = coo_array((ones, (first, second)), shape=(count, count))
    links = (links + links.T).tocsr()
    return diags_array(np.asarray(links.sum(axis=1)).ravel()) - links


def fill_unseen(mesh: Mesh, charts: Charts, colours: Float32) -> Float32:
    """(C, 3) `colours` with those of unseen corners spread from what lies around them."""
    known = np.isfinite(colours[:, 0])
    if known.all():
        return colours
    count = len(mesh.vertices)
    everywhere = colours[known].mean(axis=0) if known.any() else np.full(3, 127.0)
    total = np.stack(
        [np.bincount(charts.corner_vertex[known], colours[known, channel], count) for channel in range(3)],
        axis=1,
    )
    weight = np.bincount(charts.corner_vertex[known], minlength=count)
    vertex = total / np.maximum(weight, 1)[:, None]
    free = np.nonzero(weight == 0)[0]
    lines, _ = edges(mesh.faces)
    laplacian = _laplacian(lines[:, 0], lines[:, 1], count)[free]
    # The colour of each free vertex is the mean of its neighbours'. The ridge is for parts that touch nothing seen.
    inner = (laplacian[:, free] + _RIDGE * diags_array(np.ones(len(free)))).tocsr()
    preconditioner = diags_array(1.0 / inner.diagonal())
    for channel in range(3):
        target = _RIDGE * everywhere[channel] - laplacian @ vertex[:, channel]
        start = np.full(len(free), everywhere[channel])
        vertex[free, channel], _ = cg(
            inner, target, x0=start, rtol=1e-4, maxiter=_SPREADING_ITERATIONS, M=preconditioner
        )
    filled = colours.copy()
    filled[~known] = np.clip(vertex, 0, 255)[charts.corner_vertex[~known]]
    return filled


def is_unseen(charts: Charts) -> NDArray[np.bool_]:
    """(C,) whether each corner lies in a chart that has no view."""
    result: NDArray[np.bool_] = charts.view[charts.corner_chart] == UNSEEN
    return result
