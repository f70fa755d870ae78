"""The large planes of a room: found in its surface, and made flat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from garaza.reconstruction.prediction import Float32, Float64
from garaza.reconstruction.surface.mesh import Mesh
from garaza.reconstruction.surface.normals import face_normals_and_areas, vertex_normals

_SEED = 7
_SAMPLES = 6000
_TRIES = 300
_MAX_PLANES = 16
_MIN_COSINE = 0.90
_MERGED_COSINE = 0.985
"""Of 10 degrees between two planes that may be one."""


@dataclass(frozen=True, slots=True)
class Plane:
    """Points x with ``normal @ x == offset``; the normal points to the side that was filmed."""

    normal: Float64
    """(3,) unit length."""
    offset: float
    area: float
    """Of the surface on it, square metres."""


def find_planes(mesh: Mesh, tolerance: float, min_area: float) -> list[Plane]:
    """The largest planes first: RANSAC over faces, refined by least squares, one after the other.

    Args:
        tolerance: how far a face may lie from its plane, metres.
        min_area: of the faces on a plane, square metres.
    """
    normals, areas = face_normals_and_areas(mesh)
    centres = mesh.vertices[mesh.faces].mean(axis=1)
    members = np.full(len(centres), -1)
    random = np.random.default_rng(_SEED)
    left = areas > 0
    planes: list[Plane] = []
    while len(planes) < _MAX_PLANES and areas[left].sum() > min_area:
        candidates = np.nonzero(left)[0]
        chance = areas[candidates] / areas[candidates].sum()
        sample = random.choice(candidates, size=min(_SAMPLES, len(candidates)), p=chance)
        plane = _best(centres[sample], normals[sample], tolerance, random)
        if plane is None:
            break
        normal, offset = _refine(centres[candidates], normals[candidates], areas[candidates], *plane, tolerance)
        on_it = left & (np.abs(centres @ normal - offset) < tolerance) & (normals @ normal > _MIN_COSINE)
        area = float(areas[on_it].sum())
        if area < min_area:
            break
        members[on_it] = len(planes)
        planes.append(Plane(normal, offset, area))
        left &= ~on_it
    return _merged(planes, members, centres, areas, tolerance)


def _merged(
    planes: list[Plane], members: NDArray[np.int64], centres: Float32, areas: Float32, tolerance: float
) -> list[Plane]:
    """Planes that are one wall, bent by the noise of its depth, made one: where one fits them all to `tolerance`."""
    parts = [(plane, members == number) for number, plane in enumerate(planes)]
    whole: list[Plane] = []
    while parts:
        plane, faces = parts.pop(0)
        for number, (other, other_faces) in enumerate(parts):
            if plane.normal @ other.normal < _MERGED_COSINE:
                continue
            both = faces | other_faces
            normal, offset = _fitted(centres[both], areas[both], plane.normal)
            off = centres @ normal - offset
            # The mean of the signed heights: two parallel walls are not one wall between them.
            if all(abs(np.average(off[part], weights=areas[part])) < tolerance for part in (faces, other_faces)):
                parts[number] = Plane(normal, offset, plane.area + other.area), both
                break
        else:
            whole.append(plane)
    return sorted(whole, key=lambda plane: -plane.area)


def _best(
    centres: Float32,
    normals: Float32,
    tolerance: float,
    random: np.random.Generator,
) -> tuple[Float64, float] | None:
    """Of the planes through sampled faces, the one with most of the sample on it. Samples are drawn by area."""
    best, most = None, 0
    for index in random.integers(0, len(centres), _TRIES):
        normal = normals[index]
        offset = float(centres[index] @ normal)
        on_it = (np.abs(centres @ normal - offset) < tolerance) & (normals @ normal > _MIN_COSINE)
        count = int(on_it.sum())
        if count > most:
            best, most = (normal.astype(np.float64), offset), count
    return best


def _refine(
    centres: Float32,
    normals: Float32,
    areas: Float32,
    normal: Float64,
    offset: float,
    tolerance: float,
) -> tuple[Float64, float]:
    for _ in range(4):
        on_it = (np.abs(centres @ normal - offset) < tolerance) & (normals @ normal > _MIN_COSINE)
        if on_it.sum() < 10:
            break
        normal, offset = _fitted(centres[on_it], areas[on_it], normal)
    return normal, offset


def _fitted(points: Float32, areas: Float32, towards: Float64) -> tuple[Float64, float]:
    """Least squares, weighted by area; the normal on the side of `towards`."""
    weights, where = areas.astype(np.float64), points.astype(np.float64)
    mean = np.average(where, axis=0, weights=weights)
    _, axes = np.linalg.eigh(np.cov(where.T, aweights=weights))
    normal: Float64 = axes[:, 0] if axes[:, 0] @ towards > 0 else -axes[:, 0]
    return normal, float(mean @ normal)


def snap(mesh: Mesh, planes: list[Plane], reach: float) -> Mesh:
    """Draw vertices near a plane, and facing as it does, onto it: wholly within half of `reach`, less and less beyond.

    A wall measured by stereo is bumpy; that it is a wall is known better than where each point of it is. What stands
    out by less than `reach` (a light switch, a picture's frame) is flattened too and lives on in the texture.
    """
    normals = vertex_normals(mesh)
    vertices = mesh.vertices.astype(np.float64)
    nearest = np.full(len(vertices), np.inf)
    moved = vertices.copy()
    for plane in planes:
        height = vertices @ plane.normal - plane.offset
        share = np.clip(2 - 2 * np.abs(height) / reach, 0, 1) * np.clip((normals @ plane.normal - 0.7) / 0.2, 0, 1)
        chosen: NDArray[np.bool_] = (share > 0) & (np.abs(height) < nearest)
        moved[chosen] = vertices[chosen] - (share * height)[chosen, None] * plane.normal
        nearest[chosen] = np.abs(height[chosen])
    return Mesh(moved.astype(np.float32), mesh.faces)
