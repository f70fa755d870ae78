"""Which views see which faces, and how well."""

from __future__ import annotations

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray

from garaza.reconstruction.prediction import Float32, Float64, Prediction
from garaza.reconstruction.progress import Monitor
from garaza.reconstruction.surface.mesh import Mesh
from garaza.reconstruction.surface.normals import face_normals_and_areas

_MIN_COSINE = 0.12
_SLACK = 0.015
"""Relative distance by which something must be nearer to hide a face: neighbours on a bumpy surface don't count."""
_HIDDEN = 0.05
"""Relative distance by which a measured depth must be nearer to mean that something else was seen."""
_BORDER_PIXELS = 3.0


def camera_centres(extrinsics: Float64) -> Float64:
    """(N, 3) in the world."""
    centres: Float64 = -np.einsum("nij,ni->nj", extrinsics[:, :, :3], extrinsics[:, :, 3])
    return centres


def project(points: Float32, intrinsics: Float64, extrinsics: Float64) -> tuple[Float32, Float32]:
    """(P, 2) pixels and (P,) z of world points in one view."""
    camera = points @ extrinsics[:, :3].T.astype(np.float32) + extrinsics[:, 3].astype(np.float32)
    z = camera[:, 2]
    safe = np.where(np.abs(z) < 1e-6, 1e-6, z)
    u = intrinsics[0, 0] * camera[:, 0] / safe + intrinsics[0, 2]
    v = intrinsics[1, 1] * camera[:, 1] / safe + intrinsics[1, 2]
    return np.stack([u, v], axis=1).astype(np.float32), z


def view_quality(mesh: Mesh, prediction: Prediction, monitor: Monitor) -> Float32:
    """(F, N) pixels that each face covers in each view; 0 where the view can't see all of it from its front."""
    normals, _ = face_normals_and_areas(mesh)
    centres = mesh.vertices[mesh.faces].mean(axis=1)
    scene = EmbreeScene()
    TriangleMesh(scene, np.ascontiguousarray(mesh.vertices[mesh.faces], np.float32))
    cameras = camera_centres(prediction.extrinsics).astype(np.float32)
    height, width = prediction.images.shape[1:3]
    quality = np.zeros((len(mesh.faces), len(cameras)), np.float32)
    measured, hidden = np.zeros(len(mesh.faces), np.bool_), np.zeros(len(mesh.faces), np.bool_)
    for view, camera in enumerate(cameras):
        monitor.report(0.3 * view / len(cameras), "Choosing the best picture of each spot", view, len(cameras))
        pixels, z = project(mesh.vertices, prediction.intrinsics[view], prediction.extrinsics[view])
        inside = (
            (z > 0.05)
            & (pixels[:, 0] > _BORDER_PIXELS)
            & (pixels[:, 1] > _BORDER_PIXELS)
            & (pixels[:, 0] < width - 1 - _BORDER_PIXELS)
            & (pixels[:, 1] < height - 1 - _BORDER_PIXELS)
        )
        rays = centres - camera
        distances = np.linalg.norm(rays, axis=1)
        cosine = -np.einsum("ij,ij->i", rays, normals) / np.maximum(distances, 1e-6)
        faces = np.nonzero(inside[mesh.faces].all(axis=1) & (cosine > _MIN_COSINE))[0]
        if len(faces) == 0:
            continue
        faces = faces[_unhidden(scene, camera, rays[faces], distances[faces])]
        depth, z = _depth_at(prediction, view, centres[faces])
        before = (depth > 0) & (depth < z * (1 - _HIDDEN))
        measured[faces[(depth > 0) & ~before]] = True
        hidden[faces[before]] = True
        faces, unsure = faces[~before], depth[~before] == 0
        a, b, c = (pixels[mesh.faces[faces, corner]] for corner in range(3))
        area = np.abs((b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])) / 2
        quality[faces, view] = np.where(unsure, -1, 1) * np.maximum(area, 1e-3)
    # The mesh alone doesn't say who sees what: a thin or shiny thing that is missing in it would be painted on the wall
    # behind. So views that measured a face come first; those that have no depth there count only where none did, and
    # not where others saw something before it.
    quality[measured | hidden] = np.maximum(quality[measured | hidden], 0)
    return np.abs(quality)


def _depth_at(prediction: Prediction, view: int, points: Float32) -> tuple[Float32, Float32]:
    """(P,) what the view measured in the direction of each point, 0: nothing; and (P,) the point's own depth."""
    pixels, z = project(points, prediction.depth_intrinsics[view], prediction.extrinsics[view])
    depth = prediction.depth[view]
    column = np.clip(np.rint(pixels[:, 0]), 0, depth.shape[1] - 1).astype(np.int32)
    row = np.clip(np.rint(pixels[:, 1]), 0, depth.shape[0] - 1).astype(np.int32)
    return depth[row, column], z


def _unhidden(
    scene: EmbreeScene,
    camera: NDArray[np.float32],
    rays: Float32,
    distances: Float32,
) -> NDArray[np.bool_]:
    """Whether nothing is clearly nearer to the camera than the end of each ray. The rays' length is the unit here."""
    origins = np.ascontiguousarray(np.broadcast_to(camera, rays.shape), np.float32)
    hits = scene.run(origins, np.ascontiguousarray(rays / distances[:, None], np.float32), query="DISTANCE")
    clear: NDArray[np.bool_] = hits >= distances * (1 - _SLACK)
    return clear
