"""From a raw surface to one that is worth keeping."""

from __future__ import annotations

import numpy as np

from garaza.reconstruction.failures import TooLittleSurface
from garaza.reconstruction.progress import Monitor
from garaza.reconstruction.surface.holes import fill_holes
from garaza.reconstruction.surface.mesh import Mesh
from garaza.reconstruction.surface.normals import face_normals_and_areas
from garaza.reconstruction.surface.planes import find_planes, snap
from garaza.reconstruction.surface.smooth import smooth
from garaza.reconstruction.surface.topology import face_components, keep_faces

MIN_AREA = 0.25
"""Square metres in all, below which there is no model."""
_MIN_PART_SHARE = 0.004
"""Of the largest part's area: smaller parts are floaters, larger ones a lamp or a table top on its own."""
_SMOOTHING_ROUNDS = 6
_HOLE_EDGES = 120
_HOLE_PERIMETER = 1.2


def clean(mesh: Mesh, voxel_size: float, monitor: Monitor) -> Mesh:
    """Drop floaters, close small holes, take the noise out, and make the large planes flat.

    Args:
        mesh: metres.
        voxel_size: of the volume it came from, metres: the size of its noise.

    Raises:
        TooLittleSurface: hardly anything is left.
    """
    mesh = drop_small_parts(mesh)
    monitor.report(0.1, "Closing holes")
    mesh = fill_holes(mesh, _HOLE_EDGES, _HOLE_PERIMETER)
    monitor.report(0.3, "Smoothing the surface")
    mesh = smooth(mesh, _SMOOTHING_ROUNDS)
    monitor.report(0.6, "Finding walls")
    planes = find_planes(mesh, tolerance=1.5 * voxel_size, min_area=0.4)
    mesh = snap(mesh, planes, reach=2.5 * voxel_size)
    return drop_degenerate(mesh)


def drop_small_parts(mesh: Mesh) -> Mesh:
    """Keep what is connected and large enough to be something.

    Raises:
        TooLittleSurface: see `clean`.
    """
    _, areas = face_normals_and_areas(mesh)
    total = float(areas.sum())
    if total < MIN_AREA:
        raise TooLittleSurface(square_metres=round(total, 3))
    component = face_components(mesh.faces, len(mesh.vertices))
    part_areas = np.bincount(component, areas)
    mesh = keep_faces(mesh, part_areas[component] >= _MIN_PART_SHARE * part_areas.max())
    _, areas = face_normals_and_areas(mesh)
    if float(areas.sum()) < MIN_AREA:
        raise TooLittleSurface(square_metres=round(float(areas.sum()), 3))
    return mesh


def drop_degenerate(mesh: Mesh) -> Mesh:
    """Without faces that have no area: they have no normal and no place in a texture."""
    _, areas = face_normals_and_areas(mesh)
    distinct = (
        (mesh.faces[:, 0] != mesh.faces[:, 1])
        & (mesh.faces[:, 1] != mesh.faces[:, 2])
        & (mesh.faces[:, 2] != mesh.faces[:, 0])
    )
    return keep_faces(mesh, distinct & (areas > 1e-10))
