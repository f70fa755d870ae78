"""The pictures of a finished model: poster, views from other sides, plan, and the frames' own views of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from garaza.reconstruction.export.plan import Plan, draw_plan
from garaza.reconstruction.export.poster import doll_house, doll_house_views, focus
from garaza.reconstruction.export.render import Renderer
from garaza.reconstruction.export.views import Pinhole
from garaza.reconstruction.prediction import Float32, Float64, Prediction, UInt8
from garaza.reconstruction.surface.mesh import TexturedMesh

POSTER_SIZE = (1280, 800)
_SIDE_SIZE = (640, 400)
_FRAME_WIDTH = 400
_COMPARED = 4
_UNKNOWN = 38
"""Grey where depth is unknown."""
_NOTHING = (38, 35, 32)
"""What a frame's view of the model shows where the model has nothing."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """All are (H, W, 3) sRGB."""

    poster: UInt8
    sides: list[UInt8]
    """From the other sides."""
    compared: list[tuple[UInt8, UInt8, UInt8]]
    """Frames, the model from the same places through the same lens, and their depth in colours."""
    plan: Plan
    extent: Float64
    """(3,) length along x, y (up), z of what is in the poster, in model units."""


def take_pictures(mesh: TexturedMesh, prediction: Prediction, checkpoint: Callable[[], None]) -> Pictures:
    """Render what the poster and the report show.

    Args:
        checkpoint: called some times a second; may raise to stop the work.
    """
    renderer = Renderer(mesh, checkpoint)
    first, *others = doll_house_views(renderer, POSTER_SIZE[0] / POSTER_SIZE[1])
    low, high = focus(mesh)
    return Pictures(
        poster=doll_house(renderer, first, *POSTER_SIZE),
        sides=[doll_house(renderer, view, *_SIDE_SIZE) for view in others],
        compared=[_compare(renderer, prediction, row) for row in spread(len(prediction.images), _COMPARED)],
        plan=draw_plan(renderer, prediction),
        extent=high - low,
    )


def _compare(renderer: Renderer, prediction: Prediction, row: int) -> tuple[UInt8, UInt8, UInt8]:
    image = prediction.images[row]
    height, width = image.shape[:2]
    small = cv2.resize(
        image,
        (_FRAME_WIDTH, round(_FRAME_WIDTH * height / width)),
        interpolation=cv2.INTER_AREA,
    ).astype(np.uint8)
    camera = Pinhole(prediction.extrinsics[row], prediction.intrinsics[row], (width, height))
    background = np.empty_like(small)
    background[:] = _NOTHING
    depth = cv2.resize(prediction.depth[row], small.shape[1::-1], interpolation=cv2.INTER_NEAREST).astype(np.float32)
    return small, renderer.picture(camera, background), coloured_depth(depth)


def coloured_depth(depth: Float32) -> UInt8:
    """(h, w, 3) depth for the eye, on a scale of inverse depth: near is warm, far is cold, unknown is dark."""
    known = depth > 0
    if not known.any():
        return np.full((*depth.shape, 3), _UNKNOWN, np.uint8)
    inverse = np.where(known, 1 / np.maximum(depth, 1e-6), 0)
    low, high = np.percentile(inverse[known], [1, 99])
    grey = np.clip((inverse - low) / max(high - low, 1e-9) * 255, 0, 255).astype(np.uint8)
    colours = cv2.cvtColor(cv2.applyColorMap(grey, cv2.COLORMAP_TURBO), cv2.COLOR_BGR2RGB)
    colours[~known] = _UNKNOWN
    result: UInt8 = colours.astype(np.uint8)
    return result


def spread(count: int, wanted: int) -> list[int]:
    """At most `wanted` different rows of `count`, from the middles of equal parts."""
    parts = min(count, wanted)
    return [int((part + 0.5) * count / parts) for part in range(parts)]
