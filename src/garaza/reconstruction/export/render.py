"""Pictures of a textured mesh, by ray tracing. Slow next to a graphics card, and runs everywhere."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray

from garaza.reconstruction.prediction import Float32, Float64, UInt8
from garaza.reconstruction.surface.mesh import TexturedMesh

_MAX_LAYERS = 6
"""Back faces looked through on the way to a front face."""
_STEP = 1e-3
"""How far behind a back face the next ray begins, as a share of the view's distance."""


@dataclass(frozen=True, slots=True)
class View:
    """A perspective camera in the mesh's world, y up."""

    eye: Float64
    """(3,)."""
    target: Float64
    """(3,) seen in the middle of the picture."""
    field_of_view: float
    """Horizontal, degrees."""


class Renderer:
    """Renders one mesh from any number of views. Faces seen from behind are invisible, which opens rooms."""

    def __init__(self, mesh: TexturedMesh) -> None:
        self._mesh = mesh
        corners = np.ascontiguousarray(mesh.vertices[mesh.faces], np.float32)
        self._corners = corners
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        self._normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-20)
        self._scene = EmbreeScene()
        TriangleMesh(self._scene, corners)

    def picture(self, view: View, width: int, height: int, background: UInt8, supersampling: int = 2) -> UInt8:
        """(height, width, 3) sRGB over `background` of the same shape."""
        wide, high = width * supersampling, height * supersampling
        rays = _rays(view, wide, high)
        faces, points = self._first_front_faces(view, rays)
        large = cv2.resize(background, (wide, high), interpolation=cv2.INTER_LINEAR).reshape(-1, 3).astype(np.uint8)
        hit = np.nonzero(faces >= 0)[0]
        large[hit] = self._colours(faces[hit], points[hit])
        small = cv2.resize(large.reshape(high, wide, 3), (width, height), interpolation=cv2.INTER_AREA)
        picture: UInt8 = small.astype(np.uint8)
        return picture

    def coverage(self, view: View, width: int, height: int) -> float:
        """Share of the picture that shows the mesh."""
        faces, _ = self._first_front_faces(view, _rays(view, width, height))
        return float((faces >= 0).mean())

    def _first_front_faces(self, view: View, rays: Float32) -> tuple[NDArray[np.int32], Float32]:
        """(P,) the face that each ray meets first from its front, -1: none; and (P, 3) where."""
        faces = np.full(len(rays), -1, np.int32)
        points = np.zeros_like(rays)
        origins = np.broadcast_to(view.eye.astype(np.float32), rays.shape).copy()
        step = np.float32(_STEP * np.linalg.norm(view.target - view.eye))
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
            origins[pending] = where[~front] + rays[pending] * step
        return faces, points

    def _colours(self, faces: NDArray[np.int32], points: Float32) -> UInt8:
        """(P, 3) the texture at points on faces."""
        a, b, c = (self._corners[faces, corner] for corner in range(3))
        normals = self._normals[faces]
        area = np.einsum("ij,ij->i", np.cross(b - a, c - a), normals)
        weight_b = np.einsum("ij,ij->i", np.cross(points - a, c - a), normals) / np.maximum(area, 1e-20)
        weight_c = np.einsum("ij,ij->i", np.cross(b - a, points - a), normals) / np.maximum(area, 1e-20)
        weights = np.stack([1 - weight_b - weight_c, weight_b, weight_c], axis=1)
        uvs = np.einsum("ij,ijk->ik", weights, self._mesh.uvs[self._mesh.faces[faces]])
        size = self._mesh.texture.shape[0]
        texels = np.clip((uvs * size).astype(np.int32), 0, size - 1)
        colours: UInt8 = self._mesh.texture[texels[:, 1], texels[:, 0]]
        return colours


def _rays(view: View, width: int, height: int) -> Float32:
    """(width * height, 3) unit directions, row by row."""
    forward = view.target - view.eye
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 1.0, 0.0])
    right = right / max(float(np.linalg.norm(right)), 1e-9)
    up = np.cross(right, forward)
    half = np.tan(np.radians(view.field_of_view / 2))
    x, y = np.meshgrid((np.arange(width) + 0.5) / width * 2 - 1, 1 - (np.arange(height) + 0.5) / height * 2)
    rays = forward + x[..., None] * half * right + y[..., None] * half * (height / width) * up
    rays = rays.reshape(-1, 3)
    unit: Float32 = (rays / np.linalg.norm(rays, axis=1, keepdims=True)).astype(np.float32)
    return unit
