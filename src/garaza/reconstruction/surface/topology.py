"""How faces hang together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from garaza.reconstruction.surface.mesh import Mesh


def keep_faces(mesh: Mesh, keep: NDArray[np.bool_]) -> Mesh:
    """The faces that are kept, without the vertices that only the others used."""
    faces = mesh.faces[keep]
    used = np.zeros(len(mesh.vertices), np.bool_)
    used[faces] = True
    renumbered = np.cumsum(used, dtype=np.int32) - 1
    return Mesh(mesh.vertices[used], renumbered[faces].astype(np.int32))


def face_components(faces: NDArray[np.int32], vertex_count: int) -> NDArray[np.int32]:
    """(F,) number of the component of each face; faces that share a vertex are in the same one."""
    rows = np.concatenate([faces[:, 0], faces[:, 1]])
    columns = np.concatenate([faces[:, 1], faces[:, 2]])
    graph = coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(vertex_count, vertex_count))
    _, labels = connected_components(graph, directed=False)
    component: NDArray[np.int32] = labels[faces[:, 0]].astype(np.int32)
    return component


def edges(faces: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """(E, 2) edges, lower vertex first, and (3F,) the edge of each side of each face (side i: corners i and i+1)."""
    sides = np.stack([faces, np.roll(faces, -1, axis=1)], axis=2).reshape(-1, 2)
    unique, inverse = np.unique(np.sort(sides, axis=1), axis=0, return_inverse=True)
    return unique.astype(np.int32), inverse.reshape(-1).astype(np.int32)


def face_neighbours(faces: NDArray[np.int32]) -> NDArray[np.int32]:
    """(F, 3) the face across each side, -1 at a border; of an edge with more than two faces, one pair is taken."""
    _, side_edges = edges(faces)
    order = np.argsort(side_edges, kind="stable")
    same = side_edges[order][1:] == side_edges[order][:-1]
    first, second = order[:-1][same], order[1:][same]
    neighbours = np.full(faces.size, -1, np.int32)
    neighbours[first] = second // 3
    neighbours[second] = first // 3
    return neighbours.reshape(-1, 3)
