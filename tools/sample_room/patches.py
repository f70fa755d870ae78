"""The only kind of geometry here: a patch, a grid of points with normals and texture coordinates.

Everything in the room is made of patches because a grid carries its own lightmap for nothing: its two parameters are
the lightmap's axes. All lengths are metres, y is up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Material:
    """What a surface looks like. Colours are linear light, 0..1."""

    texture: str
    tint: Colour = (1.0, 1.0, 1.0)
    tile: float = 1.0
    """Metres that one repeat of the texture covers."""
    gloss: float = 0.0
    """0: matt. 1: reflects the windows as varnish does."""
    roughness: float = 0.1
    """Spread of that reflection, as a tangent."""
    emission: float = 0.0
    """Above 0 the surface shines with texture × tint × emission, and light goes through it."""
    two_sided: bool = False


@dataclass(frozen=True, slots=True)
class Patch:
    """A grid of M×N points."""

    points: Array
    """(M, N, 3) metres."""
    normals: Array
    """(M, N, 3) unit, towards the side that is seen."""
    uv: Array
    """(M, N, 2) texture coordinates; 1 is one repeat."""
    material: Material
    detail: float = 1.0
    """Lightmap resolution, relative to the room's."""
    holes: NDArray[np.bool_] | None = None
    """(M-1, N-1), True where a cell is cut out."""


def rotation_y(degrees: float) -> Array:
    """(3, 3) turn about the vertical; 90 turns +z into +x."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


def rotation_x(degrees: float) -> Array:
    """(3, 3) turn about x; positive leans +y towards +z."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])


def rotation_z(degrees: float) -> Array:
    """(3, 3) turn about z; positive leans +x towards +y."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def place(
    patches: Iterable[Patch], at: ArrayLike = (0.0, 0.0, 0.0), turn: float = 0.0, rotation: Array | None = None
) -> list[Patch]:
    """Patches rotated (by `rotation`, then by `turn` degrees about the vertical) and moved."""
    matrix = rotation_y(turn) @ (np.eye(3) if rotation is None else rotation)
    offset = np.asarray(at, dtype=np.float64)
    return [replace(p, points=p.points @ matrix.T + offset, normals=p.normals @ matrix.T) for p in patches]


def mirror(patches: Iterable[Patch]) -> list[Patch]:
    """The same room seen in a mirror at x = 0; winding follows the normals, so nothing turns inside out."""
    flip = np.array([-1.0, 1.0, 1.0])
    return [replace(p, points=p.points * flip, normals=p.normals * flip) for p in patches]


def _shift(seed: Array) -> Array:
    """A texture offset from a position, so that two boards of one wood never show the same grain."""
    return np.modf(np.abs(np.sin(seed @ np.array([[12.9, 78.2], [39.3, 11.1], [73.1, 52.2]])) * 4375.85))[0]


def quad(
    corner: ArrayLike, along: ArrayLike, down: ArrayLike, material: Material, *, fit: bool = False, detail: float = 1.0,
    cuts_s: Sequence[float] = (), cuts_t: Sequence[float] = (), hole: tuple[float, float, float, float] | None = None,
) -> Patch:  # fmt: skip
    """A flat rectangle from `corner`, seen from where `along` runs to the right and `down` runs down.

    Args:
        fit: one texture over the whole quad instead of repeats of `material.tile` metres.
        cuts_s, cuts_t: extra grid lines, as fractions of the sides.
        hole: (s0, s1, t0, t1) fractions that are cut out.
    """
    corner, along, down = (np.asarray(v, dtype=np.float64) for v in (corner, along, down))
    edges_s = hole[:2] if hole else ()
    edges_t = hole[2:] if hole else ()
    s = np.unique(np.round(np.r_[0.0, 1.0, list(cuts_s), list(edges_s)], 9))
    t = np.unique(np.round(np.r_[0.0, 1.0, list(cuts_t), list(edges_t)], 9))
    points = corner + s[None, :, None] * along + t[:, None, None] * down
    normal = np.cross(down, along)
    normals = np.broadcast_to(normal / np.linalg.norm(normal), points.shape).copy()
    size = np.array([1.0, 1.0]) if fit else np.array([np.linalg.norm(along), np.linalg.norm(down)]) / material.tile
    uv = np.stack(np.meshgrid(s * size[0], t * size[1]), axis=-1)
    if not fit:
        uv = uv + _shift(corner[None])[0]
    holes = None
    if hole:
        middle_s, middle_t = (s[1:] + s[:-1]) / 2, (t[1:] + t[:-1]) / 2
        holes = ((middle_t > hole[2]) & (middle_t < hole[3]))[:, None] & ((middle_s > hole[0]) & (middle_s < hole[1]))[
            None
        ]
    return Patch(points, normals, uv, material, detail, holes)


_FACES = {  # name: (axis of the normal, sign, axis of s, axis of t)
    "front": (2, 1, 0, 1), "back": (2, -1, 0, 1), "left": (0, -1, 2, 1), "right": (0, 1, 2, 1),
    "top": (1, 1, 0, 2), "bottom": (1, -1, 0, 2),
}  # fmt: skip


def box(
    centre: ArrayLike, size: ArrayLike, material: Material, *, radius: float = 0.0, segments: int = 1,
    puff: float = 0.0, without: Sequence[str] = (), fit: Sequence[str] = (), detail: float = 1.0, steps: int = 1,
) -> list[Patch]:  # fmt: skip
    """A box with rounded edges.

    Args:
        radius: of the edges; clipped to the box.
        segments: facets of a quarter round, on each of the two faces that share it.
        puff: how far the top bulges, for cushions.
        without: faces that nobody sees.
        fit: faces on which the texture appears once, upright.
        steps: grid cells along the flat part of a side.
    """
    centre, half = np.asarray(centre, dtype=np.float64), np.asarray(size, dtype=np.float64) / 2
    radius = min(radius, 0.98 * float(half.min()))
    patches = []
    for name, (axis, sign, axis_s, axis_t) in _FACES.items():
        if name in without:
            continue
        knots = []
        for tangent in (axis_s, axis_t):
            flat = half[tangent] - radius
            bevel = radius * np.tan(np.linspace(0, np.pi / 4, segments + 1))[1:] if radius else np.zeros(0)
            knots.append(np.r_[-flat - bevel[::-1], np.linspace(-flat, flat, steps + 1), flat + bevel])
        grid_s, grid_t = np.meshgrid(*knots)
        cube = np.empty((*grid_s.shape, 3))
        cube[..., axis], cube[..., axis_s], cube[..., axis_t] = sign * half[axis], grid_s, grid_t
        inner = np.clip(cube, -(half - radius), half - radius)
        if radius:
            normals = cube - inner
            normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
            points = inner + radius * normals
        else:
            normals = np.zeros_like(cube)
            normals[..., axis] = sign
            points = cube
        uv = _box_uv(points, name, half, material.tile, centre, once=name in fit)
        if puff:
            bulge = (1 - (points[..., 0] / half[0]) ** 2) * (1 - (points[..., 2] / half[2]) ** 2)
            points = (
                points
                + np.where(points[..., 1:2] > 0, [0.0, puff, 0.0], 0.0) * np.sqrt(np.maximum(bulge, 0))[..., None]
            )
        patches.append(Patch(points + centre, normals, uv, material, detail))
    if puff:
        patches = [replace(p, normals=_smooth_normals(p)) if p.points.shape[0] > 2 else p for p in patches]
    return patches


def _box_uv(points: Array, name: str, half: Array, tile: float, centre: Array, *, once: bool) -> Array:
    """Texture coordinates of one face; the grain (u) follows the longer side."""
    axis_s, axis_t = _FACES[name][2:]
    a, b = points[..., axis_s], points[..., axis_t]
    if once:
        flip = -1.0 if name in {"back", "right"} else 1.0
        return np.stack([flip * a / (2 * half[axis_s]) + 0.5, 0.5 - b / (2 * half[axis_t])], axis=-1)
    if half[axis_t] > half[axis_s]:
        a, b = b, a
    return np.stack([a, -b], axis=-1) / tile + _shift(centre[None] + half)[0]


def _smooth_normals(patch: Patch) -> Array:
    """(M, N, 3) normals from the grid itself, on the side of the patch's present normals."""
    normals = np.cross(np.gradient(patch.points, axis=1), np.gradient(patch.points, axis=0))
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    normals = np.where(length > 1e-12, normals / np.maximum(length, 1e-12), patch.normals)
    return normals * np.where(np.sum(normals * patch.normals, axis=-1, keepdims=True) < 0, -1.0, 1.0)


def surface(points: Array, uv: Array, material: Material, *, outward: ArrayLike, detail: float = 1.0) -> Patch:
    """A patch through any grid of points.

    Args:
        outward: a direction, or (M, N, 3) directions, that the normals agree with.
    """
    rough = np.broadcast_to(np.asarray(outward, dtype=np.float64), points.shape)
    patch = Patch(points, rough / np.linalg.norm(rough, axis=-1, keepdims=True), uv, material, detail)
    return replace(patch, normals=_smooth_normals(patch))


def lathe(
    profile: ArrayLike, material: Material, *, at: ArrayLike = (0.0, 0.0, 0.0), segments: int = 20,
    detail: float = 1.0, once: bool = False, inside: bool = False,
) -> list[Patch]:  # fmt: skip
    """A turned shape: `profile` lists (radius, height) from below to above; sharp corners need a doubled point."""
    profile = np.asarray(profile, dtype=np.float64)
    angle = np.linspace(0, 2 * np.pi, segments + 1)
    ring = np.stack([np.sin(angle), np.zeros_like(angle), np.cos(angle)], axis=-1)
    points = profile[:, None, :1] * ring + profile[:, None, 1:] * np.array([0.0, 1.0, 0.0])
    step = np.gradient(profile, axis=0)
    slope = np.stack([step[:, 1], -step[:, 0]], axis=-1)
    # A doubled point has no direction of its own on each side: take that of the segment it ends.
    for i in range(1, len(profile)):
        if np.allclose(profile[i], profile[i - 1]):
            for j, other in ((i - 1, i - 2), (i, i + 1)):
                if 0 <= other < len(profile):
                    d = (profile[j] - profile[other]) * (1 if other < j else -1)
                    slope[j] = d[1], -d[0]
    slope /= np.maximum(np.linalg.norm(slope, axis=-1, keepdims=True), 1e-12)
    normals = slope[:, None, :1] * ring + slope[:, None, 1:] * np.array([0.0, 1.0, 0.0])
    length = np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(profile, axis=0), axis=1))]
    radius = float(profile[:, 0].max())
    u = angle / (2 * np.pi) if once else angle * radius / material.tile
    v = 1 - length / length[-1] if once else length / material.tile
    uv = np.stack(np.meshgrid(u, v), axis=-1)
    sign = -1.0 if inside else 1.0
    return [Patch(points + np.asarray(at, dtype=np.float64), sign * normals, uv, material, detail)]


def rod(
    start: ArrayLike,
    end: ArrayLike,
    radius: float,
    material: Material,
    *,
    end_radius: float | None = None,
    segments: int = 10,
) -> list[Patch]:
    """A round bar between two points, with a flat cap at its end; it may taper."""
    start, end = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    axis = end - start
    length = float(np.linalg.norm(axis))
    axis = axis / length
    side = np.cross(axis, [0.0, 0.0, 1.0] if abs(axis[2]) < 0.9 else [1.0, 0.0, 0.0])
    side /= np.linalg.norm(side)
    frame = np.stack([side, axis, np.cross(side, axis)], axis=-1)
    last = radius if end_radius is None else end_radius
    turned = lathe([(radius, 0), (last, length), (last, length), (0, length)], material, segments=segments, detail=0.7)
    return place(turned, at=start, rotation=frame)
