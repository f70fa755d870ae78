"""The surface in three sizes."""

from __future__ import annotations

from garaza.reconstruction.quality import QualitySettings
from garaza.reconstruction.surface.mesh import Mesh
from garaza.reconstruction.surface.simplify import simplify


def levels(mesh: Mesh, settings: QualitySettings) -> dict[str, Mesh]:
    """Under "full", "medium" and "preview", each made from the one before: cheaper, and as good."""
    full = simplify(mesh, settings.full_faces)
    medium = simplify(full, settings.medium_faces)
    preview = simplify(medium, settings.preview_faces)
    return {"full": full, "medium": medium, "preview": preview}
