"""The floor and the ceiling of a world whose y is up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from garaza.reconstruction.prediction import Float64

_LEVEL = np.cos(np.radians(14.0))
_MIN_CELLS = 30
"""Of a level surface, to be one at all."""


@dataclass(frozen=True, slots=True)
class Levels:
    """Heights and the middle of the ground plan, in the units and axes of the points given."""

    floor: float
    floor_found: bool
    ceiling: float | None
    centre_x: float
    centre_z: float


def find_levels(points: Float64, normals: Float64, cameras: Float64, forwards: Float64) -> Levels:
    """Floor: the lowest large surface that faces up. Ceiling: the highest large one that faces down.

    Args:
        points: (S, 3) samples of surfaces; normals: (S, 3) towards the camera; cameras: (N, 3);
        forwards: (N, 3) unit vectors that they look along. y is up.
    """
    if len(points) == 0:
        base = cameras.mean(axis=0)
        return Levels(float(base[1]) - 1.0, False, None, float(base[0]), float(base[2]))
    eye = float(np.median(cameras[:, 1]))
    unit = float(np.median(np.linalg.norm(points - cameras.mean(axis=0), axis=1)))
    up, down = normals[:, 1] > _LEVEL, normals[:, 1] < -_LEVEL
    below, above = points[:, 1] < eye - 0.1 * unit, points[:, 1] > eye + 0.05 * unit
    floor = _outermost_level(points[up & below], unit, lowest=True)
    # Mirrors, windows and wrong depth put a few points under any floor; a room underneath is more than a few.
    if floor is not None and np.mean(points[:, 1] < floor - 0.06 * unit) > 0.05:
        floor = None
    if floor is not None and _things_on_it_were_circled(floor, cameras, forwards):
        floor = None
    if floor is None:
        low = float(np.percentile(points[:, 1], 1.0))
        return Levels(low, False, None, *_middle(points))
    ceiling = _outermost_level(points[down & above], unit, lowest=False)
    return Levels(floor, True, ceiling, *_middle(points))


def _outermost_level(points: Float64, unit: float, *, lowest: bool) -> float | None:
    """Height of the lowest (or highest) large level surface among these points."""
    if len(points) < _MIN_CELLS:
        return None
    step = 0.01 * unit
    sign = 1.0 if lowest else -1.0
    heights = sign * points[:, 1]
    base = float(heights.min())
    bins = ((heights - base) / step).astype(np.int64)
    # Area, not pixels: what is near fills many pixels, and is seen by many cameras. So count cells of the ground plan.
    cells = _unique_cells(points, bins, 0.05 * unit)
    area = np.bincount(cells, minlength=int(bins.max()) + 1).astype(np.float64)
    # A surface spreads over a few bins by its noise.
    spread = np.convolve(area, np.ones(5), mode="same")
    large = spread >= max(_MIN_CELLS, 0.25 * spread.max())
    first = int(np.argmax(large))
    last = min(first + 8, len(spread))
    peak = first + int(np.argmax(spread[first:last]))
    near = np.abs(heights - (base + (peak + 0.5) * step)) < 3 * step
    return float(sign * np.median(heights[near]))


def _unique_cells(points: Float64, bins: NDArray[np.int64], cell: float) -> NDArray[np.int64]:
    """Bin of each (bin, x, z) cell that holds a point, each cell once."""
    column = np.floor(points[:, 0] / cell).astype(np.int64)
    row = np.floor(points[:, 2] / cell).astype(np.int64)
    key = np.stack([bins, column - column.min(), row - row.min()], axis=1)
    return np.asarray(np.unique(key, axis=0)[:, 0], dtype=np.int64)


def _things_on_it_were_circled(floor: float, cameras: Float64, forwards: Float64) -> bool:
    """All cameras look at one point just above this surface: it is a table with something on it, not a room's floor."""
    across = np.eye(3) - forwards[:, :, None] * forwards[:, None, :]
    if np.linalg.cond(across.sum(axis=0)) > 1e6:
        return False
    target = np.linalg.solve(across.sum(axis=0), np.einsum("nij,nj->i", across, cameras))
    to_target = target - cameras
    distance = np.linalg.norm(to_target, axis=1)
    missed = np.linalg.norm(np.einsum("nij,nj->ni", across, to_target), axis=1) / np.maximum(distance, 1e-9)
    ahead = (to_target * forwards).sum(axis=1) > 0
    height = float(np.median(cameras[:, 1])) - floor
    return bool(ahead.all() and np.median(missed) < 0.15 and abs(target[1] - floor) < 0.15 * height)


def _middle(points: Float64) -> tuple[float, float]:
    """Of everything and not of the floor: walls tell where a room ends, and much of the floor is under things."""
    low, high = np.percentile(points[:, [0, 2]], [4, 96], axis=0)
    x, z = ((low + high) / 2).tolist()
    return x, z
