"""From depth maps to a raw surface."""

from __future__ import annotations

import numpy as np

from garaza.reconstruction.prediction import Prediction
from garaza.reconstruction.progress import Monitor
from garaza.reconstruction.surface.completion import complete_planes, taken_for_granted
from garaza.reconstruction.surface.mesh import Mesh
from garaza.reconstruction.surface.nets import extract
from garaza.reconstruction.surface.planes import find_planes
from garaza.reconstruction.surface.support import drop_unsupported
from garaza.reconstruction.surface.volume import integrate

_MIN_WEIGHT_PERCENTILE = 3
"""Of all weights that are not zero: what was seen least is mostly wrong."""


def fuse(prediction: Prediction, voxel_size: float, monitor: Monitor) -> Mesh:
    """One surface from all depth maps, where they agree with it.

    Args:
        prediction: in the room's frame (metres, y up).
        voxel_size: metres.

    Returns:
        The surface, counter-clockwise seen from where it was filmed; may be empty.
    """
    volume = integrate(prediction, voxel_size, monitor)
    seen = volume.weight[volume.weight > 0]
    min_weight = (
        float(np.percentile(seen[:: max(1, len(seen) // 1_000_000)], _MIN_WEIGHT_PERCENTILE)) if len(seen) else 1
    )
    monitor.checkpoint()
    mesh = drop_unsupported(extract(volume, min_weight), prediction, volume.truncation)
    monitor.checkpoint()
    planes = find_planes(mesh, tolerance=1.5 * volume.voxel_size, min_area=0.4)
    completed = complete_planes(volume, mesh, planes, min_weight)
    monitor.checkpoint()
    mesh = extract(volume, min_weight)
    return drop_unsupported(mesh, prediction, volume.truncation, taken_for_granted(mesh, volume, planes, completed))
