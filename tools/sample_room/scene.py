"""Patches turned into the flat arrays that the kernels read: triangles, texture pyramid, lightmap layout."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.sample_room.patches import Array, Material, Patch

Float32 = NDArray[np.float32]

LEVELS = 9
ATLAS_WIDTH = 2048


@dataclass(frozen=True, slots=True)
class Window:
    """An opening through which the sky shines."""

    centre: tuple[float, float, float]
    half_width: float
    half_height: float
    inward: tuple[float, float]
    """x and z of the normal that points into the room."""


@dataclass(frozen=True, slots=True)
class Lamp:
    """A lampshade: an upright cylinder that shines all around."""

    centre: tuple[float, float, float]
    radius: float
    height: float
    power: float


@dataclass(frozen=True, slots=True)
class Room:
    """All that there is to film."""

    size: tuple[float, float, float]
    """Width (x), depth (z), height (y) in metres; the origin is the middle of the floor."""
    patches: list[Patch]
    windows: list[Window]
    lamps: list[Lamp]
    sun: tuple[float, float, float]
    """Unit, from the room to the sun."""
    textures: dict[str, NDArray[np.uint8]]
    """(H, W, 3) sRGB, sides powers of two, repeating."""


@dataclass(frozen=True, slots=True)
class Scene:
    """T triangles, M materials, and where the light of each patch is kept in the lightmap."""

    triangles: Float32
    """(T, 3, 3) world, metres, counter-clockwise from the side that is seen."""
    two_sided: NDArray[np.bool_]
    attributes: Float32
    """(T, 3, 4) texture u, v and lightmap x, y."""
    normals: Float32
    """(T, 3, 3)"""
    surface: NDArray[np.int32]
    """(T,) material."""
    patch: NDArray[np.int32]
    """(T,) patch."""
    materials: Float32
    levels: NDArray[np.int64]
    texels: NDArray[np.uint8]
    rectangles: NDArray[np.int32]
    """(patches, 4) x, y, width, height of each patch's texels in the lightmap."""
    lightmap_size: tuple[int, int]
    """Width, height."""
    albedo: Float32
    """(patches, 3) mean colour, for the light that bounces."""
    windows: Float32


def arc(points: Array, axis: int) -> Array:
    """Where the grid lines lie, 0..1, by mean length along `axis`."""
    steps = np.linalg.norm(np.diff(points, axis=axis), axis=-1).mean(axis=1 - axis)
    position = np.r_[0.0, np.cumsum(steps)]
    return position / max(position[-1], 1e-9)


def _extent(points: Array, axis: int) -> float:
    return float(np.linalg.norm(np.diff(points, axis=axis), axis=-1).sum(axis=axis).max())


def _pack(sizes: NDArray[np.int32]) -> tuple[NDArray[np.int32], int]:
    """Shelves, tallest rectangles first."""
    order = np.lexsort((-sizes[:, 0], -sizes[:, 1]))
    corners = np.zeros_like(sizes)
    x = y = shelf = 0
    for i in order:
        width, height = sizes[i]
        if x + width > ATLAS_WIDTH:
            x, y, shelf = 0, y + shelf, 0
        corners[i] = x, y
        x += width
        shelf = max(shelf, height)
    return corners, y + shelf + 1


def _pyramid(texture: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Halved again and again; averaged in linear light, or fine bright patterns would darken with distance."""
    levels = [texture]
    linear = (texture.astype(np.float32) / 255) ** 2.2
    while len(levels) < LEVELS:
        if linear.shape[0] > 1:
            linear = (linear[0::2] + linear[1::2]) / 2
        if linear.shape[1] > 1:
            linear = (linear[:, 0::2] + linear[:, 1::2]) / 2
        levels.append(np.round(linear ** (1 / 2.2) * 255).astype(np.uint8))
    return levels


def compile_scene(room: Room, texels_per_metre: float) -> Scene:
    """Lay everything out.

    Args:
        texels_per_metre: lightmap resolution for a patch of detail 1.
    """
    names = sorted({p.material.texture for p in room.patches})
    levels = np.zeros((len(names), LEVELS, 3), dtype=np.int64)
    parts: list[NDArray[np.uint8]] = []
    start = 0
    mean = np.zeros((len(names), 3))
    for i, name in enumerate(names):
        for j, level in enumerate(_pyramid(room.textures[name])):
            levels[i, j] = start, level.shape[1], level.shape[0]
            parts.append(level.reshape(-1))
            start += level.size
        mean[i] = (parts[-1].reshape(-1, 3) / 255.0).mean(axis=0) ** 2.2
    materials: dict[Material, int] = {}
    rows: list[list[float]] = []
    for p in room.patches:
        m = p.material
        if m not in materials:
            materials[m] = len(rows)
            rows.append([names.index(m.texture), *m.tint, m.gloss, m.roughness, m.emission, 0.0])
    sizes = np.zeros((len(room.patches), 2), dtype=np.int32)
    for i, p in enumerate(room.patches):
        for k in range(2):
            wanted = np.ceil(_extent(p.points, 1 - k) * texels_per_metre * p.detail) + 1
            sizes[i, k] = int(np.clip(wanted, 2, 640)) if not p.material.emission else 2
    corners, height = _pack(sizes)

    pieces = [_triangles(p, sizes[i], corners[i]) for i, p in enumerate(room.patches)]
    counts = [len(piece[0]) for piece in pieces]
    albedo = np.array([mean[names.index(p.material.texture)] * p.material.tint for p in room.patches])
    windows = [[*w.centre, w.half_width, w.half_height, *w.inward] for w in room.windows]
    return Scene(
        triangles=np.concatenate([piece[0] for piece in pieces]).astype(np.float32),
        two_sided=np.repeat([p.material.two_sided for p in room.patches], counts),
        attributes=np.concatenate([piece[1] for piece in pieces]).astype(np.float32),
        normals=np.concatenate([piece[2] for piece in pieces]).astype(np.float32),
        surface=np.repeat([materials[p.material] for p in room.patches], counts).astype(np.int32),
        patch=np.repeat(np.arange(len(room.patches)), counts).astype(np.int32),
        materials=np.array(rows, dtype=np.float32),
        levels=levels,
        texels=np.concatenate(parts),
        rectangles=np.concatenate([corners, sizes], axis=1).astype(np.int32),
        lightmap_size=(ATLAS_WIDTH + 1, int(height)),
        albedo=np.clip(albedo, 0, 0.9).astype(np.float32),
        windows=np.array(windows, dtype=np.float32).reshape(-1, 7),
    )


def _triangles(patch: Patch, size: NDArray[np.int32], corner: NDArray[np.int32]) -> tuple[Float32, Float32, Float32]:
    """The two triangles of every cell, with their texture and lightmap coordinates and normals."""
    rows, columns = patch.points.shape[:2]
    x = corner[0] + arc(patch.points, 1) * (size[0] - 1)
    y = corner[1] + arc(patch.points, 0) * (size[1] - 1)
    corners = np.concatenate([patch.uv, np.stack(np.meshgrid(x, y), axis=-1)], axis=-1)
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    faces = np.stack([np.stack([a, b, c], axis=-1), np.stack([a, c, d], axis=-1)], axis=2)
    if patch.holes is not None:
        faces = faces[~patch.holes]
    faces = faces.reshape(-1, 3)
    points, normals = patch.points.reshape(-1, 3), patch.normals.reshape(-1, 3)
    cross = np.cross(points[faces[:, 1]] - points[faces[:, 0]], points[faces[:, 2]] - points[faces[:, 0]])
    area = np.linalg.norm(cross, axis=-1)
    faces, cross = faces[area > 1e-10], cross[area > 1e-10]
    wrong = np.sum(cross * normals[faces].sum(axis=1), axis=-1) < 0
    faces[wrong] = faces[wrong][:, [0, 2, 1]]
    return points[faces], corners.reshape(-1, 4)[faces], normals[faces]
