"""The room from above: what was measured, and the way the camera took."""

from __future__ import annotations

import numpy as np

from garaza.reconstruction.export.ply import dense_points
from garaza.reconstruction.prediction import Prediction

_WIDTH = 560
_CELL = 0.05
_MIN_HEIGHT = 0.15
"""Metres: what is lower is floor, and would cover everything."""


def plan_svg(prediction: Prediction) -> str:
    """An SVG: darker where more stands above a spot; the camera's path with its directions; a bar of one unit."""
    points, _ = dense_points(prediction, _CELL)
    cameras = -np.einsum("nji,nj->ni", prediction.extrinsics[:, :, :3], prediction.extrinsics[:, :, 3])
    forward = prediction.extrinsics[:, 2, :3]
    flat = np.concatenate([points[:, ::2], cameras[:, ::2]]) if len(points) else cameras[:, ::2]
    low, high = np.percentile(flat, 0.5, axis=0) - 0.3, np.percentile(flat, 99.5, axis=0) + 0.3
    scale = _WIDTH / max(float(high[0] - low[0]), 1e-6)
    height = max(1.0, float(high[1] - low[1]) * scale)
    standing = points[points[:, 1] > _MIN_HEIGHT] if len(points) else points
    cells = np.floor((standing[:, ::2] - low) / _CELL).astype(int)
    inside = ((cells >= 0) & (cells * _CELL < (high - low))).all(axis=1)
    unique, count = np.unique(cells[inside], axis=0, return_counts=True)
    side = _CELL * scale
    squares = "".join(
        f'<rect x="{x * side:.1f}" y="{z * side:.1f}" width="{side:.1f}" height="{side:.1f}" '
        f'opacity="{min(1.0, 0.12 + n / 14):.2f}"/>'
        for (x, z), n in zip(unique, count, strict=True)
    )
    path = (cameras[:, ::2] - low) * scale
    line = " ".join(f"{x:.1f},{z:.1f}" for x, z in path)
    looks = "".join(
        f'<path d="M{x:.1f} {z:.1f}l{dx * 14:.1f} {dz * 14:.1f}"/>'
        for (x, z), (dx, dz) in zip(path, forward[:, ::2], strict=True)
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height:.0f}" role="img" aria-label="Plan with the way of the camera">'
        f'<g class="stuff">{squares}</g><polyline class="way" points="{line}"/><g class="looks">{looks}</g>'
        f'<path class="bar" d="M12 {height - 12:.1f}h{scale:.1f}"/></svg>'
    )
