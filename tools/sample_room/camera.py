"""The phone: its lens, and the walk of whoever holds it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.sample_room.patches import Array, rotation_x, rotation_z

Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Lens:
    """Pinhole with radial distortion: x_d = x (1 + k1 r² + k2 r⁴). Pixel centres are at integers."""

    width: int
    height: int
    focal: float
    cx: float
    cy: float
    k1: float
    k2: float

    @property
    def matrix(self) -> Array:
        """(3, 3) intrinsics."""
        return np.array([[self.focal, 0.0, self.cx], [0.0, self.focal, self.cy], [0.0, 0.0, 1.0]])

    def resized(self, width: int, height: int) -> Lens:
        """The same view on another pixel grid of the same aspect."""
        scale = width / self.width
        return Lens(
            width,
            height,
            self.focal * scale,
            (self.cx + 0.5) * scale - 0.5,
            (self.cy + 0.5) * scale - 0.5,
            self.k1,
            self.k2,
        )

    def rays(self, shift_x: float = 0.0, shift_y: float = 0.0) -> tuple[Float32, Float32]:
        """(h, w) x and y at z = 1 seen by each pixel's centre, moved by a part of a pixel."""
        u, v = np.meshgrid(np.arange(self.width) + shift_x, np.arange(self.height) + shift_y)
        xd, yd = (u - self.cx) / self.focal, (v - self.cy) / self.focal
        distorted = np.hypot(xd, yd)
        r = distorted.copy()
        for _ in range(8):  # Newton; the distortion is small, four steps reach float64's limit
            r -= (r * (1 + self.k1 * r**2 + self.k2 * r**4) - distorted) / (1 + 3 * self.k1 * r**2 + 5 * self.k2 * r**4)
        scale = np.where(distorted > 1e-12, r / np.maximum(distorted, 1e-12), 1.0)
        return (xd * scale).astype(np.float32), (yd * scale).astype(np.float32)

    def parameters(self, shift_x: float = 0.0, shift_y: float = 0.0) -> Array:
        """(6,) fx, fy, cx, cy, k1, k2 as `raster.visibility` wants them, for the same moved grid as `rays`."""
        return np.array([self.focal, self.focal, self.cx - shift_x, self.cy - shift_y, self.k1, self.k2])


def phone_lens(width: int, height: int, rng: np.random.Generator) -> Lens:
    """A phone's main camera while filming: 66° to 69° along the longer side, slight barrel distortion, off centre."""
    longer = max(width, height)
    focal = longer / 2 / np.tan(np.radians(rng.uniform(66, 69)) / 2)
    off_x, off_y = rng.uniform(-0.006, 0.006, 2)
    return Lens(
        width, height, float(focal), 0.5 * width + off_x * longer - 0.5, 0.5 * height + off_y * longer - 0.5,
        float(rng.uniform(-0.055, -0.035)), float(rng.uniform(0.006, 0.012)),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Walk:
    """A walk around the middle of the room, looking across it: every wall is seen from a moving place."""

    radius_x: float
    radius_z: float
    duration: float
    start: float
    """Angle of the first place, radians."""
    turns: float
    phases: Array
    """(12,) random phases of the hand's movements."""

    def pose(self, time: float) -> tuple[Array, Array]:
        """World-to-camera rotation (3, 3) and the eye's position (3,) at a moment."""
        p = self.phases
        progress = time / self.duration
        angle = self.start + 2 * np.pi * self.turns * (progress + 0.012 * np.sin(2 * np.pi * 2.3 * progress + p[0]))
        step = 2 * np.pi * 1.7 * time  # steps a second
        wobble = 1 + 0.10 * np.sin(2 * np.pi * 1.3 * progress + p[1])
        eye = np.array([
            self.radius_x * wobble * np.sin(angle) + 0.012 * np.sin(step / 2 + p[2]),
            1.50 + 0.07 * np.sin(2 * np.pi * 1.6 * progress + p[3]) + 0.012 * np.sin(step + p[4]),
            self.radius_z * wobble * np.cos(angle) + 0.012 * np.cos(step / 2 + p[2]),
        ])  # fmt: skip
        # Across the room, a little ahead of where the walk leads, as one films while turning.
        heading = angle + np.pi + np.radians(12 * np.sin(2 * np.pi * 1.9 * progress + p[5]))
        heading += np.radians(0.5 * np.sin(step / 2 + p[6]) + 0.25 * np.sin(2 * np.pi * 3.1 * time + p[7]))
        # Up to the pictures and down to the table, at other headings in the second round than in the first.
        pitch = np.radians(-19 + 13 * np.sin(2 * np.pi * 3.7 * progress + p[8]))
        pitch += np.radians(0.4 * np.sin(step + p[9]) + 0.2 * np.sin(2 * np.pi * 3.7 * time + p[10]))
        roll = np.radians(1.2 * np.sin(2 * np.pi * 1.4 * progress + p[11]) + 0.3 * np.sin(step / 2 + p[0]))
        forward = np.array([np.sin(heading), 0.0, np.cos(heading)])
        right = np.array([-np.cos(heading), 0.0, np.sin(heading)])
        level = np.stack([right, [0.0, -1.0, 0.0], forward])
        # OpenCV axes: a positive turn about x takes forward up, which is down the image's y.
        return rotation_z(np.degrees(roll)) @ rotation_x(-np.degrees(pitch)) @ level, eye

    def extrinsics(self, time: float) -> Array:
        """(3, 4) world-to-camera."""
        rotation, eye = self.pose(time)
        return np.concatenate([rotation, -(rotation @ eye)[:, None]], axis=1)


def hand_held_walk(size: tuple[float, float, float], duration: float, rng: np.random.Generator) -> Walk:
    """Once and a third around a room of this size (width, depth, height)."""
    return Walk(
        radius_x=size[0] / 2 - 1.35, radius_z=size[1] / 2 - 1.2, duration=duration,
        start=float(rng.uniform(0, 2 * np.pi)), turns=1.33, phases=rng.uniform(0, 2 * np.pi, 12),
    )  # fmt: skip
