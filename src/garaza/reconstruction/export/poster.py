"""The picture that stands for a scan: the room as a doll's house, seen from above one of its corners."""

from __future__ import annotations

import numpy as np

from garaza.reconstruction.export.render import Renderer, View
from garaza.reconstruction.prediction import Float64, UInt8
from garaza.reconstruction.surface.mesh import TexturedMesh

_FIELD_OF_VIEW = 38.0
_ELEVATIONS = (32.0, 48.0)
_AZIMUTHS = 12
_TOP, _BOTTOM = np.array([250, 248, 244]), np.array([222, 217, 209])


def doll_house_view(mesh: TexturedMesh, renderer: Renderer, aspect: float) -> View:
    """Of some views from all around, the one that shows most."""
    low, high = np.percentile(mesh.vertices.astype(np.float64), [1, 99], axis=0)
    centre = (low + high) / 2
    best: tuple[float, View] | None = None
    for elevation in np.radians(_ELEVATIONS):
        for azimuth in np.linspace(0, 2 * np.pi, _AZIMUTHS, endpoint=False):
            away = np.array(
                [np.cos(elevation) * np.sin(azimuth), np.sin(elevation), np.cos(elevation) * np.cos(azimuth)],
            )
            view = View(centre + away * _distance(low, high, away, aspect), centre, _FIELD_OF_VIEW)
            shown = renderer.coverage(view, 48, round(48 / aspect))
            if best is None or shown > best[0]:
                best = shown, view
    assert best is not None
    return best[1]


def _distance(low: Float64, high: Float64, away: Float64, aspect: float) -> float:
    """From the centre of a box, so that all of it is in the picture."""
    corners = np.array([[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])
    corners = corners - (low + high) / 2
    right = np.cross(-away, [0.0, 1.0, 0.0])
    right = right / np.linalg.norm(right)
    up = np.cross(right, -away)
    half = np.tan(np.radians(_FIELD_OF_VIEW / 2)) * 0.96
    needed = [corner @ away + max(abs(corner @ right) / half, abs(corner @ up) / (half / aspect)) for corner in corners]
    return float(max(needed))


def poster(mesh: TexturedMesh, renderer: Renderer, width: int, height: int) -> UInt8:
    """(height, width, 3) sRGB."""
    view = doll_house_view(mesh, renderer, width / height)
    return renderer.picture(view, width, height, background(width, height))


def background(width: int, height: int) -> UInt8:
    """(height, width, 3) a quiet light from above."""
    share = np.linspace(0, 1, height)[:, None, None]
    colours: UInt8 = np.broadcast_to(_TOP * (1 - share) + _BOTTOM * share, (height, width, 3)).astype(np.uint8)
    return colours
