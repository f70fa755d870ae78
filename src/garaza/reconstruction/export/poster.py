"""The picture that stands for a scan: the room as a doll's house, seen from above one of its corners."""

from __future__ import annotations

import cv2
import numpy as np
from scipy import ndimage

from garaza.reconstruction.export.render import Renderer
from garaza.reconstruction.export.views import View
from garaza.reconstruction.prediction import Float32, Float64, UInt8
from garaza.reconstruction.surface.mesh import TexturedMesh

_FIELD_OF_VIEW = 36.0
_ELEVATIONS = (30.0, 42.0, 54.0)
_AZIMUTHS = 12
_MARGIN = 0.89
_FITTED, _FIT_PERCENTILE = 4000, 99.7
"""How many points are looked at to fit the picture around them, and how many of them are to be in it."""
_TOP, _BOTTOM = np.array([250.0, 248.0, 244.0]), np.array([221.0, 215.0, 206.0])
_APART = 0.3
"""Units between parts of the surface that make them separate things."""
_MAIN_SHARE = 0.5
"""Of the largest part's area: from here on another part belongs into the middle of the picture too."""
_SHADOW_CELL, _SHADOW_BLUR, _SHADOW_STRENGTH = 0.04, 0.14, 0.42
_SHADOW_COLOUR = np.array([96.0, 84.0, 70.0])


def focus(mesh: TexturedMesh) -> tuple[Float64, Float64]:
    """The two corners of a box around what was really scanned.

    What was seen in passing, through a door or a window, stays in the model as islands far away. A picture of them all
    would show the room as a speck: the box holds the largest connected part, and others of that order.
    """
    corners = mesh.vertices[mesh.faces].astype(np.float64)
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    middle = corners.mean(axis=1)
    cells = np.floor((middle - middle.min(axis=0)) / _APART).astype(np.int64)
    occupied = np.zeros(cells.max(axis=0) + 1, bool)
    occupied[tuple(cells.T)] = True
    parts, _ = ndimage.label(occupied, np.ones((3, 3, 3)))
    part = parts[tuple(cells.T)]
    areas = np.bincount(part, area)
    inside = middle[(areas >= _MAIN_SHARE * areas.max())[part]]
    low, high = np.percentile(inside, [0.5, 99.5], axis=0)
    return low, high


def doll_house_views(renderer: Renderer, aspect: float) -> list[View]:
    """The view from above that shows most, then two from other sides: the best of those unlike the ones before."""
    low, high = focus(renderer.mesh)
    vertices = renderer.mesh.vertices
    inside = vertices[((vertices >= low) & (vertices <= high)).all(axis=1)].astype(np.float64)
    inside = inside[:: max(1, len(inside) // _FITTED)]
    views, shown = [], []
    for step in range(_AZIMUTHS):
        azimuth = 2 * np.pi * step / _AZIMUTHS
        around = [_from(inside, azimuth, np.radians(elevation), aspect) for elevation in _ELEVATIONS]
        covered = [sum(renderer.coverage(view, 48, round(48 / aspect))) for view in around]
        views.append(around[int(np.argmax(covered))])
        shown.append(max(covered))
    chosen: list[int] = []
    for step in sorted(range(_AZIMUTHS), key=lambda step: -shown[step]):
        turns = [abs(step - other) for other in chosen]
        if all(min(turn, _AZIMUTHS - turn) >= _AZIMUTHS // 6 for turn in turns):
            chosen.append(step)
    return [views[step] for step in chosen[:3]]


def _from(points: Float64, azimuth: float, elevation: float, aspect: float) -> View:
    """A view of nearly all of (P, 3) points."""
    away = np.array([np.cos(elevation) * np.sin(azimuth), np.sin(elevation), np.cos(elevation) * np.cos(azimuth)])
    right = np.cross(-away, [0.0, 1.0, 0.0])
    right = right / np.linalg.norm(right)
    axes = np.stack([right, np.cross(right, -away), away])
    centre = points.mean(axis=0)
    half = np.tan(np.radians(_FIELD_OF_VIEW / 2)) * _MARGIN
    limits = np.array([half, half / aspect])
    distance = 1.0
    for _ in range(3):
        # What is in the middle of the picture depends on perspective, and so on the distance: it settles at once.
        across = (points - centre) @ axes.T
        distance = float(np.percentile(across[:, 2] + (np.abs(across[:, :2]) / limits).max(axis=1), _FIT_PERCENTILE))
        depth = np.maximum(distance - across[:, 2], 1e-3)
        seen = across[:, :2] / depth[:, None]
        middle = (np.percentile(seen, 100 - _FIT_PERCENTILE, axis=0) + np.percentile(seen, _FIT_PERCENTILE, axis=0)) / 2
        centre = centre + (middle * distance) @ axes[:2]
    return View(centre + away * distance, centre, _FIELD_OF_VIEW)


def doll_house(renderer: Renderer, view: View, width: int, height: int) -> UInt8:
    """(height, width, 3) sRGB: the room on a quiet ground, with a soft shadow under it."""
    return renderer.picture(view, _ground(renderer.mesh, view, width, height))


def backdrop(width: int, height: int) -> UInt8:
    """(height, width, 3) a quiet light from above."""
    return np.rint(_light(width, height)).astype(np.uint8)


def _light(width: int, height: int) -> Float64:
    share = np.linspace(0, 1, height)[:, None, None]
    return np.array(np.broadcast_to(_TOP * (1 - share) + _BOTTOM * share, (height, width, 3)))


def _ground(mesh: TexturedMesh, view: View, width: int, height: int) -> UInt8:
    """The backdrop with a shadow where the model stands, without which it would float."""
    light = _light(width, height)
    x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    origins, rays = view.rays(x.reshape(-1), y.reshape(-1), width / height)
    floor = float(np.percentile(mesh.vertices[:, 1], 0.5))
    down = rays[:, 1] < -1e-3
    distance = (floor - origins[:, 1]) / np.where(down, rays[:, 1], -1)
    where = (origins + rays * distance[:, None])[:, ::2]
    low = mesh.vertices[:, ::2].min(axis=0) - 4 * _SHADOW_BLUR
    shadow = _shadow(mesh, low)
    places = ((where - low) / _SHADOW_CELL - 0.5).reshape(height, width, 2).astype(np.float32)
    dark = cv2.remap(shadow, places[..., 0], places[..., 1], cv2.INTER_LINEAR, borderValue=0)
    dark = (dark * down.reshape(height, width))[..., None] * _SHADOW_STRENGTH
    ground: UInt8 = np.rint(light * (1 - dark) + _SHADOW_COLOUR * dark).astype(np.uint8)
    return ground


def _shadow(mesh: TexturedMesh, low: Float32) -> Float32:
    """(rows by z, columns by x) in 0..1, from `low` on: how much stands above each spot."""
    middle = mesh.vertices[mesh.faces].mean(axis=1)[:, ::2]
    cells = np.floor((middle - low) / _SHADOW_CELL).astype(np.int64)
    shape = np.floor((mesh.vertices[:, ::2].max(axis=0) - low) / _SHADOW_CELL).astype(int) + int(
        4 * _SHADOW_BLUR / _SHADOW_CELL,
    )
    covered = np.zeros((shape[1], shape[0]), np.float32)
    covered[np.minimum(cells[:, 1], shape[1] - 1), np.minimum(cells[:, 0], shape[0] - 1)] = 1
    # Faces may be larger than cells: closing joins what they leave open.
    covered = cv2.morphologyEx(covered, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8)).astype(np.float32)
    shadow: Float32 = cv2.GaussianBlur(covered, (0, 0), _SHADOW_BLUR / _SHADOW_CELL).astype(np.float32)
    return shadow
