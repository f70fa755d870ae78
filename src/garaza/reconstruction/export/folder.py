"""Everything that a reconstruction is handed out as, in one folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from garaza.reconstruction.cameras.scale import Scale
from garaza.reconstruction.export.cameras import write_cameras
from garaza.reconstruction.export.depth import write_depth
from garaza.reconstruction.export.glb import write_glb
from garaza.reconstruction.export.meshopt_glb import write_meshopt_glb
from garaza.reconstruction.export.pictures import POSTER_SIZE, take_pictures
from garaza.reconstruction.export.ply import dense_points, write_ply
from garaza.reconstruction.export.report import write_report
from garaza.reconstruction.frames import FrameChoice, Keyframes
from garaza.reconstruction.prediction import Prediction, UInt8
from garaza.reconstruction.progress import Monitor, Stage
from garaza.reconstruction.result import RESULT_FILE, ModelLevel, Result, ResultFrame, describe_file
from garaza.reconstruction.surface.mesh import TexturedMesh
from garaza.reconstruction.surface.refine import refine_depth

POINT_SPACING = 0.012
"""Metres between points of the cloud."""
THUMBNAIL_SIZE = (480, 300)
_NAMES = {"full": "model", "medium": "model_medium", "preview": "model_preview"}


@dataclass(frozen=True, slots=True)
class Finished:
    """What the stages before export have made."""

    quality: str
    keyframes: Keyframes | FrameChoice
    prediction: Prediction
    """In the room's frame."""
    scale: Scale
    floor_found: bool
    models: dict[str, TexturedMesh]
    """By level: full, medium, preview."""
    warnings: list[str]


def write_folder(folder: Path, finished: Finished, monitor: Monitor) -> Result:
    """Write all files into the empty `folder`, `result.json` last."""
    prediction = finished.prediction
    indices = [int(finished.keyframes.source_indices[i]) for i in prediction.frame_indices]
    times = [float(finished.keyframes.times[i]) for i in prediction.frame_indices]
    with monitor.stage(Stage.EXPORT, "Writing the files"):
        models = _write_models(folder, finished.models, finished.scale.metres_per_unit, monitor)
        prediction = refine_depth(prediction, finished.models["full"], monitor, 0.2, 0.4)
        points, colours = dense_points(prediction, POINT_SPACING)
        write_ply(folder / "points.ply", points * finished.scale.metres_per_unit, colours)
        monitor.report(0.4, "Writing depth")
        write_depth(folder / "depth", prediction, indices)
        write_cameras(folder / "cameras.json", prediction, indices, times)
        monitor.report(0.7, "Taking its picture")
        pictures = take_pictures(finished.models["medium"], prediction, monitor.checkpoint)
        _save(folder / "poster.jpg", pictures.poster, POSTER_SIZE)
        _save(folder / "thumbnail.jpg", pictures.poster, THUMBNAIL_SIZE)
    result = Result(
        engine=prediction.engine,
        quality=finished.quality,
        source=finished.keyframes.source,
        keyframes=len(finished.keyframes.source_indices),
        frames=[
            ResultFrame(index, time, prediction.depth.shape[2], prediction.depth.shape[1])
            for index, time in zip(indices, times, strict=True)
        ],
        scale=finished.scale,
        floor_found=finished.floor_found,
        room=None,
        models=models,
        points=len(points),
        files=[],
        stages=list(monitor.costs),
        warnings=finished.warnings,
    )
    # The report shows the costs of all stages, its own included but for itself: it comes after the clock has stopped.
    write_report(folder / "report.html", result, folder, prediction, pictures)
    return finish(folder, result)


def finish(folder: Path, result: Result) -> Result:
    """List the files in `folder` in the result, and write it there."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != RESULT_FILE)
    complete = result.with_files([describe_file(folder, path) for path in paths])
    (folder / RESULT_FILE).write_text(complete.to_json(), encoding="utf-8")
    # Whoever renames the folder into place says that it is complete: it must be so after a power cut too.
    for path in [*paths, folder / RESULT_FILE]:
        _sync(path)
    return complete


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _write_models(
    folder: Path,
    models: dict[str, TexturedMesh],
    metres_per_unit: float,
    monitor: Monitor,
) -> list[ModelLevel]:
    written = []
    for level in ("preview", "medium", "full"):
        monitor.checkpoint()
        mesh, name = models[level], _NAMES[level]
        plain, meshopt = f"{name}.glb", f"{name}.meshopt.glb"
        write_glb(folder / plain, mesh, metres_per_unit=metres_per_unit)
        write_meshopt_glb(folder / meshopt, mesh, metres_per_unit=metres_per_unit)
        written.append(ModelLevel(level, plain, meshopt, len(mesh.vertices), len(mesh.faces)))
    return written


def _save(path: Path, picture: UInt8, size: tuple[int, int]) -> None:
    image = Image.fromarray(picture)
    if image.size != size:
        image = image.resize(size, Image.Resampling.LANCZOS)
    image.save(path, "JPEG", quality=86, optimize=True, progressive=True)
