"""Depth maps made better by the surface that was made of them.

A depth map is what one picture and a few others say; the surface is the mean of what all of them say, smoother and
nearer to the truth, but it lacks what is thin, and its outlines are a voxel's width off. So depth becomes the surface's
where both agree and where nothing was measured, stays what was measured where they don't, and gets its outlines from
the picture.

The constants were chosen on the sample clip; decision 0004 has figures of a room that they were not chosen on, too.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene

from garaza.reconstruction.depth.outlines import sharpen_outlines
from garaza.reconstruction.depth.pool import Stop, for_each_view
from garaza.reconstruction.depth.smoothing import fit_planes
from garaza.reconstruction.prediction import Float32, Float64, Prediction, UInt8
from garaza.reconstruction.progress import Monitor
from garaza.reconstruction.surface.mesh import Mesh, TexturedMesh

MODELLED = 0.1
"""Confidence where only the surface says how deep it is: below all that was measured or laid as a plane."""
_SAME = 0.08
"""Of the depth: what differs by less is the same surface."""
_NOWHERE = 1e30
"""Embree's distance of a ray that meets nothing is 1e37."""
_PLANE_STEP = 0.025
"""Of a picture's median inverse depth: see `fit_planes`."""
_PLANE_ROUNDS = 3


def refine_depth(
    prediction: Prediction, surface: Mesh | TexturedMesh, monitor: Monitor, start: float, end: float
) -> Prediction:
    """The prediction with better depth, and with some where there was none (confidence `MODELLED`).

    Args:
        surface: in the prediction's world.
        start, end: the part of the stage's progress that this is.

    Raises:
        Cancelled: from the monitor.
    """
    scene = EmbreeScene()
    TriangleMesh(scene, np.ascontiguousarray(surface.vertices[surface.faces], np.float32))
    # The first ray builds the tree. Two threads must not both do so.
    scene.run(np.zeros((1, 3), np.float32), np.ones((1, 3), np.float32))
    depth = np.empty_like(prediction.depth)
    pinholes = prediction.depth_intrinsics

    def refine(row: int, stop: Stop) -> None:
        stop.checkpoint()
        measured = prediction.depth[row]
        modelled = depth_of_surface(scene, pinholes[row], prediction.extrinsics[row], measured.shape)
        stop.checkpoint()
        depth[row] = refine_view(measured, modelled, prediction.images[row])

    for_each_view(len(depth), refine, monitor, start, end, "Making depth agree with the model")
    return replace(prediction, depth=depth, confidence=confidence_of(depth, prediction))


def confidence_of(depth: Float32, measured: Prediction) -> Float32:
    """(N, h, w) what was known about measured depth, and `MODELLED` where only `depth` has one."""
    confidence = np.where(measured.confidence > 0, measured.confidence, np.float32(MODELLED))
    return np.where(depth > 0, confidence, 0).astype(np.float32)


def depth_of_surface(scene: EmbreeScene, pinhole: Float64, extrinsics: Float64, shape: tuple[int, ...]) -> Float32:
    """(h, w) z-depth of the first face in each pixel's direction, 0: none.

    Args:
        pinhole: (3, 3) intrinsics in pixels of `shape`; extrinsics: (3, 4) world-to-camera.
    """
    height, width = shape
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    camera = np.stack(
        [(x - pinhole[0, 2]) / pinhole[0, 0], (y - pinhole[1, 2]) / pinhole[1, 1], np.ones(shape)], axis=-1
    ).reshape(-1, 3)
    lengths = np.linalg.norm(camera, axis=1)
    rays = np.ascontiguousarray(camera @ extrinsics[:, :3] / lengths[:, None], np.float32)
    centre = -extrinsics[:, :3].T @ extrinsics[:, 3]
    origins = np.ascontiguousarray(np.broadcast_to(centre, rays.shape), np.float32)
    distances = scene.run(origins, rays, query="DISTANCE")
    return np.where(distances < _NOWHERE, distances / lengths, 0).reshape(shape).astype(np.float32)


def refine_view(measured: Float32, modelled: Float32, image: UInt8) -> Float32:
    """(h, w) depth of a picture from what was measured in it and what the model's surface has there, both (h, w).

    Args:
        image: (H, W, 3) RGB, of the same field of view.
    """
    agree = (modelled > 0) & (np.abs(modelled - measured) < _SAME * measured)
    sharp = sharpen_outlines(np.where((measured > 0) & ~agree, measured, modelled), image)
    known = sharp > 0
    if not known.any():
        return sharp
    inverse = np.zeros_like(sharp)
    inverse[known] = 1 / sharp[known]
    step = _PLANE_STEP * float(np.median(inverse[known]))
    for _ in range(_PLANE_ROUNDS):
        inverse = np.ascontiguousarray(fit_planes(inverse, step)[..., 0])
    refined = np.zeros_like(sharp)
    # A plane that leaves the picture's depth behind is none of this pixel's.
    sound = known & (inverse > 0)
    refined[sound] = 1 / inverse[sound]
    return np.where(np.abs(refined - sharp) < _SAME * sharp, refined, sharp).astype(np.float32)
