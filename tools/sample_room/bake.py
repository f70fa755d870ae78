"""Soft light, computed once: what every texel of the lightmap receives from sky, sun, lamps and from other surfaces.

Direct light is sampled on the windows (a portal each), the sun's widened disc and the lampshades. For the rest, every
texel sends cosine-weighted rays and remembers which texel each one hit; with those links kept, every further bounce is
only a sum over them (Monte Carlo radiosity, gathered). Embree traces the rays.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numba import njit
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from tools.sample_room.patches import Array, Patch
from tools.sample_room.scene import Float32, Lamp, Room, Scene, Window, arc

SKY = np.array([0.93, 0.98, 1.08])
GROUND = np.array([0.42, 0.44, 0.36])
SUN = np.array([1.0, 0.84, 0.62])
LAMP = np.array([1.0, 0.72, 0.42])
LIFT = 2e-3
"""Rays start this far above their surface: more than rounding, less than a rug is thick."""


@dataclass(frozen=True, slots=True)
class BakeQuality:
    """How fine the lightmap is and how many rays each texel sends."""

    texels_per_metre: float
    window_rays: int
    sun_rays: int
    lamp_rays: int
    gather_rays: int
    sky_power: float = 7.0
    sun_power: float = 10.0


FINE = BakeQuality(texels_per_metre=42, window_rays=36, sun_rays=16, lamp_rays=12, gather_rays=128)
TEST = BakeQuality(texels_per_metre=14, window_rays=12, sun_rays=6, lamp_rays=4, gather_rays=32)


@dataclass(frozen=True, slots=True)
class _Texels:
    points: Float32
    normals: Float32
    patch: NDArray[np.int32]
    cell: NDArray[np.int64]
    """Place in the flattened lightmap."""


def bake(room: Room, scene: Scene, quality: BakeQuality, seed: int) -> Float32:
    """(H, W, 3) the light that a white matt surface would send back, the sky's radiance being about `sky_power`."""
    rng = np.random.default_rng([seed, 77])
    texels = _texels(room.patches, scene)
    solid = scene.materials[scene.surface][:, 6] <= 0
    embree = EmbreeScene()
    TriangleMesh(embree, np.ascontiguousarray(scene.triangles[solid]))
    solid_ids = np.flatnonzero(solid).astype(np.int32)

    direct = np.zeros((len(texels.points), 3), dtype=np.float32)
    for window in room.windows:
        direct += quality.sky_power * _from_window(embree, texels, window, quality.window_rays, rng)
    if room.sun[1] > 0:
        direct += quality.sun_power * _from_sun(embree, texels, np.array(room.sun), quality.sun_rays, rng)
    for lamp in room.lamps:
        direct += lamp.power * _from_lamp(embree, texels, lamp, quality.lamp_rays, rng)

    links, hidden = _links(embree, texels, scene, solid_ids, quality.gather_rays, rng)
    # A texel that mostly sees the inside of things lies within one: it has no light of its own to tell.
    valid = hidden < 0.35
    albedo = scene.albedo[texels.patch]
    total, indirect = direct, np.zeros_like(direct)
    for _ in range(5):
        indirect = _gather(links, (albedo * total).astype(np.float32))
        total = direct + indirect
    return _assemble(scene, texels, direct, indirect, valid)


def _texels(patches: list[Patch], scene: Scene) -> _Texels:
    """Where each lightmap texel lies in the room. Texels of a patch's rim lie on its edge, a hair inside."""
    points, normals, owner, cell = [], [], [], []
    stride = scene.lightmap_size[0]
    for i, (patch, (x, y, width, height)) in enumerate(zip(patches, scene.rectangles, strict=True)):
        if patch.material.emission > 0:
            continue
        s = np.clip(np.arange(width) / (width - 1), 0.2 / width, 1 - 0.2 / width)
        t = np.clip(np.arange(height) / (height - 1), 0.2 / height, 1 - 0.2 / height)
        point, normal = _resample(patch, s, t)
        points.append(point)
        normals.append(normal / np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-9))
        owner.append(np.full(width * height, i, dtype=np.int32))
        cell.append(((y + np.arange(height))[:, None] * stride + x + np.arange(width)).reshape(-1))
    return _Texels(
        np.concatenate(points).astype(np.float32), np.concatenate(normals).astype(np.float32),
        np.concatenate(owner), np.concatenate(cell).astype(np.int64),
    )  # fmt: skip


def _resample(patch: Patch, s: Array, t: Array) -> tuple[Array, Array]:
    """(n, 3) points and normals, bilinear at the product of s and t, fractions as in `arc`."""
    grid = np.concatenate([patch.points, patch.normals], axis=-1)
    for axis, wanted in ((0, t), (1, s)):
        position = arc(patch.points, axis)
        i = np.clip(np.searchsorted(position, wanted, side="right") - 1, 0, len(position) - 2)
        f = (wanted - position[i]) / np.maximum(position[i + 1] - position[i], 1e-9)
        f = f.reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        grid = np.take(grid, i, axis=axis) * (1 - f) + np.take(grid, i + 1, axis=axis) * f
    grid = grid.reshape(-1, 6)
    return grid[:, :3], grid[:, 3:]


@njit(nogil=True, cache=True)
def _spread(k, count, offset):
    """Point k of a Hammersley set, moved around the torus by `offset` so that neighbours' errors differ."""
    inverse, base, bits = 0.0, 0.5, k
    while bits > 0:
        inverse += base * (bits & 1)
        bits >>= 1
        base *= 0.5
    a, b = (k + 0.5) / count + offset[0], inverse + offset[1]
    return a - np.floor(a), b - np.floor(b)


@njit(nogil=True, cache=True)
def _frame(n, s, t):
    """Two directions across n."""
    if abs(n[1]) < 0.9:
        s[0], s[1], s[2] = n[2], 0.0, -n[0]
    else:
        s[0], s[1], s[2] = 0.0, -n[2], n[1]
    length = np.sqrt(s[0] ** 2 + s[1] ** 2 + s[2] ** 2)
    for k in range(3):
        s[k] /= length
    t[0], t[1], t[2] = n[1] * s[2] - n[2] * s[1], n[2] * s[0] - n[0] * s[2], n[0] * s[1] - n[1] * s[0]


WINDOW_LIGHT, SUN_LIGHT, LAMP_LIGHT, ANYWHERE = 0, 1, 2, 3
_RAYS_AT_ONCE = 2_000_000


@njit(nogil=True, cache=True)
def _make_rays(kind, points, normals, offsets, count, shape, origins, directions, weights):
    """`count` rays from every point towards a light (or anywhere), each with its share of the light.

    Args:
        shape: (7,) window: centre, half width, half height, inward x, z; sun: direction, disc's tangent;
            lamp: centre, radius, height.
        weights: out (n, count); 0 where the ray needs not be traced.
    """
    s, t = np.zeros(3), np.zeros(3)
    d = np.zeros(3)
    for i in range(points.shape[0]):
        n = normals[i]
        if kind == ANYWHERE:
            _frame(n, s, t)
        elif kind == SUN_LIGHT:
            _frame(shape[:3], s, t)
        for k in range(count):
            a, b = _spread(k, count, offsets[i])
            weight = 0.0
            if kind == ANYWHERE:
                radius, angle = np.sqrt(a), 2 * np.pi * b
                u, v, w = radius * np.cos(angle), radius * np.sin(angle), np.sqrt(max(0.0, 1 - a))
                for j in range(3):
                    d[j] = u * s[j] + v * t[j] + w * n[j]
                weight = 1.0 / count
            elif kind == SUN_LIGHT:
                radius, angle = shape[3] * np.sqrt(a), 2 * np.pi * b
                for j in range(3):
                    d[j] = shape[j] + radius * (np.cos(angle) * s[j] + np.sin(angle) * t[j])
                weight = max(0.0, d[0] * n[0] + d[1] * n[1] + d[2] * n[2]) / count
            else:
                if kind == WINDOW_LIGHT:
                    across, facing_x, facing_z = (2 * a - 1) * shape[3], shape[5], shape[6]
                    d[0] = shape[0] + across * shape[6] - points[i, 0]
                    d[1] = shape[1] + (2 * b - 1) * shape[4] - points[i, 1]
                    d[2] = shape[2] - across * shape[5] - points[i, 2]
                    area = 4 * shape[3] * shape[4]
                else:
                    facing_x, facing_z = np.sin(2 * np.pi * a), np.cos(2 * np.pi * a)
                    d[0] = shape[0] + shape[3] * facing_x - points[i, 0]
                    d[1] = shape[1] + (b - 0.5) * shape[4] - points[i, 1]
                    d[2] = shape[2] + shape[3] * facing_z - points[i, 2]
                    area = 2 * np.pi * shape[3] * shape[4]
                square = d[0] ** 2 + d[1] ** 2 + d[2] ** 2
                here = d[0] * n[0] + d[1] * n[1] + d[2] * n[2]
                there = -(d[0] * facing_x + d[2] * facing_z)
                if here > 0 and there > 0:
                    # The bound keeps single points right beside the light from shining out.
                    weight = min(here * there * area / (np.pi * square * square), 4.0) / count
            weights[i, k] = weight
            for j in range(3):
                origins[i * count + k, j] = points[i, j] + LIFT * n[j]
                directions[i * count + k, j] = d[j]


def _rays(
    texels: _Texels, kind: int, shape: Array, count: int, rng: np.random.Generator
) -> Iterator[tuple[slice, Float32, Float32, Float32]]:
    """A part of the texels at a time, so that memory stays bounded: origins, directions (n * count, 3), weights."""
    offsets = rng.random((len(texels.points), 2))
    step = max(1, _RAYS_AT_ONCE // count)
    for start in range(0, len(texels.points), step):
        part = slice(start, min(start + step, len(texels.points)))
        n = part.stop - part.start
        origins = np.empty((n * count, 3), dtype=np.float32)
        directions = np.empty_like(origins)
        weights = np.empty((n, count), dtype=np.float32)
        _make_rays(
            kind, texels.points[part], texels.normals[part], offsets[part], count, shape, origins, directions, weights
        )
        yield part, origins, directions, weights


def _lit(
    embree: EmbreeScene, texels: _Texels, kind: int, shape: Array, count: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], Float32, Float32]:
    """Nothing but what arrives: (texel, weights (n, count), directions (n, count, 3)) for texels that get any."""
    rows, shares, ways = [], [], []
    for part, origins, directions, weights in _rays(texels, kind, shape, count, rng):
        wanted = np.flatnonzero(weights.reshape(-1) > 0)
        far = np.full(len(wanted), 1.0 - 1e-4 if kind != SUN_LIGHT else 1e4, dtype=np.float32)
        blocked = embree.run(origins[wanted], directions[wanted], far, query="OCCLUDED") != -1
        weights.reshape(-1)[wanted[blocked]] = 0
        some = np.flatnonzero(weights.sum(axis=1) > 0)
        rows.append(some + part.start)
        shares.append(weights[some])
        ways.append(directions.reshape(*weights.shape, 3)[some])
    return np.concatenate(rows), np.concatenate(shares), np.concatenate(ways)


def _from_window(embree: EmbreeScene, texels: _Texels, window: Window, count: int, rng: np.random.Generator) -> Float32:
    """Sky above the horizon, garden below it."""
    shape = np.array([*window.centre, window.half_width, window.half_height, *window.inward])
    rows, weights, directions = _lit(embree, texels, WINDOW_LIGHT, shape, count, rng)
    elevation = directions[..., 1] / np.linalg.norm(directions, axis=-1)
    up = np.clip((elevation + 0.05) / 0.2, 0, 1)[..., None]
    light = np.zeros((len(texels.points), 3), dtype=np.float32)
    light[rows] = (weights[..., None] * (GROUND + (SKY - GROUND) * up)).sum(axis=1)
    return light


def _from_sun(embree: EmbreeScene, texels: _Texels, sun: Array, count: int, rng: np.random.Generator) -> Float32:
    """A disc widened to 2.4 degrees: thin cloud, and softer edges than the lightmap could show."""
    rows, weights, _ = _lit(embree, texels, SUN_LIGHT, np.r_[sun, 0.042], count, rng)
    light = np.zeros((len(texels.points), 3), dtype=np.float32)
    light[rows] = weights.sum(axis=1)[:, None] * SUN
    return light


def _from_lamp(embree: EmbreeScene, texels: _Texels, lamp: Lamp, count: int, rng: np.random.Generator) -> Float32:
    rows, weights, _ = _lit(embree, texels, LAMP_LIGHT, np.r_[lamp.centre, lamp.radius, lamp.height, 0, 0], count, rng)
    light = np.zeros((len(texels.points), 3), dtype=np.float32)
    light[rows] = weights.sum(axis=1)[:, None] * LAMP
    return light


@njit(nogil=True, cache=True)
def _resolve(hit, u, v, directions, attributes, normals, two_sided, texel_of_cell, links, hidden):
    """Which texel each ray hit (-1: none), and the share of rays that came out inside something."""
    count = links.shape[1]
    for i in range(links.shape[0]):
        behind = 0
        for k in range(count):
            j = i * count + k
            triangle = hit[j]
            links[i, k] = -1
            if triangle < 0:
                continue
            p, q, s = 1.0 - u[j] - v[j], u[j], v[j]
            facing = 0.0
            for c in range(3):
                normal = p * normals[triangle, 0, c] + q * normals[triangle, 1, c] + s * normals[triangle, 2, c]
                facing += normal * directions[j, c]
            if facing > 0.02 and not two_sided[triangle]:
                behind += 1
                continue
            x = p * attributes[triangle, 0, 2] + q * attributes[triangle, 1, 2] + s * attributes[triangle, 2, 2]
            y = p * attributes[triangle, 0, 3] + q * attributes[triangle, 1, 3] + s * attributes[triangle, 2, 3]
            links[i, k] = texel_of_cell[int(y + 0.5), int(x + 0.5)]
        hidden[i] = behind / count


def _links(
    embree: EmbreeScene,
    texels: _Texels,
    scene: Scene,
    solid_ids: NDArray[np.int32],
    count: int,
    rng: np.random.Generator,
) -> tuple[NDArray[np.int32], Float32]:
    """What every texel sees around it, and how much of that is the inside of things."""
    width, height = scene.lightmap_size
    texel_of_cell = np.full(width * height, -1, dtype=np.int32)
    texel_of_cell[texels.cell] = np.arange(len(texels.cell), dtype=np.int32)
    texel_of_cell = texel_of_cell.reshape(height, width)
    links = np.empty((len(texels.points), count), dtype=np.int32)
    hidden = np.empty(len(texels.points), dtype=np.float32)
    for part, origins, directions, _ in _rays(texels, ANYWHERE, np.zeros(7), count, rng):
        found = embree.run(origins, directions, output=True)
        hit = np.where(found["primID"] >= 0, solid_ids[np.maximum(found["primID"], 0)], -1)
        _resolve(
            hit, found["u"], found["v"], directions, scene.attributes, scene.normals, scene.two_sided, texel_of_cell,
            links[part], hidden[part],
        )  # fmt: skip
    return links, hidden


@njit(nogil=True, cache=True)
def _gather(links, radiosity):
    """(n, 3) mean of what the links lead to; light from outdoors has been counted as direct."""
    out = np.zeros_like(radiosity)
    for i in range(links.shape[0]):
        for k in range(links.shape[1]):
            j = links[i, k]
            if j >= 0:
                for c in range(3):
                    out[i, c] += radiosity[j, c]
        for c in range(3):
            out[i, c] /= links.shape[1]
    return out


def _assemble(scene: Scene, texels: _Texels, direct: Float32, indirect: Float32, valid: NDArray[np.bool_]) -> Float32:
    """The lightmap, smoothed inside each patch: bounced light more than direct light, which has edges to keep."""
    width, height = scene.lightmap_size
    out = np.zeros((height * width, 3), dtype=np.float32)
    bounds = np.flatnonzero(np.r_[True, np.diff(texels.patch) > 0, True])
    for start, stop in itertools.pairwise(bounds):
        _, _, w, h = scene.rectangles[texels.patch[start]]
        inside = valid[start:stop].reshape(h, w).astype(np.float32)
        scale = 1.0 if min(w, h) >= 6 else 0.5
        light = _smooth(direct[start:stop].reshape(h, w, 3), inside, 0.7 * scale)
        light += _smooth(indirect[start:stop].reshape(h, w, 3), inside, 1.6 * scale)
        out[texels.cell[start:stop]] = light.reshape(-1, 3)
    return out.reshape(height, width, 3)


def _smooth(values: Float32, inside: Float32, sigma: float) -> Float32:
    """Gaussian over the valid texels; the others take the nearest ones' light, found with ever wider ones."""
    if not inside.any():
        return values
    result = np.zeros_like(values)
    missing = np.ones(inside.shape, dtype=bool)
    while missing.any():
        weight = gaussian_filter(inside, sigma, mode="nearest", truncate=3.0)
        blurred = np.stack(
            [gaussian_filter(values[..., c] * inside, sigma, mode="nearest", truncate=3.0) for c in range(3)], -1
        )
        # The bound falls as the reach grows: with few valid texels no width would ever reach a fixed one.
        now = missing & (weight > min(0.02, 0.02 / sigma))
        result[now] = blurred[now] / weight[now][:, None]
        missing &= ~now
        if sigma > 4 * max(inside.shape):
            result[missing] = values[inside > 0].mean(axis=0)
            break
        sigma *= 2
    return result
