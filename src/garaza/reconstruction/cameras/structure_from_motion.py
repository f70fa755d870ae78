"""Where each keyframe was taken from, and with what lens: structure from motion on the keyframes alone.

The method is incremental structure from motion (Schönberger and Frahm, "Structure-from-Motion Revisited", CVPR 2016)
as COLMAP has it: SIFT features, matches between neighbours in time and between images that look alike, then cameras
one by one with bundle adjustment between.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from garaza.reconstruction.cameras.colmap import Job, Matches, Model, run_colmap
from garaza.reconstruction.cameras.rectification import Lens, pinhole_inside, rectify
from garaza.reconstruction.cameras.sparse import SparseModel
from garaza.reconstruction.cameras.verdicts import STILL, Evidence, verdict
from garaza.reconstruction.frames import Keyframes
from garaza.reconstruction.prediction import Float64, UInt8
from garaza.reconstruction.progress import Monitor

CONTENT_SHARE = 0.8
"""A first try that registers fewer of the frames is followed by a stronger one."""
MAX_ERROR = 2.0
"""Pixels of mean reprojection error above which a point is left out of the result."""

_STEPS = {
    "features": (0.0, 0.2, "Looking for details in the pictures"),
    "matches": (0.2, 0.6, "Finding the same details in other pictures"),
    "cameras": (0.6, 0.95, "Working out where each picture was taken"),
}


def find_cameras(keyframes: Keyframes, monitor: Monitor) -> Model:
    """The cameras of the largest connected set of keyframes, the lens they share, and sparse points.

    The world's origin, direction and unit are arbitrary.

    Raises:
        HardlyAnyMovement, OnlyRotation, TooLittleOverlap: the keyframes don't allow it.
        EngineCrashed: the native code died.
        Cancelled: the monitor said so; the helper process has ended by then.
    """
    images = keyframes.images
    first_try = _first_try(keyframes)
    model, matches = _attempt(images, first_try, monitor, 0.0, 1.0)
    if len(model.frames) < CONTENT_SHARE * len(images) and _worth_another_try(matches):
        # Fainter details, every pair, and fewer of them asked of a picture that joins. Doubling the pictures first
        # (octave -1) finds no more frames, and costs five times as much.
        monitor.log(f"{len(model.frames)} of {len(images)} pictures joined: looking for fainter details")
        stronger = replace(first_try, features=8192, peak_threshold=0.0015, exhaustive_up_to=80, min_inliers=15)
        other, other_matches = _attempt(images, stronger, monitor, 0.5, 1.0)
        if len(other.frames) > len(model.frames):
            model, matches = other, other_matches
    failure = verdict(Evidence.of(model, matches, len(images)))
    if failure is not None:
        raise failure
    monitor.log(f"{len(model.frames)} of {len(images)} pictures joined")
    return model


def _first_try(keyframes: Keyframes) -> Job:
    if keyframes.source.kind == "video":
        return Job(ordered=True, still=STILL)
    # Photos: by name mostly in the order they were taken in, but few and far apart: every pair may matter.
    return Job(ordered=True, still=STILL, exhaustive_up_to=40)


def _attempt(images: UInt8, job: Job, monitor: Monitor, start: float, end: float) -> tuple[Model, Matches]:
    def on_step(step: str, done: int, total: int) -> None:
        low, high, message = _STEPS[step]
        fraction = low + (high - low) * done / max(total, 1)
        monitor.report(start + (end - start) * fraction, message, done, total)

    model, matches = run_colmap(images, job, monitor, on_step)
    if len(model.frames) > 0 and not _lens(model).is_believable(images.shape[2], images.shape[1]):
        return _no_model(model), matches
    return model, matches


def _worth_another_try(matches: Matches) -> bool:
    """A camera that stood still gives no more for being looked at harder."""
    return bool(len(matches.pairs) == 0 or np.percentile(matches.motion, 95) >= STILL)


def _no_model(model: Model) -> Model:
    return replace(
        model,
        **{name: getattr(model, name)[:0] for name in Model.__dataclass_fields__ if name != "camera"},
    )


def _lens(model: Model) -> Lens:
    focal, centre_x, centre_y, k = model.camera.tolist()
    return Lens(focal, centre_x - 0.5, centre_y - 0.5, k)


def straighten(model: Model, images: UInt8) -> SparseModel:
    """The model without the points that fit badly, and its frames rectified.

    Args:
        images: (N, H, W, 3), all keyframes that cameras were looked for.
    """
    height, width = images.shape[1:3]
    lens = _lens(model)
    intrinsics = pinhole_inside(lens, width, height)
    registered = images[model.frames]
    good = model.errors <= MAX_ERROR
    seen = good[model.observation_points]
    frames, points = model.observation_frames[seen], model.observation_points[seen]
    colours = _colours(registered, frames, points, model.observation_pixels[seen], len(model.points))
    return SparseModel(
        frame_indices=model.frames,
        images=rectify(registered, lens, intrinsics),
        intrinsics=np.repeat(intrinsics[None], len(model.frames), axis=0),
        extrinsics=model.extrinsics,
        points=model.points[good].astype(np.float32),
        point_colours=colours[good],
        observation_frames=frames.astype(np.int32),
        observation_points=(np.cumsum(good) - 1)[points].astype(np.int32),
    )


def _colours(images: UInt8, frames: np.ndarray, points: np.ndarray, pixels: Float64, count: int) -> UInt8:
    """(count, 3) mean colour of each point over the images that see it."""
    # Pixel centres at .5: the pixel that holds a point is the integer part.
    column = np.clip(pixels[:, 0].astype(np.int64), 0, images.shape[2] - 1)
    row = np.clip(pixels[:, 1].astype(np.int64), 0, images.shape[1] - 1)
    total = np.zeros((count, 3))
    np.add.at(total, points, images[frames, row, column])
    seen = np.maximum(np.bincount(points, minlength=count), 1)
    return np.rint(total / seen[:, None]).astype(np.uint8)
