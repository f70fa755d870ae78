"""Finishing the walls and the floor where hardly anything of them was seen, but nothing speaks against them.

A wall behind a table's legs, the floor under a sofa, the bare corner that no two pictures matched in: a person who
looks at a room takes them for granted, and a model with holes there looks broken. Completed is only what lies on a
large plane that was measured around it, and where nobody saw through that plane: an open door stays open.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from garaza.reconstruction.prediction import Bool, Float64
from garaza.reconstruction.surface.mesh import Mesh
from garaza.reconstruction.surface.normals import face_normals_and_areas, vertex_normals
from garaza.reconstruction.surface.planes import Plane
from garaza.reconstruction.surface.volume import Volume

_BRIDGED = 0.30
"""Metres: a wall's ragged border is evened out over gaps up to twice as wide."""
_LARGEST_ON_THINGS = 0.6
"""Square metres of a hole in a cupboard's door or a dark screen that are still completed."""
_OUTSIDE = 0.2
_OUTSIDE_SHARE = 0.06
"""A plane encloses the room when no more than this share of the surface lies further than that (metres) behind it."""
_SMALLEST_WALL = 1.0
"""Square metres that were measured of a wall."""
_SAME_SIDE, _SAME_SIDE_COSINE = 0.4, 0.95
"""Metres between planes, and cosine of the angle between them, within which they close the room on the same side."""
_BAND = 1.8
"""Voxels beside the plane that are written: all corners of the cells that it crosses, whichever way it runs."""
_OVERLAP = 2
"""Voxels by which a wall goes on behind the next one: the cells along their edge have corners behind both."""
_BEHIND = 0.12
"""Metres behind the plane where it is asked whether somebody saw through: more than depth of a bare wall errs by."""
_MIN_COSINE = 0.90
_MIN_GRANTED_COSINE = 0.5


@dataclass(frozen=True, slots=True)
class _Sheet:
    """A plane with square cells on it. Cell (i, j) has its middle at ``corner + (i * right + j * down) * cell``."""

    plane: Plane
    corner: Float64
    right: Float64
    down: Float64
    cell: float
    surface: Bool
    """(I, J) where the mesh lies on the plane."""

    def middles(self, cells: NDArray[np.int64]) -> Float64:
        """(M, 3) world points of (M, 2) cells, on the plane."""
        points: Float64 = self.corner + self.cell * (cells[:, :1] * self.right + cells[:, 1:] * self.down)
        return points


def complete_planes(volume: Volume, mesh: Mesh, planes: list[Plane], min_weight: float) -> NDArray[np.int8]:
    """Write what is missing of `planes` into `volume`, in place.

    Args:
        mesh: the surface of `volume`, metres.
        planes: found in `mesh`.
        min_weight: below it a voxel counts as not seen; what is written here gets at least as much.

    Returns:
        (X, Y, Z) which plane each voxel was written for: its position in `planes` plus one; 0: none.
    """
    written = np.zeros(volume.weight.shape, np.int8)
    normals, areas = face_normals_and_areas(mesh)
    centres = mesh.vertices[mesh.faces].mean(axis=1).astype(np.float64)
    walls = _walls(planes, centres, areas)
    for number, plane in enumerate(planes, 1):
        is_wall = any(plane is wall for wall in walls)
        sheet = _sheet(plane, centres, normals, volume.voxel_size)
        if sheet is None:
            continue
        missing = _missing(sheet, volume, min_weight, walls, is_wall=is_wall)
        # What was measured there is no surface: noise before the wall or behind it. On things it may be their shape.
        bounds = walls if is_wall else [plane]
        _write(sheet, missing, volume, min_weight, bounds, written, number, over_measured=is_wall)
        # One cell more all around, so that the new surface joins the old one.
        rim = ndimage.binary_dilation(missing, np.ones((3, 3), np.bool_)) & ~missing
        _write(sheet, rim, volume, min_weight, bounds, written, number, over_measured=False)
    return written


def _walls(planes: list[Plane], centres: Float64, areas: NDArray[np.float32]) -> list[Plane]:
    """Those of `planes`, the largest first, that enclose the room; of several on the same side only the largest."""
    walls: list[Plane] = []
    for plane in planes:
        behind = areas[centres @ plane.normal - plane.offset < -_OUTSIDE].sum() / max(areas.sum(), 1e-9)
        # A wall and the curtains before it: if both counted, each would begin where the other ends.
        doubled = any(
            plane.normal @ wall.normal > _SAME_SIDE_COSINE and abs(plane.offset - wall.offset) < _SAME_SIDE
            for wall in walls
        )
        if behind <= _OUTSIDE_SHARE and plane.area >= _SMALLEST_WALL and not doubled:
            walls.append(plane)
    return walls


def _sheet(plane: Plane, centres: Float64, normals: NDArray[np.float32], cell: float) -> _Sheet | None:
    """None: nothing that was measured lies on the plane itself."""
    helper = np.eye(3)[np.argmin(np.abs(plane.normal))]
    right = np.cross(helper, plane.normal)
    right /= np.linalg.norm(right)
    down = np.cross(plane.normal, right)
    near = np.abs(centres @ plane.normal - plane.offset) < 2 * cell
    on_it = centres[near & (normals @ plane.normal > _MIN_COSINE)]
    if len(on_it) == 0:
        return None
    flat = np.stack([on_it @ right, on_it @ down], axis=1)
    # Room around it, so that closing gaps doesn't stop at the border of the grid.
    margin = int(np.ceil(_BRIDGED / cell)) + 2
    low = np.floor(flat.min(axis=0) / cell) - margin
    shape = (np.ceil(flat.max(axis=0) / cell) - low).astype(int) + margin + 1
    surface = np.zeros(shape, np.bool_)
    cells = np.rint(flat / cell - low).astype(int)
    surface[cells[:, 0], cells[:, 1]] = True
    # Faces are as large as cells: their middles leave some cells out.
    surface = ndimage.binary_closing(surface, iterations=1)
    corner = plane.normal * plane.offset + cell * (low[0] * right + low[1] * down)
    return _Sheet(plane, corner, right, down, cell, surface)


def _missing(sheet: _Sheet, volume: Volume, min_weight: float, walls: list[Plane], *, is_wall: bool) -> Bool:
    """(I, J) cells to complete."""
    shape = sheet.surface.shape
    middles = sheet.middles(np.indices(shape).reshape(2, -1).T)
    outside = np.zeros(len(middles), np.bool_)
    for wall in walls:
        if wall is not sheet.plane:
            outside |= middles @ wall.normal - wall.offset < -sheet.cell
    beyond = outside.reshape(shape)
    if is_wall:
        # Where the next wall begins this one ends, so that a corner nobody saw is a hole like any other.
        whole = ndimage.binary_fill_holes(_closed(sheet.surface, int(_BRIDGED / sheet.cell)) | beyond)
    else:
        whole = ndimage.binary_fill_holes(sheet.surface)
    whole &= ~(sheet.surface | beyond)
    if not is_wall:
        labels, _ = ndimage.label(whole)
        whole &= (np.bincount(labels.ravel()) * sheet.cell**2 <= _LARGEST_ON_THINGS)[labels]
    else:
        whole |= ndimage.binary_dilation(whole, iterations=_OVERLAP) & beyond
    free = _seen_through(middles - _BEHIND * sheet.plane.normal, volume, min_weight).reshape(shape)
    missing: Bool = whole & ~free
    return missing


def _closed(surface: Bool, radius: int) -> Bool:
    """Morphological closing with a disc, by distances: as quick for a wide one as for a narrow one."""
    grown = ndimage.distance_transform_edt(~surface) <= radius
    inner: Float64 = ndimage.distance_transform_edt(grown)
    return inner > radius


def _seen_through(points: Float64, volume: Volume, min_weight: float) -> Bool:
    """(M,) whether space at these points was seen to be free."""
    index = np.rint((points - volume.origin) / volume.voxel_size).astype(int)
    inside = ((index >= 0) & (index < volume.weight.shape)).all(axis=1)
    free = np.zeros(len(points), np.bool_)
    at = tuple(index[inside].T)
    free[inside] = (volume.weight[at] >= min_weight) & (volume.distance[at] > 0)
    return free


def _write(
    sheet: _Sheet,
    cells: Bool,
    volume: Volume,
    min_weight: float,
    bounds: list[Plane],
    written: NDArray[np.int8],
    number: int,
    *,
    over_measured: bool,
) -> None:
    """Write signed distances beside `cells`: to the nearest of `bounds`, so that walls meet in an edge."""
    middles = sheet.middles(np.argwhere(cells))
    for step in np.arange(-_BAND, _BAND + 0.01, 0.4):
        index = np.rint((middles + step * volume.voxel_size * sheet.plane.normal - volume.origin) / volume.voxel_size)
        index = np.unique(index.astype(int), axis=0)
        index = index[((index >= 0) & (index < volume.weight.shape)).all(axis=1)]
        places = volume.origin + index * volume.voxel_size
        height = places @ sheet.plane.normal - sheet.plane.offset
        chosen = np.abs(height) <= _BAND * volume.voxel_size
        if not over_measured:
            chosen &= volume.weight[tuple(index.T)] < min_weight
        at = tuple(index[chosen].T)
        nearest = np.min([places[chosen] @ bound.normal - bound.offset for bound in bounds], axis=0)
        volume.distance[at] = np.clip(nearest, -volume.truncation, volume.truncation)
        volume.weight[at] = np.maximum(volume.weight[at], min_weight)
        written[at] = number


def taken_for_granted(mesh: Mesh, volume: Volume, planes: list[Plane], written: NDArray[np.int8]) -> Bool:
    """(V,) vertices of `mesh`, extracted from `volume`, that are there because `complete_planes` wrote voxels.

    Only those that face as their plane does: written voxels end somewhere behind it too, which makes a surface there.
    """
    cell = np.floor((mesh.vertices - volume.origin) / volume.voxel_size).astype(int)
    number = np.zeros(len(cell), np.int8)
    for corner in np.ndindex(2, 2, 2):
        index = np.clip(cell + corner, 0, np.array(written.shape) - 1)
        number = np.maximum(number, written[tuple(index.T)])
    towards = np.array([[0.0, 0.0, 0.0], *[plane.normal for plane in planes]])[number]
    granted: Bool = np.einsum("ij,ij->i", vertex_normals(mesh), towards) > _MIN_GRANTED_COSINE
    return granted
