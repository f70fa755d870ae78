"""Why no model came of a set of keyframes, told from what their matches show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from garaza.reconstruction.cameras.colmap import Matches, Model
from garaza.reconstruction.failures import (
    HardlyAnyMovement,
    OnlyRotation,
    ReconstructionFailure,
    TooLittleOverlap,
)

MIN_FRAMES, MIN_SHARE = 6, 0.3
"""A model of fewer keyframes, or a smaller share of them, is not the room that was filmed."""
STILL = 0.03
"""Of the image's diagonal: pictures that differ by less are of one view."""
HARDLY_MOVED = 0.12
"""Where no model came of it, a camera whose view never shifted by more stood still, but for following something."""
MIN_PARALLAX = 0.8
"""Degrees between the outermost rays to the median point, below which depth is guesswork."""
MIN_OBSERVATIONS = 40
"""Points that the typical registered keyframe must see, for its place to be more than a guess."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Figures that a verdict rests on."""

    keyframes: int
    registered: int
    features: float
    """Median number an image has."""
    motion: float
    """Share of the diagonal that matches move by between the pictures furthest apart (95th percentile of pairs)."""
    turning: float
    """Share, among pairs of clearly different pictures, of those that a homography explains."""
    neighbours: float
    """Median number of matches between pictures that follow each other; 0 for those that have none."""
    observations: float
    """Points of the model that the typical registered keyframe sees."""
    parallax: float
    """Degrees between the outermost rays to the model's points, median; 0 without a model."""

    @classmethod
    def of(cls, model: Model, matches: Matches, keyframes: int) -> Evidence:
        strong = matches.inliers >= 20
        moved = strong & (matches.motion > STILL)
        following = np.zeros(max(keyframes - 1, 1))
        next_to = np.abs(matches.pairs[:, 0] - matches.pairs[:, 1]) == 1
        following[matches.pairs[next_to].min(axis=1)] = matches.inliers[next_to]
        return cls(
            keyframes=keyframes,
            registered=len(model.frames),
            features=float(np.median(matches.features)) if len(matches.features) else 0.0,
            motion=float(np.percentile(matches.motion[strong], 95)) if strong.any() else 0.0,
            turning=float(matches.planar_or_panoramic[moved].mean()) if moved.any() else 0.0,
            neighbours=float(np.median(following)),
            observations=_observations(model),
            parallax=parallax(model),
        )


def verdict(evidence: Evidence) -> ReconstructionFailure | None:
    """The failure that these figures amount to; None where there is a model to go on with."""
    details = {name: round(float(getattr(evidence, name)), 3) for name in Evidence.__dataclass_fields__}
    matched = evidence.neighbours >= 20
    if matched and evidence.motion < STILL:
        return HardlyAnyMovement(**details)
    needed = max(min(MIN_FRAMES, evidence.keyframes), MIN_SHARE * evidence.keyframes)
    enough = evidence.registered >= needed and evidence.observations >= MIN_OBSERVATIONS
    if enough and evidence.parallax >= MIN_PARALLAX:
        return None
    if matched and evidence.motion < HARDLY_MOVED:
        return HardlyAnyMovement(**details)
    if matched and (evidence.turning > 0.85 or (enough and evidence.parallax < MIN_PARALLAX)):
        return OnlyRotation(**details)
    return TooLittleOverlap(**details)


def _observations(model: Model) -> float:
    if len(model.frames) == 0:
        return 0.0
    return float(np.median(np.bincount(model.observation_frames, minlength=len(model.frames))))


def parallax(model: Model) -> float:
    """Median over the points of the widest angle, in degrees, between two of the cameras that see it.

    Exact for points seen by two; for more it is the angle of the box around their directions, seen from the first:
    a bound that is at most a factor √3 off, which is all that a verdict needs.
    """
    if len(model.points) == 0:
        return 0.0
    rotation, translation = model.extrinsics[:, :, :3], model.extrinsics[:, :, 3]
    centres = -np.einsum("nji,nj->ni", rotation, translation)
    rays = centres[model.observation_frames] - model.points[model.observation_points]
    rays /= np.maximum(np.linalg.norm(rays, axis=1, keepdims=True), 1e-12)
    low = np.full((len(model.points), 3), 2.0)
    high = np.full((len(model.points), 3), -2.0)
    np.minimum.at(low, model.observation_points, rays)
    np.maximum.at(high, model.observation_points, rays)
    chord = np.linalg.norm(np.maximum(high - low, 0.0), axis=1)
    return float(np.degrees(np.median(2 * np.arcsin(np.clip(chord / 2, 0.0, 1.0)))))
