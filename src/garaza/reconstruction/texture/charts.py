"""Charts: connected faces with the same view. Their picture is cut out of that view, so they need no unfolding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from garaza.reconstruction.prediction import Float32, Float64, Prediction
from garaza.reconstruction.surface.mesh import Mesh
from garaza.reconstruction.surface.normals import face_normals_and_areas
from garaza.reconstruction.surface.topology import face_neighbours
from garaza.reconstruction.texture.labelling import UNSEEN
from garaza.reconstruction.texture.visibility import project


@dataclass(frozen=True, slots=True)
class Charts:
    """The mesh cut into charts. A vertex appears once in each chart that touches it: a corner."""

    face_corners: NDArray[np.int32]
    """(F, 3) corners of each face."""
    corner_vertex: NDArray[np.int32]
    """(C,) vertex of each corner."""
    corner_chart: NDArray[np.int32]
    """(C,) chart of each corner; corners are sorted by it."""
    position: Float32
    """(C, 2) in pixels of the chart's view; of unseen charts, in pixels made up at the views' usual resolution."""
    view: NDArray[np.int32]
    """(K,) of each chart; UNSEEN: no view."""
    low: Float32
    """(K, 2) lowest position in each chart."""
    size: Float32
    """(K, 2) extent of the positions in each chart."""


def cut(mesh: Mesh, prediction: Prediction, labels: NDArray[np.int32]) -> Charts:
    """Cut `mesh` where the views of `labels` (F,) change."""
    chart_of_face = _connected(mesh, labels)
    count = int(chart_of_face.max()) + 1
    keys = chart_of_face[:, None].astype(np.int64) * len(mesh.vertices) + mesh.faces
    unique, inverse = np.unique(keys, return_inverse=True)
    corner_vertex = (unique % len(mesh.vertices)).astype(np.int32)
    corner_chart = (unique // len(mesh.vertices)).astype(np.int32)
    view = np.full(count, UNSEEN, np.int32)
    view[chart_of_face] = labels
    position = _positions(mesh, prediction, chart_of_face, corner_vertex, corner_chart, view)
    starts = np.searchsorted(corner_chart, np.arange(count))
    low = np.minimum.reduceat(position, starts, axis=0)
    high = np.maximum.reduceat(position, starts, axis=0)
    face_corners = inverse.reshape(mesh.faces.shape).astype(np.int32)
    return Charts(face_corners, corner_vertex, corner_chart, position, view, low, high - low)


def _connected(mesh: Mesh, labels: NDArray[np.int32]) -> NDArray[np.int32]:
    neighbours = face_neighbours(mesh.faces)
    face, side = np.nonzero(neighbours >= 0)
    other = neighbours[face, side]
    same = labels[face] == labels[other]
    if labels.min() == UNSEEN:
        # What no view sees has no plane to lie in: one chart for a bent patch would fold over itself.
        normals, _ = face_normals_and_areas(mesh)
        bent = np.einsum("ij,ij->i", normals[face], normals[other]) < 0.7
        same &= ~(bent & (labels[face] == UNSEEN))
    graph = coo_array((np.ones(int(same.sum()), np.int8), (face[same], other[same])), shape=(len(labels),) * 2)
    component: NDArray[np.int32] = connected_components(graph, directed=False)[1].astype(np.int32)
    return component


def _positions(
    mesh: Mesh,
    prediction: Prediction,
    chart_of_face: NDArray[np.int32],
    corner_vertex: NDArray[np.int32],
    corner_chart: NDArray[np.int32],
    view: NDArray[np.int32],
) -> Float32:
    position = np.zeros((len(corner_vertex), 2), np.float32)
    corner_view = view[corner_chart]
    for number in range(len(prediction.images)):
        corners = np.nonzero(corner_view == number)[0]
        if len(corners):
            points = mesh.vertices[corner_vertex[corners]]
            position[corners], _ = project(points, prediction.intrinsics[number], prediction.extrinsics[number])
    unseen = np.nonzero(corner_view == UNSEEN)[0]
    if len(unseen):
        position[unseen] = _flattened(mesh, prediction, chart_of_face, corner_vertex[unseen], corner_chart[unseen])
    return position


def _flattened(
    mesh: Mesh,
    prediction: Prediction,
    chart_of_face: NDArray[np.int32],
    vertices: NDArray[np.int32],
    charts: NDArray[np.int32],
) -> Float32:
    """Corners of unseen charts along two directions square to the chart's mean normal; coarse, there is no detail."""
    normals, areas = face_normals_and_areas(mesh)
    count = int(chart_of_face.max()) + 1
    weighted = [np.bincount(chart_of_face, normals[:, axis] * areas, count) for axis in range(3)]
    mean: Float64 = np.stack(weighted, axis=1).astype(np.float64)
    mean /= np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12)
    helper = np.where(np.abs(mean[:, 1:2]) < 0.9, [[0.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]])
    right = np.cross(helper, mean)
    right /= np.maximum(np.linalg.norm(right, axis=1, keepdims=True), 1e-12)
    down = np.cross(mean, right)
    points = mesh.vertices[vertices].astype(np.float64)
    known = prediction.depth[prediction.depth > 0]
    typical = float(np.median(known)) if len(known) else 1.0
    pixels_per_unit = 0.25 * float(prediction.intrinsics[:, 0, 0].mean()) / typical
    flat = np.stack(
        [np.einsum("ij,ij->i", points, right[charts]), np.einsum("ij,ij->i", points, down[charts])],
        axis=1,
    )
    result: Float32 = (flat * pixels_per_unit).astype(np.float32)
    return result
