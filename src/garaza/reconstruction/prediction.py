"""What an engine makes of keyframes: cameras and depth as plain arrays. The conventions stated here hold everywhere.

Camera frame: OpenCV (x right, y down, z forward). Extrinsics: world-to-camera, ``x_cam = R @ x_world + t``, the
3×4 matrix ``[R | t]``. Pixel coordinates: the centre of the top-left pixel is (0, 0). Images are rectified: a pinhole
camera without lens distortion explains them. Depth is z along the camera's axis, not distance along the ray.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
UInt8 = NDArray[np.uint8]
Bool = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Prediction:
    """Cameras, depth and confidence for N registered keyframes, in one common world of the engine's own units.

    The world's origin, direction and unit are arbitrary here; `upright` and `scale` give them a meaning later.
    """

    engine: str
    """Name of what made it, shown to clients as `model_used`."""
    frame_indices: NDArray[np.int64]
    """(N,) which keyframe (position in `Keyframes`) each row is; strictly increasing."""
    images: UInt8
    """(N, H, W, 3) RGB, rectified."""
    intrinsics: Float64
    """(N, 3, 3) pixels of `images`."""
    extrinsics: Float64
    """(N, 3, 4) world-to-camera."""
    depth: Float32
    """(N, h, w) z-depth in world units; 0 where unknown. Same field of view as `images`, mostly smaller."""
    confidence: Float32
    """(N, h, w) in 0..1; 0 where depth is unknown. ≥ 0.5: at least two other views agree."""
    points: Float32
    """(P, 3) sparse world points, well determined; P may be 0 for an engine that has none."""
    point_colours: UInt8
    """(P, 3) RGB."""
    is_metric: bool = False
    """True only where the engine itself measures in metres."""

    @property
    def depth_intrinsics(self) -> Float64:
        """(N, 3, 3) pixels of `depth`: `intrinsics` carried over to the depth maps' resolution."""
        height, width = self.images.shape[1:3]
        depth_height, depth_width = self.depth.shape[1:3]
        return scale_intrinsics(self.intrinsics, depth_width / width, depth_height / height)


def scale_intrinsics(intrinsics: Float64, scale_x: float, scale_y: float) -> Float64:
    """Intrinsics of an image resized by the given factors.

    Args:
        intrinsics: (..., 3, 3), pixel centres at integers.

    Returns:
        (..., 3, 3). With centres at integers the image starts at -0.5, hence the shift by half a pixel.
    """
    scaled = np.array(intrinsics, dtype=np.float64)
    scaled[..., 0, :] *= scale_x
    scaled[..., 1, :] *= scale_y
    scaled[..., 0, 2] = (intrinsics[..., 0, 2] + 0.5) * scale_x - 0.5
    scaled[..., 1, 2] = (intrinsics[..., 1, 2] + 0.5) * scale_y - 0.5
    return scaled
