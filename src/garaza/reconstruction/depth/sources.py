"""Which other views each view is compared with, and how deep it may look."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from garaza.reconstruction.cameras.sparse import SparseModel
from garaza.reconstruction.prediction import Bool, Float32, Float64

_BEST_ANGLE = 6.0
_NARROWER, _WIDER = 3.5, 8.0
"""Degrees. Under 6° depth is uncertain, well above it the same surface looks too different; the second is milder."""
_GRID = 9
"""Samples along the shorter and the longer side of a view that stand for its area, also where it has no points."""
_FEWEST_SHARED = 8
"""Points two views must share to be compared at all."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """What one view has in common with the others."""

    gains: Float64
    """(N, samples) how well each other view (row) would measure each sample of this one, 0..1; own row 0."""
    nearest: float
    farthest: float
    """z-depth range worth searching, world units; 0 where unknown."""
    centres: Float64
    """(N, 3) camera centres, world."""
    row: int

    def choose(self, how_many: int) -> NDArray[np.int64]:
        """The views to compare with, best first; fewer than `how_many` where no more help.

        Greedy: what is measured well already counts less, so that borders and hidden corners find somebody who sees
        them; and a second source in the direction of the first counts less, for it sees around the same edges.
        """
        offsets = self.centres - self.centres[self.row]
        offsets /= np.maximum(np.linalg.norm(offsets, axis=1, keepdims=True), 1e-12)
        measured = np.zeros(self.gains.shape[1])
        variety = np.ones(len(self.gains))
        chosen: list[int] = []
        least = 0.005 * self.gains.sum(axis=1).max(initial=0.0)
        while len(chosen) < how_many:
            value = (self.gains / (1.0 + 3.0 * measured) ** 2).sum(axis=1) * variety
            value[chosen] = 0.0
            best = int(np.argmax(value))
            if value[best] <= least:
                break
            chosen.append(best)
            measured += self.gains[best]
            variety *= 1.0 - 0.3 * np.maximum(offsets @ offsets[best], 0.0)
        return np.array(chosen, dtype=np.int64)


def find_overlaps(sparse: SparseModel) -> list[Overlap]:
    """What each view has in common with each other one, from the sparse points.

    A sample's gain follows the view selection of MVSNet (Yao et al. 2018): a Gaussian of the angle between the two
    rays, steeper below the best angle than above it.
    """
    count = len(sparse.frame_indices)
    centres = -np.einsum("nji,nj->ni", sparse.extrinsics[:, :, :3], sparse.extrinsics[:, :, 3])
    sees = np.zeros((count, len(sparse.points)), dtype=bool)
    sees[sparse.observation_frames, sparse.observation_points] = True
    points = sparse.points.astype(np.float64)
    overlaps = []
    for row in range(count):
        own = points[sees[row]]
        z = own @ sparse.extrinsics[row, 2, :3] + sparse.extrinsics[row, 2, 3]
        own, visible = own[z > 1e-9], sees[:, sees[row]][:, z > 1e-9]
        z = z[z > 1e-9]
        if len(z) < _FEWEST_SHARED:
            overlaps.append(Overlap(np.zeros((count, 1)), 0.0, 0.0, centres, row))
            continue
        # Points lie where texture is; the grid stands for the rest of the picture. Both halves weigh the same.
        grid, inside = _sample_area(sparse, row, own, z)
        inside &= (visible.sum(axis=1) >= _FEWEST_SHARED)[:, None]
        gains = np.hstack(
            [
                _angle_gain(centres, row, own) * visible / len(own),
                _angle_gain(centres, row, grid) * inside / len(grid),
            ]
        ) * len(grid)
        gains[row] = 0.0
        # The margin is for bare surfaces, which reach beyond what has points.
        near, far = np.percentile(z, [1, 99])
        overlaps.append(Overlap(gains, 0.75 * near, 1.4 * far, centres, row))
    return overlaps


def _sample_area(sparse: SparseModel, row: int, own: Float64, z: Float64) -> tuple[Float64, Bool]:
    """A grid of world points over the view, as deep as the nearest sparse point in the picture, and who may see them.

    Returns:
        (G, 3) points, (N, G) which views have them inside their picture.
    """
    height, width = sparse.images.shape[1:3]
    rotation, translation = sparse.extrinsics[row, :, :3], sparse.extrinsics[row, :, 3]
    pixels = (own @ rotation.T + translation) @ sparse.intrinsics[row].T
    pixels = pixels[:, :2] / pixels[:, 2:]
    u = (np.arange(_GRID) + 0.5) / _GRID * width - 0.5
    v = (np.arange(_GRID) + 0.5) / _GRID * height - 0.5
    grid = np.stack(np.meshgrid(u, v), axis=-1).reshape(-1, 2)
    closest = np.linalg.norm(grid[:, None] - pixels[None], axis=2).argmin(axis=1)
    rays = np.hstack([grid, np.ones((len(grid), 1))]) @ np.linalg.inv(sparse.intrinsics[row]).T
    samples = (rays * z[closest, None] - translation) @ rotation
    camera = np.einsum("nij,gj->ngi", sparse.extrinsics[:, :, :3], samples) + sparse.extrinsics[:, None, :, 3]
    projected = np.einsum("nij,ngj->ngi", sparse.intrinsics, camera)
    with np.errstate(divide="ignore", invalid="ignore"):
        at = projected[..., :2] / projected[..., 2:]
        inside = (camera[..., 2] > 0) & (at >= 0).all(axis=2) & (at <= [width - 1, height - 1]).all(axis=2)
    return samples, inside


def _angle_gain(centres: Float64, row: int, points: Float64) -> Float64:
    """(N, P) 0..1 by the angle between the rays from each centre and from the row's own."""
    rays = points[None] - centres[:, None]
    rays /= np.maximum(np.linalg.norm(rays, axis=2, keepdims=True), 1e-12)
    cosines = np.einsum("nmc,mc->nm", rays, rays[row])
    off = np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0))) - _BEST_ANGLE
    gain: Float64 = np.exp(-0.5 * (off / np.where(off < 0, _NARROWER, _WIDER)) ** 2)
    return gain


def relative_projections(
    intrinsics: Float64, extrinsics: Float64, row: int, others: NDArray[np.int64]
) -> tuple[Float32, Float32]:
    """Where a pixel of view `row` lies in other views: homogeneous ``H @ (u, v, 1) + w * e`` at inverse depth w.

    Returns:
        H (S, 3, 3), e (S, 3). The third component is the depth in the other view divided by the depth in this one.
    """
    inverse = np.linalg.inv(intrinsics[row])
    rotation, translation = extrinsics[row, :, :3], extrinsics[row, :, 3]
    homographies = np.empty((len(others), 3, 3))
    epipoles = np.empty((len(others), 3))
    for s, j in enumerate(others):
        relative = extrinsics[j, :, :3] @ rotation.T
        homographies[s] = intrinsics[j] @ relative @ inverse
        epipoles[s] = intrinsics[j] @ (extrinsics[j, :, 3] - relative @ translation)
    return homographies.astype(np.float32), epipoles.astype(np.float32)
