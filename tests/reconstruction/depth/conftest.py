"""A small room with exact cameras and exact depth, drawn by intersecting rays with boxes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from garaza.reconstruction.cameras.sparse import SparseModel
from garaza.reconstruction.quality import QUALITIES, Quality, QualitySettings

ROOM = np.array([[0.0, 0.0, 0.0], [5.0, 2.6, 4.0]])
THINGS = np.array(
    [
        [[1.6, 0.0, 2.6], [2.6, 1.0, 3.4]],
        [[3.2, 0.0, 3.0], [3.7, 1.7, 3.5]],
    ]
)


@dataclass(frozen=True)
class BoxRoom:
    sparse: SparseModel
    depth: NDArray[np.float32]
    """(N, h, w) exact, at the depth maps' resolution."""
    bare: NDArray[np.bool_]
    """(N, h, w) where the surface has no texture at all."""
    settings: QualitySettings


def _lattice_noise(u: NDArray[np.float64], v: NDArray[np.float64], seed: NDArray[np.int64]) -> NDArray[np.float64]:
    def value(i: NDArray[np.int64], j: NDArray[np.int64]) -> NDArray[np.float64]:
        mixed = (i * 73856093) ^ (j * 19349663) ^ (seed * 83492791)
        mixed = ((mixed ^ (mixed >> 13)) * 1274126177) & 0x7FFFFFFF
        return (mixed % 4096) / 4095.0

    i, j = np.floor(u).astype(np.int64), np.floor(v).astype(np.int64)
    a, b = u - i, v - j
    top = value(i, j) * (1 - a) + value(i + 1, j) * a
    return top * (1 - b) + (value(i, j + 1) * (1 - a) + value(i + 1, j + 1) * a) * b


def _hit(origin: NDArray[np.float64], rays: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Distance along each ray (in lengths of the ray) to the first surface, and the surface's number."""
    with np.errstate(divide="ignore"):
        inverse = 1.0 / rays
    to = np.stack([(ROOM[0] - origin) * inverse, (ROOM[1] - origin) * inverse])
    exits = to.max(axis=0)
    distance = exits.min(axis=-1)
    axis = exits.argmin(axis=-1)
    surface = axis * 2 + (np.take_along_axis(rays, axis[..., None], -1)[..., 0] > 0)
    for number, box in enumerate(THINGS):
        to = np.stack([(box[0] - origin) * inverse, (box[1] - origin) * inverse])
        enters = to.min(axis=0)
        near, far = enters.max(axis=-1), to.max(axis=0).min(axis=-1)
        closer = (near < far) & (near > 0) & (near < distance)
        distance = np.where(closer, near, distance)
        axis = enters.argmax(axis=-1)
        side = np.take_along_axis(rays, axis[..., None], -1)[..., 0] > 0
        surface = np.where(closer, 6 + number * 6 + axis * 2 + side, surface)
    return distance, surface


def _rays(intrinsics: NDArray[np.float64], rotation: NDArray[np.float64], width: int, height: int, fine: int):
    u = (np.arange(width * fine) + 0.5) / fine - 0.5
    v = (np.arange(height * fine) + 0.5) / fine - 0.5
    x = (u - intrinsics[0, 2]) / intrinsics[0, 0]
    y = (v - intrinsics[1, 2]) / intrinsics[1, 1]
    x, y = np.meshgrid(x, y)
    return np.stack([x, y, np.ones_like(x)], axis=-1) @ rotation


def _draw(
    points: NDArray[np.float64], surface: NDArray[np.int64], bare: tuple[int, ...], picture: bool
) -> NDArray[np.float64]:
    axis = (surface // 2) % 3
    u = np.where(axis == 0, points[..., 1], points[..., 0])
    v = np.where(axis == 2, points[..., 1], points[..., 2])
    tone = np.zeros(surface.shape)
    for octave, strength in ((4.0, 0.45), (11.0, 0.3), (29.0, 0.25)):
        tone += strength * _lattice_noise(u * octave, v * octave, surface + int(octave) * 31)
    base = 60.0 + 130.0 * ((surface * 37 % 11) / 10.0)
    textured = base + 160.0 * (tone - 0.5)
    return np.where(_is_bare(points, surface, bare, picture), base, textured)


def _is_bare(
    points: NDArray[np.float64], surface: NDArray[np.int64], bare: tuple[int, ...], picture: bool
) -> NDArray[np.bool_]:
    hung = picture & (np.abs(points[..., 0] - 2.3) < 0.6) & (np.abs(points[..., 1] - 1.5) < 0.4)
    return np.isin(surface, bare) & ~hung


def _look(centre: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """World-to-camera rotation; the world's y is up."""
    forward = (target - centre) / np.linalg.norm(target - centre)
    right = np.cross(forward, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(forward, right), forward])


def draw_room(
    views: int = 8, width: int = 160, height: int = 120, bare: tuple[int, ...] = (), picture: bool = False
) -> BoxRoom:
    """Views along a gentle arc, looking at the far wall. `bare`: surfaces without texture; `picture`: but for one."""
    focal = 0.8 * width
    intrinsics = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1.0]])
    noise = np.random.default_rng(7)
    images, depths, extrinsics, blank, clouds = [], [], [], [], []
    for k in range(views):
        along = (k - (views - 1) / 2) * 0.16
        centre = np.array([2.5 + along, 1.4 + 0.12 * (k % 3 - 1), 0.5 + 0.05 * (k % 2)])
        rotation = _look(centre, np.array([2.5 + 0.4 * along, 1.1, 4.0]))
        rays = _rays(intrinsics, rotation, width, height, 3)
        distance, surface = _hit(centre, rays)
        tone = _draw(centre + rays * distance[..., None], surface, bare, picture)
        tone = tone.reshape(height, 3, width, 3).mean(axis=(1, 3)) + noise.normal(0, 1.0, (height, width))
        images.append(np.repeat(np.clip(tone + 0.5, 0, 255).astype(np.uint8)[..., None], 3, axis=-1))
        rays = _rays(intrinsics, rotation, width, height, 1)
        distance, surface = _hit(centre, rays)
        depths.append(distance.astype(np.float32))
        blank.append(_is_bare(centre + rays * distance[..., None], surface, bare, picture))
        extrinsics.append(np.hstack([rotation, (-rotation @ centre)[:, None]]))
        seen = (centre + rays * distance[..., None])[~blank[-1]]
        clouds.append(seen[noise.choice(len(seen), 60, replace=False)])
    depth, points = np.stack(depths), np.concatenate(clouds)
    frames, numbers = [], []
    for k in range(views):
        camera = points @ extrinsics[k][:, :3].T + extrinsics[k][:, 3]
        at = camera @ intrinsics.T
        u, v = np.rint(at[:, 0] / at[:, 2]).astype(int), np.rint(at[:, 1] / at[:, 2]).astype(int)
        inside = (camera[:, 2] > 0) & (u >= 0) & (u < width) & (v >= 0) & (v < height)
        inside[inside] = np.abs(depth[k, v[inside], u[inside]] / camera[inside, 2] - 1) < 0.02
        frames.append(np.full(inside.sum(), k))
        numbers.append(np.flatnonzero(inside))
    sparse = SparseModel(
        frame_indices=np.arange(views),
        images=np.stack(images),
        intrinsics=np.repeat(intrinsics[None], views, axis=0),
        extrinsics=np.stack(extrinsics),
        points=points.astype(np.float32),
        point_colours=np.full((len(points), 3), 128, dtype=np.uint8),
        observation_frames=np.concatenate(frames).astype(np.int32),
        observation_points=np.concatenate(numbers).astype(np.int32),
    )
    draft = QUALITIES[Quality.DRAFT]
    settings = QualitySettings(
        **{name: getattr(draft, name) for name in QualitySettings.__slots__} | {"depth_size": max(width, height)}
    )
    return BoxRoom(sparse, depth, np.stack(blank), settings)


@pytest.fixture(scope="session")
def draw() -> Callable[..., BoxRoom]:
    return draw_room


@pytest.fixture(scope="session")
def textured_room() -> BoxRoom:
    return draw_room()
