"""What every step of depth estimation needs of the views, prepared once."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from garaza.reconstruction.cameras.sparse import SparseModel
from garaza.reconstruction.depth.census import census_transform
from garaza.reconstruction.depth.sources import Overlap, find_overlaps, relative_projections
from garaza.reconstruction.prediction import Float32, Float64, UInt8, scale_intrinsics


@dataclass(frozen=True, slots=True)
class Views:
    """N views at the resolution of the depth maps."""

    colour: UInt8
    """(N, h, w, 3) RGB."""
    grey: Float32
    """(N, h, w) 0..255, slightly smoothed."""
    census: NDArray[np.uint64]
    """(N, h, w)."""
    intrinsics: Float64
    """(N, 3, 3) of these sizes."""
    extrinsics: Float64
    overlaps: list[Overlap]

    def projections(self, row: int, others: NDArray[np.int64]) -> tuple[Float32, Float32]:
        """See `relative_projections`."""
        return relative_projections(self.intrinsics, self.extrinsics, row, others)


def prepare_views(sparse: SparseModel, depth_size: int) -> Views:
    """Resize (never enlarge) so that the longer side has `depth_size` pixels, and compute what matching needs."""
    count, full_height, full_width = sparse.images.shape[:3]
    scale = min(depth_size / max(full_height, full_width), 1.0)
    height, width = max(round(full_height * scale), 1), max(round(full_width * scale), 1)
    colour = np.empty((count, height, width, 3), dtype=np.uint8)
    grey = np.empty((count, height, width), dtype=np.float32)
    census = np.empty((count, height, width), dtype=np.uint64)
    for row, image in enumerate(sparse.images):
        colour[row] = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        grey[row] = cv2.cvtColor(colour[row], cv2.COLOR_RGB2GRAY)
        census[row] = census_transform(grey[row])
    return Views(
        colour=colour,
        grey=grey,
        census=census,
        intrinsics=scale_intrinsics(sparse.intrinsics, width / full_width, height / full_height),
        extrinsics=sparse.extrinsics,
        overlaps=find_overlaps(sparse),
    )
