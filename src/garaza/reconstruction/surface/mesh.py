"""Triangle meshes as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from garaza.reconstruction.prediction import Float32, UInt8


@dataclass(frozen=True, slots=True)
class Mesh:
    """A surface. Faces are counter-clockwise seen from the side that was filmed, so culling back faces opens a room."""

    vertices: Float32
    """(V, 3) world units."""
    faces: NDArray[np.int32]
    """(F, 3)."""


@dataclass(frozen=True, slots=True)
class TexturedMesh:
    """A surface with its picture. Vertices are repeated where charts of the atlas meet."""

    vertices: Float32
    """(V, 3) world units."""
    faces: NDArray[np.int32]
    """(F, 3), counter-clockwise seen from the filmed side."""
    normals: Float32
    """(V, 3) unit length, towards the filmed side, smooth over chart borders."""
    uvs: Float32
    """(V, 2) in 0..1, origin at the top-left of the texture (glTF's convention)."""
    texture: UInt8
    """(S, S, 3) sRGB."""
