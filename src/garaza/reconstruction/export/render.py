"""Pictures of a textured mesh, by ray tracing. Slow next to a graphics card, and runs everywhere."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray

from garaza.reconstruction.export.views import Camera
from garaza.reconstruction.prediction import Float32, UInt8
from garaza.reconstruction.surface.mesh import TexturedMesh

_MAX_LAYERS = 6
"""Back faces looked through on the way to a front face."""
_STEP = np.float32(2e-3)
"""Units behind a back face at which the ray goes on: past its rounding errors, short of the next surface."""
_BAND_RAYS = 300_000
"""Rays that are traced at a time: all of a large picture's would take half a gigabyte."""


class Renderer:
    """Renders one mesh from any number of cameras. Faces seen from behind are invisible, which opens rooms.

    Args:
        checkpoint: called some times a second while rendering; may raise to stop it.
    """

    def __init__(self, mesh: TexturedMesh, checkpoint: Callable[[], None] | None = None) -> None:
        self.mesh = mesh
        self._checkpoint = checkpoint
        corners = np.ascontiguousarray(mesh.vertices[mesh.faces], np.float32)
        self._corners = corners
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        self._normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-20)
        self._scene = EmbreeScene()
        TriangleMesh(self._scene, corners)

    def picture(self, camera: Camera, background: UInt8, supersampling: int = 2) -> UInt8:
        """(H, W, 3) sRGB over `background`, which has the same shape."""
        height, width = background.shape[:2]
        picture = np.empty_like(background)
        rows = max(1, _BAND_RAYS // (width * supersampling**2))
        for top in range(0, height, rows):
            bottom = min(top + rows, height)
            fine = np.repeat(np.repeat(background[top:bottom], supersampling, axis=0), supersampling, axis=1)
            colours = fine.reshape(-1, 3)
            faces, points = self._first_front_faces(*self._rays(camera, (top, bottom), (height, width), supersampling))
            hit = np.nonzero(faces >= 0)[0]
            colours[hit] = self._colours(faces[hit], points[hit])
            picture[top:bottom] = cv2.resize(
                colours.reshape(fine.shape),
                (width, bottom - top),
                interpolation=cv2.INTER_AREA,
            )
        return picture

    def coverage(self, camera: Camera, width: int, height: int) -> tuple[float, float]:
        """Share of the picture that shows the mesh, and share that shows it without looking through its back first."""
        rays = self._rays(camera, (0, height), (height, width), 1)
        faces, _ = self._first_front_faces(*rays)
        clear = (faces >= 0) & (self._scene.run(*rays) == faces)
        return float((faces >= 0).mean()), float(clear.mean())

    def _rays(
        self,
        camera: Camera,
        rows: tuple[int, int],
        shape: tuple[int, int],
        supersampling: int,
    ) -> tuple[Float32, Float32]:
        """Of some rows of a picture."""
        if self._checkpoint is not None:
            self._checkpoint()
        height, width = shape[0] * supersampling, shape[1] * supersampling
        x, y = np.meshgrid(
            (np.arange(width) + 0.5) / width,
            (np.arange(rows[0] * supersampling, rows[1] * supersampling) + 0.5) / height,
        )
        return camera.rays(x.reshape(-1), y.reshape(-1), width / height)

    def _first_front_faces(self, origins: Float32, rays: Float32) -> tuple[NDArray[np.int32], Float32]:
        """(P,) the face that each ray meets first from its front, -1: none; and (P, 3) where."""
        origins = origins.copy()
        faces = np.full(len(rays), -1, np.int32)
        points = np.zeros_like(rays)
        pending = np.arange(len(rays))
        for _ in range(_MAX_LAYERS):
            found = self._scene.run(origins[pending], rays[pending])
            pending, found = pending[found >= 0], found[found >= 0]
            if len(pending) == 0:
                break
            slope = np.einsum("ij,ij->i", self._normals[found], rays[pending])
            height = np.einsum("ij,ij->i", self._normals[found], self._corners[found, 0] - origins[pending])
            where = origins[pending] + rays[pending] * (height / np.where(np.abs(slope) < 1e-9, 1e-9, slope))[:, None]
            front = slope < 0
            faces[pending[front]] = found[front]
            points[pending[front]] = where[front]
            pending = pending[~front]
            origins[pending] = where[~front] + rays[pending] * _STEP
        return faces, points

    def _colours(self, faces: NDArray[np.int32], points: Float32) -> UInt8:
        """(P, 3) the texture at points on faces."""
        a, b, c = (self._corners[faces, corner] for corner in range(3))
        normals = self._normals[faces]
        area = np.einsum("ij,ij->i", np.cross(b - a, c - a), normals)
        weight_b = np.einsum("ij,ij->i", np.cross(points - a, c - a), normals) / np.maximum(area, 1e-20)
        weight_c = np.einsum("ij,ij->i", np.cross(b - a, points - a), normals) / np.maximum(area, 1e-20)
        weights = np.stack([1 - weight_b - weight_c, weight_b, weight_c], axis=1)
        uvs = np.einsum("ij,ijk->ik", weights, self.mesh.uvs[self.mesh.faces[faces]])
        size = self.mesh.texture.shape[0]
        texels = np.clip((uvs * size).astype(np.int32), 0, size - 1)
        colours: UInt8 = self.mesh.texture[texels[:, 1], texels[:, 0]]
        return colours
