"""Fewer faces for the same shape."""

from __future__ import annotations

import fast_simplification
import numpy as np

from garaza.reconstruction.surface.clean import drop_degenerate
from garaza.reconstruction.surface.mesh import Mesh


def simplify(mesh: Mesh, max_faces: int) -> Mesh:
    """At most `max_faces` faces, by quadric error metrics (Garland and Heckbert 1997)."""
    if len(mesh.faces) <= max_faces:
        return mesh
    vertices, faces = fast_simplification.simplify(
        np.ascontiguousarray(mesh.vertices, np.float32),
        np.ascontiguousarray(mesh.faces, np.int32),
        target_count=max_faces,
        agg=5,
    )
    return drop_degenerate(Mesh(vertices.astype(np.float32), faces.astype(np.int32)))
