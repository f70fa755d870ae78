"""Making a finished model metric: a new folder with the new scale, sharing what does not depend on it."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from garaza.reconstruction.cameras.scale import Scale
from garaza.reconstruction.export.folder import finish
from garaza.reconstruction.export.glb import rescale_glb
from garaza.reconstruction.export.ply import rescale_ply
from garaza.reconstruction.export.report import SCALE_WARNINGS, rescale_report
from garaza.reconstruction.partial import complete_or_nothing
from garaza.reconstruction.result import Result


def rescale(folder: Path, out: Path, scale: Scale) -> Result:
    """Write the result in `folder` with another scale into `out`, which may be `folder` itself.

    Geometry in model units (cameras, depth) stays; models, points and report say metres and are written anew. Files
    that stay are hard links where the file system has them: a new scale costs no second copy of the depth.
    """
    result = Result.read(folder)
    factor = scale.metres_per_unit / result.scale.metres_per_unit
    warnings = [warning for warning in result.warnings if not warning.startswith(SCALE_WARNINGS)]
    rescaled = dataclasses.replace(result, scale=scale, warnings=warnings)
    with complete_or_nothing(out) as partial:
        for file in result.files:
            source, target = folder / file.path, partial / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.suffix == ".glb":
                rescale_glb(source, target, factor, scale.metres_per_unit)
            elif source.suffix == ".ply":
                rescale_ply(source, target, factor)
            elif source.name == "report.html":
                rescale_report(source, target, rescaled)
            else:
                _link(source, target)
        return finish(partial, rescaled)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        target.write_bytes(source.read_bytes())
