"""A furnished box of a room, filmed through a lens with distortion: exact cameras, exact depth, full texture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from garaza.reconstruction.frames import Keyframes, SourceInfo
from garaza.reconstruction.prediction import Prediction

ROOM = np.array([[-2.5, 0.0, -2.0], [2.5, 2.6, 2.0]])
FURNITURE = np.array(
    [
        [[-2.4, 0.0, -1.9], [-0.6, 0.75, -1.2]],
        [[1.4, 0.0, -1.9], [2.4, 1.8, -1.4]],
        [[0.1, 0.0, -0.6], [0.8, 0.45, 0.1]],
    ]
)
TEXELS_PER_METRE = 160


@dataclass(frozen=True)
class Film:
    images: NDArray[np.uint8]
    depth: NDArray[np.float32]
    """(N, H, W) z-depth, metres, of the picture as the lens saw it."""
    extrinsics: NDArray[np.float64]
    focal: float
    k: float

    @property
    def centres(self) -> NDArray[np.float64]:
        return -np.einsum("nji,nj->ni", self.extrinsics[:, :, :3], self.extrinsics[:, :, 3])

    def keyframes(self, kind: str = "video") -> Keyframes:
        count, height, width = self.images.shape[:3]
        source = SourceInfo(kind, width, height, count / 4, 30.0, count * 7, "h264")
        return Keyframes(source, self.images, np.arange(count), np.arange(count) / 4.0)


def look(centre: Sequence[float], target: Sequence[float], roll: float = 0.0) -> NDArray[np.float64]:
    """(3, 4) world-to-camera of a camera at `centre`; y is up in the world."""
    eye, forward = np.array(centre, float), np.subtract(target, centre)
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    c, s = np.cos(roll), np.sin(roll)
    rotation = np.stack([c * right + s * down, -s * right + c * down, forward])
    return np.hstack([rotation, (-rotation @ eye)[:, None]])


def _texture(seed: int, size: int = 1024) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    picture = np.zeros((size, size, 3), np.float32)
    for cells, weight in ((12, 60), (48, 45), (190, 40), (480, 30)):
        noise = rng.normal(0, 1, (cells, cells, 3)).astype(np.float32)
        picture += weight * 0.6 * cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC)
    for _ in range(160):
        x, y = rng.integers(0, size, 2).tolist()
        w, h = rng.integers(8, 60, 2).tolist()
        cv2.rectangle(picture, (x, y), (x + w, y + h), rng.uniform(-110, 110, 3).tolist(), -1)
    picture = cv2.GaussianBlur(picture, (0, 0), 1.0)
    return np.clip(picture + rng.uniform(105, 150, 3), 4, 250).astype(np.float32)


def _trace(eye: NDArray[np.float64], rays: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Distance in lengths of the ray, and which face was hit."""
    with np.errstate(divide="ignore"):
        inverse = 1.0 / np.where(np.abs(rays) < 1e-12, 1e-12, rays)
    far = np.maximum((ROOM[0] - eye) * inverse, (ROOM[1] - eye) * inverse)
    distance, axis = far.min(axis=-1), far.argmin(axis=-1)
    face = axis * 2 + (np.take_along_axis(rays, axis[..., None], -1)[..., 0] > 0)
    for number, box in enumerate(FURNITURE):
        a, b = (box[0] - eye) * inverse, (box[1] - eye) * inverse
        near, leave = np.minimum(a, b), np.maximum(a, b).min(axis=-1)
        enter = near.max(axis=-1)
        hit = (enter < leave) & (enter > 0) & (enter < distance)
        distance = np.where(hit, enter, distance)
        axis = near.argmax(axis=-1)
        face = np.where(hit, 6 + 3 * number + axis, face)
    return distance, face


def film(
    extrinsics: Sequence[NDArray[np.float64]], width: int = 480, height: int = 360, k: float = -0.04, noise: float = 2.0
) -> Film:
    focal = 0.8 * width
    rng = np.random.default_rng(3)
    textures = [_texture(seed) for seed in range(6 + 3 * len(FURNITURE))]
    u, v = np.meshgrid(np.arange(width) - (width - 1) / 2, np.arange(height) - (height - 1) / 2)
    xd, yd = u / focal, v / focal
    x, y = xd.copy(), yd.copy()
    for _ in range(20):
        factor = 1 + k * (x * x + y * y)
        x, y = xd / factor, yd / factor
    images, depths = [], []
    for camera in extrinsics:
        rotation = camera[:, :3]
        eye = -rotation.T @ camera[:, 3]
        rays = np.stack([x, y, np.ones_like(x)], axis=-1) @ rotation
        distance, face = _trace(eye, rays)
        points = eye + rays * distance[..., None]
        axis = np.where(face < 6, face // 2, (face - 6) % 3)
        a = np.where(axis == 0, points[..., 2], points[..., 0]) * TEXELS_PER_METRE + 512
        b = np.where(axis == 1, points[..., 2], points[..., 1]) * TEXELS_PER_METRE + 300
        picture = np.zeros((height, width, 3), np.float32)
        for number in np.unique(face):
            where = (a.astype(np.float32), b.astype(np.float32))
            seen = cv2.remap(textures[number], *where, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
            picture[face == number] = seen[face == number]
        picture += rng.normal(0, noise, picture.shape)
        images.append(np.clip(np.rint(picture), 0, 255).astype(np.uint8))
        depths.append(distance.astype(np.float32))
    return Film(np.stack(images), np.stack(depths), np.stack(list(extrinsics)), focal, k)


def walk(count: int = 20) -> list[NDArray[np.float64]]:
    """Hand-held, along an arc through the room, looking at the furniture and the corners."""
    cameras = []
    for step in np.linspace(0, 1, count):
        angle = np.pi * (0.15 + 0.7 * step)
        centre = [1.5 * np.cos(angle), 1.45 + 0.05 * np.sin(9 * step), 0.4 + 1.1 * np.sin(angle)]
        target = [-1.3 * np.cos(angle), 0.9 + 0.15 * np.cos(7 * step), -1.7]
        cameras.append(look(centre, target, roll=np.radians(2.5) * np.sin(11 * step)))
    return cameras


def exact_prediction(shot: Film, size: int = 160) -> Prediction:
    """What a perfect engine would say of a film without distortion."""
    assert shot.k == 0
    count, height, width = shot.images.shape[:3]
    intrinsics = np.array([[shot.focal, 0, (width - 1) / 2], [0, shot.focal, (height - 1) / 2], [0, 0, 1.0]])
    every = width // size
    # Middles of blocks, so that the depth maps cover the same field of view.
    depth = shot.depth[:, every // 2 :: every, every // 2 :: every]
    rng = np.random.default_rng(5)
    depth = (depth * (1 + rng.normal(0, 0.001, depth.shape))).astype(np.float32)
    return Prediction(
        engine="exact",
        frame_indices=np.arange(count),
        images=shot.images,
        intrinsics=np.repeat(intrinsics[None], count, axis=0),
        extrinsics=shot.extrinsics,
        depth=depth,
        confidence=np.where(depth > 0, 0.9, 0.0).astype(np.float32),
        points=np.zeros((0, 3), np.float32),
        point_colours=np.zeros((0, 3), np.uint8),
    )
