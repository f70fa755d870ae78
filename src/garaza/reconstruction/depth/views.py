"""What every step of depth estimation needs of the views, prepared once."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

import cv2
import numpy as np
from numpy.typing import NDArray

from garaza.reconstruction.cameras.sparse import SparseModel
from garaza.reconstruction.depth.census import census_transform
from garaza.reconstruction.depth.sources import Overlap, find_overlaps, relative_projections
from garaza.reconstruction.prediction import Float32, Float64, UInt8, scale_intrinsics


class CensusCache:
    """Census of the views at every half pixel, made when asked for and kept as long as memory allows.

    Views are worked on in the order they were filmed, so sources are mostly those asked for lately.
    """

    _BYTES = 300_000_000

    def __init__(self, grey: Float32) -> None:
        self._grey = grey
        self._most = max(self._BYTES // (grey[0].size * 4 * 8), 12)
        self._kept: dict[int, NDArray[np.uint64]] = {}
        self._lock = Lock()

    def __getitem__(self, row: int) -> NDArray[np.uint64]:
        """(2h, 2w): entry (2y, 2x) belongs to pixel (y, x), odd ones to the half pixels after it."""
        with self._lock:
            found = self._kept.pop(row, None)
            if found is not None:
                self._kept[row] = found
                return found
        made = _fine_census(self._grey[row])
        with self._lock:
            self._kept[row] = made
            while len(self._kept) > self._most:
                del self._kept[next(iter(self._kept))]
        return made


def _fine_census(grey: Float32) -> NDArray[np.uint64]:
    height, width = grey.shape
    # Noise decides the bits of bare surfaces; a filter that spares edges takes much of it out.
    calm = cv2.bilateralFilter(grey, 5, 10.0, 1.5)
    enlarge = np.array([[0.5, 0.0, 0.0], [0.0, 0.5, 0.0]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    large = cv2.warpAffine(calm, enlarge, (2 * width, 2 * height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    census: NDArray[np.uint64] = census_transform(np.asarray(large, dtype=np.float32), 2)
    return census


@dataclass(frozen=True, slots=True)
class Views:
    """N views at the resolution of the depth maps."""

    colour: UInt8
    """(N, h, w, 3) RGB."""
    grey: Float32
    """(N, h, w) 0..255."""
    census: CensusCache
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
    for row, image in enumerate(sparse.images):
        colour[row] = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        grey[row] = cv2.cvtColor(colour[row], cv2.COLOR_RGB2GRAY)
    return Views(
        colour=colour,
        grey=grey,
        census=CensusCache(grey),
        intrinsics=scale_intrinsics(sparse.intrinsics, width / full_width, height / full_height),
        extrinsics=sparse.extrinsics,
        overlaps=find_overlaps(sparse),
    )
