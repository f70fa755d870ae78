"""Standing a reconstruction on its feet: y up, floor at y = 0, walls along the axes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from garaza.reconstruction.cameras.levels import find_levels
from garaza.reconstruction.cameras.orientation import (
    refine_up,
    sample_surfaces,
    up_from_cameras,
    wall_direction,
)
from garaza.reconstruction.prediction import Float64, Prediction


@dataclass(frozen=True, slots=True)
class Upright:
    """How to turn and shift a prediction's world: ``upright = rotation @ world + translation``, units unchanged.

    The upright world is glTF's: right-handed, y up, x right, z towards the viewer; most cameras look along -z.
    """

    rotation: Float64
    """(3, 3)."""
    translation: Float64
    """(3,) world units."""
    floor_found: bool
    """False: y = 0 is the lowest part of what was seen."""
    camera_height: float
    """Of the typical camera above y = 0, world units."""
    ceiling_height: float | None
    """Above y = 0, world units; None where no ceiling was recognised, or no floor."""
    gravity_uncertainty_deg: float
    """Of up, one standard deviation."""
    walls_found: bool
    """Most walls run along x and z."""
    median_distance: float
    """From the cameras to what they see, world units."""


def find_upright(prediction: Prediction) -> Upright:
    """Up from how the cameras were held and from the planes they saw; the floor is the lowest large level surface.

    Takes about a second. Never fails: with nothing but cameras to go by, `floor_found` is False and the uncertainty
    says how little is known.
    """
    surfels = sample_surfaces(prediction)
    up, uncertainty = up_from_cameras(prediction.extrinsics)
    up, uncertainty = refine_up(up, uncertainty, surfels)
    along, walls_found = wall_direction(up, surfels)
    rotation = _facing(up, along, prediction.extrinsics[:, 2, :3].mean(axis=0))
    cameras = -np.einsum("nji,nj->ni", prediction.extrinsics[:, :, :3], prediction.extrinsics[:, :, 3]) @ rotation.T
    points = surfels.points.astype(np.float64) @ rotation.T
    if len(points) == 0:
        points = prediction.points.astype(np.float64) @ rotation.T
        normals = np.zeros_like(points)
        distances = _distances(points, cameras.mean(axis=0))
    else:
        normals = surfels.normals.astype(np.float64) @ rotation.T
        distances = _distances(points, cameras[surfels.frames])
    forwards = prediction.extrinsics[:, 2, :3] @ rotation.T
    levels = find_levels(points, normals, cameras, forwards)
    translation = -np.array([levels.centre_x, levels.floor, levels.centre_z])
    return Upright(
        rotation=rotation,
        translation=translation,
        floor_found=levels.floor_found,
        camera_height=float(np.median(cameras[:, 1]) - levels.floor),
        ceiling_height=levels.ceiling - levels.floor if levels.ceiling is not None else None,
        gravity_uncertainty_deg=round(uncertainty, 2),
        walls_found=walls_found,
        median_distance=float(np.median(distances)) if len(distances) else 1.0,
    )


def _distances(points: Float64, cameras: Float64) -> Float64:
    return np.asarray(np.linalg.norm(points - cameras, axis=1), dtype=np.float64)


def _facing(up: Float64, along: Float64, forward: Float64) -> Float64:
    """(3, 3) whose rows are the upright axes: y is `up`, -z the way nearest to `forward` that `along` allows."""
    across = np.cross(along, up)
    back = max((along, -along, across, -across), key=lambda axis: float(-forward @ axis))
    return np.stack([np.cross(up, back), up, back])


def apply(prediction: Prediction, rotation: Float64, translation: Float64, scale: float) -> Prediction:
    """The prediction in another world: ``new = scale * (rotation @ old + translation)``.

    Depth grows with the scale; images, intrinsics and confidence stay as they are.
    """
    turned = prediction.extrinsics[:, :, :3] @ rotation.T
    shift = scale * (prediction.extrinsics[:, :, 3] - turned @ translation)
    points = scale * (prediction.points.astype(np.float64) @ rotation.T + translation)
    return replace(
        prediction,
        extrinsics=np.concatenate([turned, shift[:, :, None]], axis=2),
        depth=prediction.depth * np.float32(scale),
        points=points.astype(np.float32),
    )
