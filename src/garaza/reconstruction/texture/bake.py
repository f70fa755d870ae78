"""From a mesh and the images it was filmed in to a textured mesh.

After Waechter, Moehrle and Goesele, "Let There Be Color! Large-Scale Texturing of 3D Reconstructions" (2014).
"""

from __future__ import annotations

import numpy as np

from garaza.reconstruction.prediction import Prediction
from garaza.reconstruction.progress import Monitor
from garaza.reconstruction.surface.mesh import Mesh, TexturedMesh
from garaza.reconstruction.surface.normals import vertex_normals
from garaza.reconstruction.texture.charts import cut
from garaza.reconstruction.texture.exposure import view_gains
from garaza.reconstruction.texture.labelling import choose_views
from garaza.reconstruction.texture.packing import pack
from garaza.reconstruction.texture.raster import paint
from garaza.reconstruction.texture.seams import corner_colours, fill_unseen, is_unseen, level
from garaza.reconstruction.texture.visibility import view_quality


def bake(mesh: Mesh, prediction: Prediction, texture_size: int, monitor: Monitor) -> TexturedMesh:
    """Give each face its picture, from the view that shows it best, with views brought to the same exposure.

    Args:
        mesh: in the prediction's world.
        texture_size: edge of the square atlas at most; smaller where the images have no more to give.

    Returns:
        Faces in the order of `mesh`; vertices repeated where charts meet.
    """
    quality = view_quality(mesh, prediction, monitor)
    gains = view_gains(mesh, prediction, quality)
    labels = choose_views(mesh, prediction, quality, gains, monitor)
    del quality
    monitor.report(0.6, "Evening out the light")
    charts = cut(mesh, prediction, labels)
    colours = corner_colours(charts, prediction, gains)
    offsets = level(charts, colours)
    monitor.report(0.8, "Painting")
    unseen = is_unseen(charts)
    offsets[unseen] = fill_unseen(mesh, charts, colours + offsets)[unseen]
    layout = pack(charts, texture_size)
    texture = paint(charts, layout, prediction, gains, offsets, monitor)
    monitor.report(1.0, "Painted")
    return TexturedMesh(
        vertices=mesh.vertices[charts.corner_vertex],
        faces=charts.face_corners,
        normals=vertex_normals(mesh)[charts.corner_vertex],
        uvs=((layout.texels(charts) + 0.5) / layout.size).astype(np.float32),
        texture=texture,
    )
