"""Taking the noise out of a surface without shrinking it."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array

from garaza.reconstruction.surface.mesh import Mesh
from garaza.reconstruction.surface.topology import edges

_SHRINK, _GROW = 0.5, -0.53
"""Pass band as Taubin recommends: 1/shrink + 1/grow = 0.1."""


def smooth(mesh: Mesh, rounds: int) -> Mesh:
    """Taubin's lambda-mu filter (1995). Border vertices move only along the border, so holes don't creep open."""
    lines, side_edges = edges(mesh.faces)
    on_border = np.bincount(side_edges, minlength=len(lines)) == 1
    border_vertex = np.zeros(len(mesh.vertices), np.bool_)
    border_vertex[lines[on_border]] = True
    # Between two border vertices only border edges pull; elsewhere all do.
    pulls = ~(border_vertex[lines[:, 0]] | border_vertex[lines[:, 1]]) | on_border
    one_sided = ~pulls & ~(border_vertex[lines[:, 0]] & border_vertex[lines[:, 1]])
    rows = [lines[pulls, 0], lines[pulls, 1]]
    columns = [lines[pulls, 1], lines[pulls, 0]]
    for inner, outer in ((0, 1), (1, 0)):
        # An inner vertex is pulled by a border one, but not the other way round.
        chosen = one_sided & ~border_vertex[lines[:, inner]]
        rows.append(lines[chosen, inner])
        columns.append(lines[chosen, outer])
    row, column = np.concatenate(rows), np.concatenate(columns)
    count = len(mesh.vertices)
    degree = np.maximum(np.bincount(row, minlength=count), 1)
    mean = coo_array((1.0 / degree[row], (row, column)), shape=(count, count)).tocsr()
    alone = np.bincount(row, minlength=count) == 0
    vertices = mesh.vertices.astype(np.float64)
    for _ in range(rounds):
        for factor in (_SHRINK, _GROW):
            delta = mean @ vertices - vertices
            delta[alone] = 0
            vertices = vertices + factor * delta
    return Mesh(vertices.astype(np.float32), mesh.faces)
