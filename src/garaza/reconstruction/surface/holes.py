"""Closing small holes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from garaza.reconstruction.surface.mesh import Mesh
from garaza.reconstruction.surface.topology import edges


def fill_holes(mesh: Mesh, max_edges: int, max_perimeter: float) -> Mesh:
    """Close border loops that are short in both senses with a fan around their middle.

    Larger holes stay: what nobody saw is not invented. The model's outer border is a loop too, and long.
    """
    centres: list[NDArray[np.float32]] = []
    fans: list[NDArray[np.int32]] = []
    for loop in border_loops(mesh.faces):
        if not 3 <= len(loop) <= max_edges:
            continue
        corners = mesh.vertices[loop]
        perimeter = float(np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1).sum())
        if perimeter > max_perimeter:
            continue
        centre = len(mesh.vertices) + len(centres)
        centres.append(corners.mean(axis=0))
        fans.append(np.stack([loop, np.roll(loop, -1), np.full(len(loop), centre)], axis=1).astype(np.int32))
    if not fans:
        return mesh
    return Mesh(np.concatenate([mesh.vertices, np.stack(centres)]), np.concatenate([mesh.faces, *fans]))


def border_loops(faces: NDArray[np.int32]) -> list[NDArray[np.int32]]:
    """Closed walks along the border, in the direction that new faces beside it need.

    A vertex where two holes touch ends a loop early; what is left over there is no closed walk and is not returned.
    """
    sides = np.stack([faces, np.roll(faces, -1, axis=1)], axis=2).reshape(-1, 2)
    lines, side_edges = edges(faces)
    border = sides[np.bincount(side_edges, minlength=len(lines))[side_edges] == 1]
    # A face's own side runs a → b; the face that closes the hole beside it runs b → a.
    following: dict[int, list[int]] = {}
    for a, b in border:
        following.setdefault(int(b), []).append(int(a))
    loops: list[NDArray[np.int32]] = []
    for start in list(following):
        while following.get(start):
            walk = [start]
            here = following[start].pop()
            while here != start and following.get(here) and len(walk) <= len(border):
                walk.append(here)
                here = following[here].pop()
            if here == start:
                loops.append(np.array(walk, np.int32))
    return loops
