"""Cameras for pictures of a model: from somewhere, from straight above, and from where a frame was taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from garaza.reconstruction.prediction import Float32, Float64


class Camera(Protocol):
    """Gives a ray for each place in its picture, in the mesh's world (y up)."""

    def rays(self, x: Float64, y: Float64, aspect: float) -> tuple[Float32, Float32]:
        """(P, 3) origins and (P, 3) unit directions.

        Args:
            x: (P,) in the picture, 0 at its left edge, 1 at its right.
            y: (P,) 0 at its top, 1 at its bottom.
            aspect: the picture's width divided by its height.
        """
        ...


@dataclass(frozen=True, slots=True)
class View:
    """A perspective camera held level."""

    eye: Float64
    """(3,)."""
    target: Float64
    """(3,) seen in the middle of the picture."""
    field_of_view: float
    """Horizontal, degrees."""

    def rays(self, x: Float64, y: Float64, aspect: float) -> tuple[Float32, Float32]:
        """See `Camera`."""
        forward = self.target - self.eye
        forward = forward / np.linalg.norm(forward)
        right = np.cross(forward, [0.0, 1.0, 0.0])
        right = right / max(float(np.linalg.norm(right)), 1e-9)
        up = np.cross(right, forward)
        half = np.tan(np.radians(self.field_of_view / 2))
        across, down = (x * 2 - 1) * half, (y * 2 - 1) * half / aspect
        return _from_one_place(self.eye, forward + across[:, None] * right - down[:, None] * up)


@dataclass(frozen=True, slots=True)
class Overhead:
    """A plan: parallel rays straight down; x to the right and z downwards in the picture, as on a map."""

    low: Float64
    """(2,) x and z of the picture's top-left corner."""
    high: Float64
    """(2,) of its bottom-right corner."""
    height: float
    """Where the rays begin; above everything."""

    def rays(self, x: Float64, y: Float64, aspect: float) -> tuple[Float32, Float32]:  # noqa: ARG002 - a map has its own
        """See `Camera`."""
        flat = self.low + np.stack([x, y], axis=1) * (self.high - self.low)
        origins = np.stack([flat[:, 0], np.full(len(x), self.height), flat[:, 1]], axis=1).astype(np.float32)
        return origins, np.tile(np.array([0, -1, 0], np.float32), (len(x), 1))


@dataclass(frozen=True, slots=True)
class Pinhole:
    """The camera of a rectified frame."""

    extrinsics: Float64
    """(3, 4) world-to-camera, OpenCV axes."""
    intrinsics: Float64
    """(3, 3) pixels of a frame of `size`, the first one's centre at (0, 0)."""
    size: tuple[int, int]
    """Width and height."""

    def rays(self, x: Float64, y: Float64, aspect: float) -> tuple[Float32, Float32]:  # noqa: ARG002 - a frame has its own
        """See `Camera`."""
        rotation, translation = self.extrinsics[:, :3], self.extrinsics[:, 3]
        u, v = x * self.size[0] - 0.5, y * self.size[1] - 0.5
        pixels = np.stack([u, v, np.ones_like(u)])
        return _from_one_place(-rotation.T @ translation, (np.linalg.inv(self.intrinsics) @ pixels).T @ rotation)


def _from_one_place(eye: Float64, directions: Float64) -> tuple[Float32, Float32]:
    unit: Float32 = (directions / np.linalg.norm(directions, axis=1, keepdims=True)).astype(np.float32)
    return np.tile(eye.astype(np.float32), (len(unit), 1)), unit
