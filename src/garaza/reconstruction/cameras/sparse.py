"""What structure from motion gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from garaza.reconstruction.prediction import Float32, Float64, UInt8


@dataclass(frozen=True, slots=True)
class SparseModel:
    """The largest connected model: N registered, rectified keyframes and P points. Conventions as in `prediction`."""

    frame_indices: NDArray[np.int64]
    """(N,) position in `Keyframes`, strictly increasing."""
    images: UInt8
    """(N, H, W, 3) RGB, rectified to one pinhole camera, with no black borders."""
    intrinsics: Float64
    """(N, 3, 3) of the rectified images."""
    extrinsics: Float64
    """(N, 3, 4) world-to-camera."""
    points: Float32
    """(P, 3) world."""
    point_colours: UInt8
    """(P, 3) RGB."""
    observation_frames: NDArray[np.int32]
    """(M,) row (0..N-1) of each observation."""
    observation_points: NDArray[np.int32]
    """(M,) point (0..P-1) of each observation."""
