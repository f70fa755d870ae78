"""The room from above: the model without its ceiling, and the way the camera took."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from garaza.reconstruction.export.poster import backdrop, focus
from garaza.reconstruction.export.render import Renderer
from garaza.reconstruction.export.views import Overhead
from garaza.reconstruction.prediction import Float64, Prediction, UInt8

_WIDTH = 640
_MAX_HEIGHT = 860
_MARGIN = 0.25
"""Units around what is shown."""
_BARS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20)
_MAX_BAR = 0.3
"""Of the width."""
_BAR_HEIGHT = 30
"""Pixels below the picture."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A picture from above, and where things are in it."""

    picture: UInt8
    """(H, W, 3)."""
    low: Float64
    """(2,) x and z of its top-left corner."""
    pixels_per_unit: float


def draw_plan(renderer: Renderer, prediction: Prediction) -> Plan:
    """The model seen straight from above, large enough to hold the camera's path as well."""
    low3, high3 = focus(renderer.mesh)
    path = positions(prediction)[:, ::2]
    low = np.minimum(low3[::2], path.min(axis=0)) - _MARGIN
    high = np.maximum(high3[::2], path.max(axis=0)) + _MARGIN
    size = high - low
    pixels = min(_WIDTH / size[0], _MAX_HEIGHT / size[1])
    width, height = max(1, round(size[0] * pixels)), max(1, round(size[1] * pixels))
    above = float(renderer.mesh.vertices[:, 1].max()) + 1.0
    ground = cv2.resize(backdrop(1, 16), (width, height)).astype(np.uint8)
    return Plan(renderer.picture(Overhead(low, high, above), ground), low, float(pixels))


def positions(prediction: Prediction) -> Float64:
    """(N, 3) where the cameras are."""
    centres: Float64 = -np.einsum("nji,nj->ni", prediction.extrinsics[:, :, :3], prediction.extrinsics[:, :, 3])
    return centres


def plan_svg(plan: Plan, address: str, prediction: Prediction, bar: str) -> str:
    """An SVG of the picture at `address` with the camera's path and directions, and a scale bar from `bar_svg`."""
    height, width = plan.picture.shape[:2]
    path = (positions(prediction)[:, ::2] - plan.low) * plan.pixels_per_unit
    forward = prediction.extrinsics[:, 2, :3][:, ::2]
    line = " ".join(f"{x:.1f},{z:.1f}" for x, z in path)
    looks = "".join(
        f'<path d="M{x:.1f} {z:.1f}l{dx * 18:.1f} {dz * 18:.1f}"/>'
        for (x, z), (dx, dz) in zip(path, forward, strict=True)
    )
    dots = "".join(f'<circle cx="{x:.1f}" cy="{z:.1f}" r="2.6"/>' for x, z in path)
    (first_x, first_z), (last_x, last_z) = path[0], path[-1]
    return (
        f'<svg viewBox="0 0 {width} {height + _BAR_HEIGHT}" role="img" aria-label="Plan with the way of the camera">'
        f'<image href="{address}" width="{width}" height="{height}"/>'
        f'<polyline class="halo" points="{line}"/><g class="looks">{looks}</g><polyline class="way" points="{line}"/>'
        f'<g class="dots">{dots}</g>'
        f'<circle class="end" cx="{first_x:.1f}" cy="{first_z:.1f}" r="6"/>'
        f'<circle class="end last" cx="{last_x:.1f}" cy="{last_z:.1f}" r="6"/>{bar}</svg>'
    )


def bar_svg(width: int, height: int, pixels_per_metre: float) -> str:
    """A bar of a round number of metres, to stand below a plan of that size."""
    fitting = [length for length in _BARS if length * pixels_per_metre <= _MAX_BAR * width]
    length = fitting[-1] if fitting else _BARS[0]
    drawn = length * pixels_per_metre
    name = f"{length:g} m" if length >= 1 else f"{100 * length:.0f} cm"
    return (
        f'<g class="bar"><path d="M8 {height + 16}v8h{drawn:.1f}v-8"/>'
        f'<text x="{8 + drawn / 2:.1f}" y="{height + 17}">{name}</text></g>'
    )
