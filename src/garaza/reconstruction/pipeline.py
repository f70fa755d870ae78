"""The main job: a video in, a folder with a model out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from garaza.reconstruction.cameras.scale import KnownLength, Scale, estimate_scale, scale_from_known_length
from garaza.reconstruction.cameras.upright import Upright, apply, find_upright
from garaza.reconstruction.engines import make_engine
from garaza.reconstruction.export.folder import Finished, write_folder
from garaza.reconstruction.frames import Keyframes, read_keyframes
from garaza.reconstruction.options import MAX_FRAMES, MIN_FRAMES, Options
from garaza.reconstruction.partial import complete_or_nothing
from garaza.reconstruction.prediction import Prediction
from garaza.reconstruction.progress import Monitor, Stage
from garaza.reconstruction.quality import QUALITIES, QualitySettings
from garaza.reconstruction.result import Result
from garaza.reconstruction.surface.clean import clean
from garaza.reconstruction.surface.fuse import fuse
from garaza.reconstruction.surface.lods import levels
from garaza.reconstruction.surface.mesh import Mesh, TexturedMesh
from garaza.reconstruction.texture.bake import bake

__all__ = ["Options", "reconstruct"]

_FEW_REGISTERED = 0.7
_TEXTURE_DIVISOR = {"full": 1, "medium": 2, "preview": 4}
"""Of the atlas's edge, in each size of the model."""
_TEXTURE_PART = {"full": (0.0, 0.6), "medium": (0.6, 0.85), "preview": (0.85, 1.0)}
"""Of the stage's work, near enough."""


def reconstruct(source: Path, out: Path, options: Options, monitor: Monitor) -> Result:
    """Reconstruct `source` into the folder `out`, which appears only when everything in it is complete.

    Args:
        source: a video file or a folder of photos.
        out: folder to make; an earlier result there is replaced in one step, anything else there is left alone.

    Raises:
        ReconstructionFailure: the source does not allow a model; `out` is as it was.
        Cancelled: the monitor said so; `out` is as it was.
        FileExistsError: `out` holds something that is not a result of ours.
        ValueError: `options` are out of bounds.
    """
    settings = QUALITIES[options.quality]
    max_frames = options.max_frames or settings.max_frames
    if not MIN_FRAMES <= max_frames <= MAX_FRAMES:
        msg = f"max_frames must be between {MIN_FRAMES} and {MAX_FRAMES}"
        raise ValueError(msg)
    engine = make_engine(options.engine)
    with complete_or_nothing(out) as folder:
        with monitor.stage(Stage.FRAMES, "Reading the video"):
            keyframes = read_keyframes(source, max_frames, settings.image_size, monitor)
        prediction = engine.predict(keyframes, settings, monitor)
        with monitor.stage(Stage.FUSION, "Joining the depth maps"):
            upright = find_upright(prediction)
            placed = _place(prediction, upright, options.known_length)
            surface = fuse(placed.prediction, settings.voxel_size, monitor)
        with monitor.stage(Stage.MESH, "Cleaning the surface"):
            surface = clean(surface, settings.voxel_size, monitor)
            monitor.report(0.8, "Making smaller models")
            meshes = levels(surface, settings)
        with monitor.stage(Stage.TEXTURE, "Painting the model"):
            models = _bake_all(meshes, placed.prediction, settings, monitor)
        finished = Finished(
            quality=options.quality.value,
            keyframes=keyframes,
            prediction=placed.prediction,
            scale=placed.scale,
            floor_found=upright.floor_found,
            models=models,
            warnings=[*_warnings(keyframes, prediction, upright, placed.scale), *placed.warnings],
        )
        return write_folder(folder, finished, monitor)


@dataclass(frozen=True, slots=True)
class _Placed:
    """A prediction in the room's frame."""

    prediction: Prediction
    scale: Scale
    warnings: list[str]


def _place(prediction: Prediction, upright: Upright, known: KnownLength | None) -> _Placed:
    """Stand the prediction on its floor, in metres: measured ones where a length is known, else estimated ones."""
    if prediction.is_metric:
        factor, scale = 1.0, Scale(metric=True, metres_per_unit=1.0, source="engine", uncertainty=0.05)
    else:
        factor, scale = estimate_scale(
            upright.camera_height,
            upright.ceiling_height,
            upright.floor_found,
            upright.median_distance,
        )
    warnings = []
    if known is not None:
        ceiling = upright.ceiling_height
        try:
            measured = scale_from_known_length(known, upright.camera_height if upright.floor_found else None, ceiling)
        except ValueError as error:
            warnings.append(f"The known length could not be used, so the size is estimated: {error}.")
        else:
            factor, scale = measured.metres_per_unit, replace(measured, metres_per_unit=1.0)
    return _Placed(apply(prediction, upright.rotation, upright.translation, factor), scale, warnings)


def _bake_all(
    meshes: dict[str, Mesh],
    prediction: Prediction,
    settings: QualitySettings,
    monitor: Monitor,
) -> dict[str, TexturedMesh]:
    """Each size gets a texture of its own: the charts of one don't fit another's faces."""
    models = {}
    for level, mesh in meshes.items():
        with monitor.part(*_TEXTURE_PART[level]):
            models[level] = bake(mesh, prediction, settings.texture_size // _TEXTURE_DIVISOR[level], monitor)
    return models


def _warnings(keyframes: Keyframes, prediction: Prediction, upright: Upright, scale: Scale) -> list[str]:
    warnings = []
    used, registered = len(keyframes.images), len(prediction.frame_indices)
    if registered < _FEW_REGISTERED * used:
        warnings.append(
            f"Only {registered} of {used} pictures could be joined, so parts of the room may be missing. "
            "Move more slowly, and keep what you have filmed in view while you turn.",
        )
    if not upright.floor_found:
        warnings.append("No floor was recognised: the model stands on the lowest part that was seen.")
    if not scale.metric:
        percent = round(100 * scale.uncertainty)
        warnings.append(f"The size is an estimate, good to about {percent} %. Give a known length to make it exact.")
    return warnings
