"""Which parts of a surface were really seen from their front."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from garaza.reconstruction.prediction import Prediction
from garaza.reconstruction.surface.mesh import Mesh
from garaza.reconstruction.surface.normals import vertex_normals
from garaza.reconstruction.surface.topology import keep_faces

_MIN_COSINE = 0.1


def drop_unsupported(
    mesh: Mesh, prediction: Prediction, tolerance: float, granted: NDArray[np.bool_] | None = None
) -> Mesh:
    """Keep faces with corners that some view measured, from the front, within `tolerance` metres.

    Behind every surface the field turns positive again where a stray pixel saw through it, which makes a false shell
    that faces away from all cameras. This removes it, and floaters with it.

    Args:
        tolerance: metres.
        granted: (V,) vertices that need no view to speak for them.
    """
    supported = supporting_views(mesh, prediction, tolerance) > 0
    if granted is not None:
        supported |= granted
    keep = np.all(supported[mesh.faces], axis=1)
    return keep_faces(mesh, keep)


def supporting_views(mesh: Mesh, prediction: Prediction, tolerance: float) -> NDArray[np.int32]:
    """(V,) how many views measured each vertex from its front."""
    normals = vertex_normals(mesh)
    count = np.zeros(len(mesh.vertices), np.int32)
    height, width = prediction.depth.shape[1:]
    for view, intrinsics in enumerate(prediction.depth_intrinsics):
        rotation = prediction.extrinsics[view][:, :3].astype(np.float32)
        translation = prediction.extrinsics[view][:, 3].astype(np.float32)
        camera = mesh.vertices @ rotation.T + translation
        z = np.maximum(camera[:, 2], 1e-6)
        u = np.rint(intrinsics[0, 0] * camera[:, 0] / z + intrinsics[0, 2])
        v = np.rint(intrinsics[1, 1] * camera[:, 1] / z + intrinsics[1, 2])
        inside = (camera[:, 2] > 0.05) & (u >= 0) & (v >= 0) & (u < width) & (v < height)
        rows = np.nonzero(inside)[0]
        to_camera = -rotation.T @ translation - mesh.vertices[rows]
        cosine = np.einsum("ij,ij->i", normals[rows], to_camera) / np.linalg.norm(to_camera, axis=1)
        rows = rows[cosine > _MIN_COSINE]
        measured = prediction.depth[view][v[rows].astype(np.int32), u[rows].astype(np.int32)]
        count[rows[np.abs(measured - camera[rows, 2]) < tolerance]] += 1
    return count
