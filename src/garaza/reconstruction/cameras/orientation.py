"""Which way is up, and which way the walls run: directions from the cameras and from the surfaces they see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from garaza.reconstruction.prediction import Float32, Float64, Prediction

STRIDE = 4
"""Depth pixels between samples."""
REACH = 8
"""Depth pixels to the neighbours that a normal is taken from: further is less noise and fewer small surfaces."""
MAX_SAMPLES = 400_000
MIN_CONFIDENCE = 0.15
"""Filled-in planes count too: bare walls and floors are what tells directions best."""


@dataclass(frozen=True, slots=True)
class Surfels:
    """Samples of the surfaces seen."""

    points: Float32
    """(S, 3) world."""
    normals: Float32
    """(S, 3) unit length, towards the camera."""
    frames: NDArray[np.int32]
    """(S,) row of the camera that saw it."""


def sample_surfaces(prediction: Prediction) -> Surfels:
    """Points and normals from every `STRIDE`th pixel of the depth maps, thinned to `MAX_SAMPLES`."""
    intrinsics = prediction.depth_intrinsics
    points, normals, frames = [], [], []
    limit = MAX_SAMPLES // max(len(prediction.depth), 1)
    for row in range(len(prediction.depth)):
        depth = np.where(prediction.confidence[row] >= MIN_CONFIDENCE, prediction.depth[row], 0)
        seen, facing = _surfels_of_view(depth.astype(np.float64), intrinsics[row])
        if len(seen) > limit:
            kept = np.linspace(0, len(seen) - 1, limit).astype(np.int64)
            seen, facing = seen[kept], facing[kept]
        rotation, translation = prediction.extrinsics[row, :, :3], prediction.extrinsics[row, :, 3]
        points.append((seen - translation) @ rotation)
        normals.append(facing @ rotation)
        frames.append(np.full(len(seen), row, dtype=np.int32))
    return Surfels(
        np.concatenate(points).astype(np.float32),
        np.concatenate(normals).astype(np.float32),
        np.concatenate(frames),
    )


def _surfels_of_view(depth: Float64, intrinsics: Float64) -> tuple[Float64, Float64]:
    height, width = depth.shape
    v, u = np.mgrid[REACH : height - REACH : STRIDE, REACH : width - REACH : STRIDE]

    def lift(du: int, dv: int) -> Float64:
        z = depth[v + dv, u + du]
        x = (u + du - intrinsics[0, 2]) / intrinsics[0, 0] * z
        y = (v + dv - intrinsics[1, 2]) / intrinsics[1, 1] * z
        return np.stack([x, y, z], axis=-1)

    here, left, right, above, below = (
        lift(0, 0), lift(-REACH, 0), lift(REACH, 0), lift(0, -REACH), lift(0, REACH)
    )  # fmt: skip
    z = here[..., 2]
    around = np.stack([p[..., 2] for p in (left, right, above, below)])
    # An edge between two things has a large step in depth, and a normal that belongs to neither. A slanted plane has
    # equal steps on both sides.
    bend_x = np.abs(left[..., 2] + right[..., 2] - 2 * z)
    bend_y = np.abs(above[..., 2] + below[..., 2] - 2 * z)
    smooth = (z > 0) & (around > 0).all(axis=0) & (bend_x < 0.02 * z) & (bend_y < 0.02 * z)
    normal = np.cross(below - above, right - left)
    length = np.linalg.norm(normal, axis=-1)
    smooth &= length > 0
    here, normal = here[smooth], normal[smooth] / length[smooth][:, None]
    normal *= -np.sign((normal * here).sum(axis=1))[:, None]
    return here, normal


def up_from_cameras(extrinsics: Float64) -> tuple[Float64, float]:
    """Up, and its uncertainty in degrees, from how cameras are held: level, whatever they look at.

    The cameras' x axes are horizontal but for a few degrees, so up is the direction that all of them are most nearly
    perpendicular to. Where they are all the same axis (nobody turned around) that leaves a circle; the mean of the
    cameras' own up then decides, which is off by their pitch.
    """
    across, upwards = extrinsics[:, 0, :3], -extrinsics[:, 1, :3]
    mean_up = upwards.mean(axis=0)
    weights = np.ones(len(extrinsics))
    up = mean_up / max(float(np.linalg.norm(mean_up)), 1e-9)
    for _ in range(10):
        scatter = (across * weights[:, None]).T @ across / weights.sum()
        prior = 0.03 * (np.eye(3) - np.outer(mean_up, mean_up) / max(float(mean_up @ mean_up), 1e-9))
        up = np.linalg.eigh(scatter + prior)[1][:, 0]
        # Photos held on their side are not level: a Cauchy weight takes them out.
        weights = 1.0 / (1.0 + (across @ up / np.sin(np.radians(6.0))) ** 2)
    if up @ mean_up < 0:
        up = -up
    roll = np.degrees(np.arcsin(np.clip(across @ up, -1, 1)))
    spread_of_axes = float(np.linalg.eigvalsh(np.cov(across.T))[-1]) if len(across) > 1 else 0.0
    turned = min(1.0, spread_of_axes / 0.1)
    uncertainty = 1.5 + float(np.median(np.abs(roll))) / 2 + (1.0 - turned) * 15.0
    return up, uncertainty


def refine_up(up: Float64, uncertainty: float, surfels: Surfels) -> tuple[Float64, float]:
    """Up again, from floors, ceilings and tables (normals along it) and walls (normals across it).

    Directions within the uncertainty vote, and the circle is drawn closer from round to round.
    """
    normals = surfels.normals.astype(np.float64)
    start = min(max(3 * uncertainty, 8.0), 25.0)
    support = 0.0
    for within in np.geomspace(start, 4.0, 8):
        along = normals @ up
        level = np.abs(along) > np.cos(np.radians(within))
        upright = np.abs(along) < np.sin(np.radians(within))
        support = float(level.mean() + upright.mean()) if len(normals) else 0.0
        if level.sum() + upright.sum() < 500:
            return up, uncertainty
        scatter = np.zeros((3, 3))
        for chosen, sign in ((level, -1.0), (upright, 1.0)):
            if chosen.sum() >= 200:
                # Walls and floors have equal say, however much of each was seen.
                scatter += sign * (normals[chosen].T @ normals[chosen]) / chosen.sum()
        values, vectors = np.linalg.eigh(scatter)
        better = vectors[:, 0] if vectors[:, 0] @ up > 0 else -vectors[:, 0]
        # One wall alone leaves a circle: don't follow an eigenvector that isn't told from its neighbour.
        if values[1] - values[0] < 0.1 or better @ up < np.cos(np.radians(start)):
            return up, uncertainty
        up = better
    share = min(support / 0.3, 1.0)
    return up, min(uncertainty, 0.5 + (1.0 - share) * 2.0)


def wall_direction(up: Float64, surfels: Surfels) -> tuple[Float64, bool]:
    """A horizontal unit vector along or across most walls, and whether walls told it (else it is any)."""
    side = np.cross(up, [1.0, 0.0, 0.0] if abs(up[0]) < 0.8 else [0.0, 1.0, 0.0])
    side /= np.linalg.norm(side)
    front = np.cross(side, up)
    normals = surfels.normals.astype(np.float64)
    walls = normals[np.abs(normals @ up) < 0.2]
    if len(walls) < 300:
        return side, False
    angles = np.degrees(np.arctan2(walls @ front, walls @ side)) % 90.0
    votes = np.bincount((angles * 2).astype(np.int64) % 180, minlength=180).astype(np.float64)
    smooth = np.sum([np.roll(votes, shift) for shift in range(-5, 6)], axis=0)
    peak = (int(np.argmax(smooth)) + 0.5) / 2
    off = (angles - peak + 45.0) % 90.0 - 45.0
    near = off[np.abs(off) < 8.0]
    # A flat histogram (round things, clutter) has a sixteenth of its votes within any 5.5 of 90 degrees.
    clear = bool(smooth.max() > 1.8 * votes.sum() * 11 / 180)
    angle = np.radians(peak + (float(np.median(near)) if len(near) else 0.0))
    return np.cos(angle) * side + np.sin(angle) * front, clear
