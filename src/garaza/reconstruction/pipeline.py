"""The main job: a video in, a folder with a model out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from garaza.reconstruction.cameras.scale import KnownLength, Scale, estimate_scale, scale_from_known_length
from garaza.reconstruction.cameras.upright import Upright, apply, find_upright
from garaza.reconstruction.checkpoints import Checkpoints, open_checkpoints
from garaza.reconstruction.engine import Engine
from garaza.reconstruction.engines import make_engine
from garaza.reconstruction.export.folder import Finished, write_folder
from garaza.reconstruction.frames import FrameChoice, Keyframes, read_keyframes
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


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is kept after depth: all that the later stages need of the earlier ones."""

    keyframes: FrameChoice
    prediction: Prediction


@dataclass(frozen=True, slots=True)
class _Fused:
    """What is kept after fusion."""

    upright: Upright
    surface: Mesh


def reconstruct(source: Path, out: Path, options: Options, monitor: Monitor, checkpoints: Path | None = None) -> Result:
    """Reconstruct `source` into the folder `out`, which appears only when everything in it is complete.

    Args:
        source: a video file or a folder of photos.
        out: folder to make; an earlier result there is replaced in one step, anything else there is left alone.
        checkpoints: folder in which every finished stage leaves what the later ones need. A run that finds there what
            another one has left of the same source with the same options goes on from it, and ends in the same
            result. It stays: whoever gave it removes it when the work is done or given up.

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
        kept = open_checkpoints(checkpoints, source, options, monitor)
        seen = _see(source, max_frames, settings, engine, monitor, kept)
        fused = kept.once(
            Stage.FUSION,
            _Fused,
            "Joining the depth maps",
            lambda: _fuse(seen.prediction, options.known_length, settings, monitor),
        )
        placed = _place(seen.prediction, fused.upright, options.known_length)
        meshes = kept.once(
            Stage.MESH,
            dict[str, Mesh],
            "Cleaning the surface",
            lambda: _clean_levels(fused.surface, settings, monitor),
        )
        models = kept.once(
            Stage.TEXTURE,
            dict[str, TexturedMesh],
            "Painting the model",
            lambda: _bake_all(meshes, placed.prediction, settings, monitor),
        )
        finished = Finished(
            quality=options.quality.value,
            keyframes=seen.keyframes,
            prediction=placed.prediction,
            scale=placed.scale,
            floor_found=fused.upright.floor_found,
            models=models,
            warnings=[*_warnings(seen, fused.upright, placed.scale), *placed.warnings],
        )
        result = write_folder(folder, finished, monitor)
        monitor.log(
            f"{len(result.files)} files of {sum(file.size_bytes for file in result.files) / 1e6:.1f} MB written"
        )
        return result


def _see(
    source: Path, max_frames: int, settings: QualitySettings, engine: Engine, monitor: Monitor, kept: Checkpoints
) -> _Seen:
    """From the source to cameras and depth."""
    seen = kept.load(Stage.DEPTH, _Seen)
    if seen is None:
        keyframes = kept.once(
            Stage.FRAMES,
            Keyframes,
            "Reading the video",
            lambda: read_keyframes(source, max_frames, settings.image_size, monitor),
        )
        seen = _Seen(keyframes.choice, engine.predict(keyframes, settings, monitor, kept))
        depth = seen.prediction.depth
        monitor.log(f"Depth known for {np.count_nonzero(depth) / max(depth.size, 1):.0%} of the pixels")
        kept.save(Stage.DEPTH, seen, complete=True)
    return seen


def _fuse(prediction: Prediction, known: KnownLength | None, settings: QualitySettings, monitor: Monitor) -> _Fused:
    upright = find_upright(prediction)
    surface = fuse(_place(prediction, upright, known).prediction, settings.voxel_size, monitor)
    monitor.log(f"Surface of {len(surface.faces):,} faces, {'with' if upright.floor_found else 'without'} a floor")
    return _Fused(upright, surface)


def _clean_levels(surface: Mesh, settings: QualitySettings, monitor: Monitor) -> dict[str, Mesh]:
    cleaned = clean(surface, settings.voxel_size, monitor)
    monitor.report(0.8, "Making smaller models")
    meshes = levels(cleaned, settings)
    monitor.log(f"Model has {len(meshes['full'].faces):,} faces")
    return meshes


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
    size = models["full"].texture.shape[0]
    monitor.log(f"Model painted with {size} × {size} pixels")
    return models


def _warnings(seen: _Seen, upright: Upright, scale: Scale) -> list[str]:
    warnings = []
    used, registered = len(seen.keyframes.source_indices), len(seen.prediction.frame_indices)
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
