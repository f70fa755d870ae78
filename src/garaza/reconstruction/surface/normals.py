"""Normals and areas."""

from __future__ import annotations

import numpy as np

from garaza.reconstruction.prediction import Float32
from garaza.reconstruction.surface.mesh import Mesh


def face_normals_and_areas(mesh: Mesh) -> tuple[Float32, Float32]:
    """(F, 3) unit normals (zero for degenerate faces) and (F,) areas."""
    a, b, c = (mesh.vertices[mesh.faces[:, corner]] for corner in range(3))
    cross = np.cross(b - a, c - a)
    length = np.linalg.norm(cross, axis=1)
    normals = cross / np.maximum(length, 1e-20)[:, None]
    return normals.astype(np.float32), (length / 2).astype(np.float32)


def vertex_normals(mesh: Mesh) -> Float32:
    """(V, 3) unit normals, each the mean over the faces around, weighted by area."""
    a, b, c = (mesh.vertices[mesh.faces[:, corner]] for corner in range(3))
    cross = np.cross(b - a, c - a)
    total = np.zeros((len(mesh.vertices), 3), np.float64)
    for corner in range(3):
        for axis in range(3):
            total[:, axis] += np.bincount(mesh.faces[:, corner], cross[:, axis], len(mesh.vertices))
    normals: Float32 = (total / np.maximum(np.linalg.norm(total, axis=1), 1e-20)[:, None]).astype(np.float32)
    return normals
