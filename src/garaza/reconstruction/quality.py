"""What draft, standard and high mean: every number that trades time for detail, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Quality(StrEnum):
    DRAFT = "draft"
    STANDARD = "standard"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class QualitySettings:
    """The numbers behind a quality. Sizes in pixels are of the longer side."""

    max_frames: int
    """Keyframes used unless the caller says another number."""
    image_size: int
    """Of the images that cameras are found from and textures taken from."""
    depth_size: int
    """Of the depth maps."""
    depth_hypotheses: int
    """Inverse-depth planes swept."""
    voxel_size: float
    """Edge of a fusion voxel in metres (estimated scale); made larger where the room would not fit in memory."""
    full_faces: int
    medium_faces: int
    preview_faces: int
    """Faces at most in each of the three models."""
    texture_size: int
    """Edge of the full model's square atlas; medium has half of it, preview a quarter."""


QUALITIES: dict[Quality, QualitySettings] = {
    Quality.DRAFT: QualitySettings(
        max_frames=36,
        image_size=640,
        depth_size=320,
        depth_hypotheses=64,
        voxel_size=0.03,
        full_faces=60_000,
        medium_faces=24_000,
        preview_faces=6_000,
        texture_size=2048,
    ),
    Quality.STANDARD: QualitySettings(
        max_frames=60,
        image_size=960,
        depth_size=480,
        depth_hypotheses=96,
        voxel_size=0.02,
        full_faces=120_000,
        medium_faces=40_000,
        preview_faces=10_000,
        texture_size=4096,
    ),
    Quality.HIGH: QualitySettings(
        max_frames=120,
        image_size=1280,
        depth_size=640,
        depth_hypotheses=128,
        voxel_size=0.015,
        full_faces=240_000,
        medium_faces=60_000,
        preview_faces=15_000,
        texture_size=4096,
    ),
}
