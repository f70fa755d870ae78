"""The process that talks to COLMAP: ``python -m garaza.reconstruction.cameras.colmap_process FOLDER``.

It exists because native code can neither be cancelled nor trusted not to crash, and because pycolmap brings a zlib of
its own: whoever imports pycolmap before zlib aborts at the next compression. So it is imported here and nowhere else.

In FOLDER it finds ``job.json`` (a `colmap.Job`, and ``images``: file names, in order) and those images, 8-bit grey; it
leaves ``model.npz`` (see `_save_model`) and ``matches.npz`` (see `_save_matches`). Progress goes to standard output as
lines ``{"step", "done", "total"}``. It ends when its standard input does, so that it never outlives the process that
started it.
"""

from __future__ import annotations

import copy
import json
import os
import sys
import threading
import zlib  # before pycolmap, see above
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TextIO

import numpy as np
import pycolmap

from garaza.reconstruction.cameras.pairs import choose_pairs

assert zlib.crc32(b"") == 0

EXTRACTION_BATCH = 6
MATCHING_BATCH = 60
"""Images, and pairs, between two reports: about a second of work each."""


class Reporter:
    """Writes progress lines to the parent."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def __call__(self, step: str, done: int, total: int) -> None:
        self._out.write(json.dumps({"step": step, "done": done, "total": total}) + "\n")
        self._out.flush()


def main(folder: Path, report: Reporter) -> None:
    job = SimpleNamespace(**json.loads((folder / "job.json").read_text(encoding="utf-8")))
    pycolmap.set_random_seed(job.seed)
    database = folder / "database.db"
    _extract(job, folder, database, report)
    _match(job, folder, database, report)
    with pycolmap.Database.open(database) as opened:
        _save_matches(folder / "matches.npz", opened, job.images)
    model = None if _stands_still(folder / "matches.npz", job.still) else _map(job, folder, database, report)
    _save_model(folder / "model.npz", model, job.images)


def _extract(job: SimpleNamespace, folder: Path, database: Path, report: Reporter) -> None:
    reader = pycolmap.ImageReaderOptions()
    reader.camera_model = "SIMPLE_RADIAL"
    reader.default_focal_length_factor = job.focal_factor
    options = pycolmap.FeatureExtractionOptions()
    options.num_threads = job.threads
    options.use_gpu = False
    options.sift.max_num_features = job.features
    options.sift.first_octave = job.first_octave
    options.sift.peak_threshold = job.peak_threshold
    # A second orientation of the same spot is another feature to match, and hardly ever another match.
    options.sift.max_num_orientations = 1
    for start in range(0, len(job.images), EXTRACTION_BATCH):
        report("features", start, len(job.images))
        names = job.images[start : start + EXTRACTION_BATCH]
        pycolmap.extract_features(
            database, folder, names, pycolmap.CameraMode.SINGLE, reader, options, pycolmap.Device.cpu
        )
        # One phone, one lens: later batches share the camera that the first one made.
        reader.existing_camera_id = 1


def _match(job: SimpleNamespace, folder: Path, database: Path, report: Reporter) -> None:
    with pycolmap.Database.open(database) as opened:
        ids = _ids_by_name(opened)
        descriptors = [np.asarray(opened.read_descriptors(ids[name]).data) for name in job.images]
    pairs = choose_pairs(descriptors, ordered=job.ordered, exhaustive_up_to=job.exhaustive_up_to, seed=job.seed)
    matching = pycolmap.FeatureMatchingOptions()
    matching.num_threads = job.threads
    matching.use_gpu = False
    verification = pycolmap.TwoViewGeometryOptions()
    verification.ransac.random_seed = job.seed
    pairing = pycolmap.ImportedPairingOptions()
    pairing.match_list_path = folder / "pairs.txt"
    for start in range(0, len(pairs), MATCHING_BATCH):
        report("matches", start, len(pairs))
        lines = [f"{job.images[a]} {job.images[b]}\n" for a, b in pairs[start : start + MATCHING_BATCH]]
        (folder / "pairs.txt").write_text("".join(lines), encoding="utf-8")
        pycolmap.match_image_pairs(database, matching, pairing, verification, pycolmap.Device.cpu)


def _map(job: SimpleNamespace, folder: Path, database: Path, report: Reporter) -> Any | None:
    options = pycolmap.IncrementalPipelineOptions()
    options.num_threads = job.threads
    options.random_seed = job.seed
    options.mapper.random_seed = job.seed
    options.triangulation.random_seed = job.seed
    options.extract_colors = False
    options.min_model_size = 3
    options.max_num_models = 5
    options.ba_global_frames_ratio = 1.4
    options.ba_global_points_ratio = 1.4
    options.ba_global_max_num_iterations = 20
    options.ba_global_max_refinements = 2
    options.mapper.abs_pose_min_num_inliers = job.min_inliers
    options.mapper.filter_min_tri_angle = job.min_angle
    options.triangulation.min_angle = job.min_angle
    registered = 0

    def start_of_model() -> None:
        nonlocal registered
        registered = 2
        report("cameras", registered, len(job.images))

    def next_image() -> None:
        nonlocal registered
        registered += 1
        report("cameras", min(registered, len(job.images)), len(job.images))

    sparse = folder / "sparse"
    sparse.mkdir()
    models = pycolmap.incremental_mapping(
        database, folder, sparse, options, initial_image_pair_callback=start_of_model, next_image_callback=next_image
    )
    # The same count means the same evidence: the model found first is kept, so that a run can be repeated.
    best = max(models.values(), key=lambda model: (model.num_reg_images(), model.num_points3D()), default=None)
    return best if best is None or best.num_reg_images() < job.centre_from else _with_lens_centre(best, job)


def _with_lens_centre(model: Any, job: SimpleNamespace) -> Any:
    """The model with the lens's centre found too: stabilised and cropped pictures don't have it in their middle.

    A centre that is off by a hundredth of the picture turns every camera by half a degree. Left for last, because few
    cameras can't tell it from a turn that they share; dropped where it goes further than a phone's can be, which means
    that these can't either.
    """
    refined = copy.deepcopy(model)
    options = pycolmap.BundleAdjustmentOptions()
    options.refine_principal_point = True
    options.print_summary = False
    options.ceres.loss_function_type = pycolmap.LossFunctionType.SOFT_L1
    options.ceres.solver_options.max_num_iterations = 50
    options.ceres.solver_options.num_threads = job.threads
    pycolmap.bundle_adjustment(refined, options)
    refined.update_point_3d_errors()
    (camera,) = refined.cameras.values()
    off = np.array([camera.principal_point_x / camera.width, camera.principal_point_y / camera.height]) - 0.5
    return refined if np.abs(off).max() <= job.centre_within else model


def _stands_still(matches: Path, still: float) -> bool:
    """Nothing moved: COLMAP would search long for a pair to begin with, and find the noise."""
    with np.load(matches) as saved:
        motion = saved["motion"][saved["inliers"] >= 20]
    return bool(len(motion) > 0 and np.percentile(motion, 95) < still)


def _ids_by_name(database: Any) -> dict[str, int]:
    return {image.name: image.image_id for image in database.read_all_images()}


def _save_matches(path: Path, database: Any, names: Sequence[str]) -> None:
    """What two-view geometry says of each verified pair.

    ``pairs`` (K, 2) positions in `names`; ``inliers`` (K,);
    ``planar_or_panoramic`` (K,) a homography explains the pair; ``motion`` (K,) median length of the matches, as a
    share of the image's diagonal; ``features`` (len(names),) how many each image has.
    """
    position = {image_id: names.index(name) for name, image_id in _ids_by_name(database).items()}
    camera = database.read_all_cameras()[0]
    diagonal = float(np.hypot(camera.width, camera.height))
    keypoints = {image_id: np.asarray(database.read_keypoints(image_id).data)[:, :2] for image_id in position}
    kinds = pycolmap.TwoViewGeometryConfiguration
    rows: list[tuple[int, int]] = []
    inliers, planar, motion = [], [], []
    pair_ids, geometries = database.read_two_view_geometries()
    for pair_id, geometry in zip(pair_ids, geometries, strict=True):
        first, second = pycolmap.pair_id_to_image_pair(pair_id)
        matches = np.asarray(geometry.inlier_matches.data)
        if len(matches) == 0:
            continue
        moved = keypoints[first][matches[:, 0]] - keypoints[second][matches[:, 1]]
        rows.append((position[first], position[second]))
        inliers.append(len(matches))
        planar.append(geometry.config in {kinds.PLANAR, kinds.PANORAMIC, kinds.PLANAR_OR_PANORAMIC})
        motion.append(float(np.median(np.hypot(*moved.T))) / diagonal)
    np.savez(
        path,
        pairs=np.array(rows, dtype=np.int64).reshape(-1, 2),
        inliers=np.array(inliers, dtype=np.int64),
        planar_or_panoramic=np.array(planar, dtype=np.bool_),
        motion=np.array(motion, dtype=np.float64),
        features=np.array([len(keypoints[i]) for i in sorted(position, key=lambda i: position[i])], dtype=np.int64),
    )


def _save_model(path: Path, model: Any | None, names: Sequence[str]) -> None:
    """The largest model, or one of no images.

    ``frames`` (N,) positions in `names`, increasing; ``extrinsics`` (N, 3, 4); ``camera`` (4,) SIMPLE_RADIAL focal
    length, centre x, centre y (pixel centres at .5), distortion; ``points`` (P, 3); ``errors`` (P,) mean reprojection
    error in pixels; ``observation_frames``, ``observation_points`` (M,) rows; ``observation_pixels`` (M, 2), centres
    at .5.
    """
    empty: dict[str, Any] = {
        "frames": np.zeros(0, dtype=np.int64),
        "extrinsics": np.zeros((0, 3, 4)),
        "camera": np.zeros(4),
        "points": np.zeros((0, 3)),
        "errors": np.zeros(0),
        "observation_frames": np.zeros(0, dtype=np.int32),
        "observation_points": np.zeros(0, dtype=np.int32),
        "observation_pixels": np.zeros((0, 2)),
    }
    if model is None:
        np.savez(path, **empty)
        return
    images = sorted((model.image(i) for i in model.reg_image_ids()), key=lambda image: names.index(image.name))
    point_ids = sorted(model.point3D_ids())
    row_of_point = {point_id: row for row, point_id in enumerate(point_ids)}
    frames, points, pixels = [], [], []
    for row, image in enumerate(images):
        for observed in image.get_observation_points2D():
            frames.append(row)
            points.append(row_of_point[observed.point3D_id])
            pixels.append(observed.xy)
    camera = next(iter(model.cameras.values()))
    np.savez(
        path,
        frames=np.array([names.index(image.name) for image in images], dtype=np.int64),
        extrinsics=np.array([image.cam_from_world().matrix() for image in images]),
        camera=np.array(camera.params, dtype=np.float64),
        points=np.array([model.point3D(i).xyz for i in point_ids]).reshape(-1, 3),
        errors=np.array([model.point3D(i).error for i in point_ids]),
        observation_frames=np.array(frames, dtype=np.int32),
        observation_points=np.array(points, dtype=np.int32),
        observation_pixels=np.array(pixels, dtype=np.float64).reshape(-1, 2),
    )


def _end_with_parent() -> None:
    # Not through sys.stdin: a thread inside its lock aborts the interpreter at exit.
    while os.read(0, 1024):
        pass
    os._exit(1)


if __name__ == "__main__":
    # COLMAP writes to standard output as it likes: what it says goes to the log, and the pipe stays ours.
    pipe = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    main(Path(sys.argv[1]), Reporter(pipe))
