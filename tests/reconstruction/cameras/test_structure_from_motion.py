"""Cameras found from pictures alone, against the cameras that took them; and what is said where there are none."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from filmed_room import Film, film, look

from garaza.reconstruction.cameras import colmap
from garaza.reconstruction.cameras.sparse import SparseModel
from garaza.reconstruction.cameras.structure_from_motion import find_cameras, straighten
from garaza.reconstruction.failures import EngineCrashed, HardlyAnyMovement, OnlyRotation, TooLittleOverlap
from garaza.reconstruction.frames import Keyframes
from garaza.reconstruction.progress import Cancelled, Monitor, Progress


def align(found: np.ndarray, truth: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Scale, rotation and shift that bring (N, 3) positions onto the truth (Umeyama 1991)."""
    a, b = found - found.mean(axis=0), truth - truth.mean(axis=0)
    u, s, vt = np.linalg.svd(b.T @ a / len(a))
    mirror = np.diag([1, 1, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ mirror @ vt
    scale = float(np.trace(np.diag(s) @ mirror) / (a**2).sum(axis=1).mean())
    return scale, rotation, truth.mean(axis=0) - scale * rotation @ found.mean(axis=0)


@pytest.fixture(scope="module")
def found(walked_room: Film) -> tuple[SparseModel, list[Progress]]:
    reports: list[Progress] = []
    keyframes = walked_room.keyframes()
    return straighten(find_cameras(keyframes, Monitor(on_progress=reports.append)), keyframes.images), reports


def test_cameras_are_where_they_were(walked_room: Film, found: tuple[SparseModel, list[Progress]]) -> None:
    sparse, _ = found
    assert len(sparse.frame_indices) >= 0.9 * len(walked_room.images)
    assert (np.diff(sparse.frame_indices) > 0).all()
    rotations = sparse.extrinsics[:, :, :3]
    centres = -np.einsum("nji,nj->ni", rotations, sparse.extrinsics[:, :, 3])
    truth = walked_room.extrinsics[sparse.frame_indices]
    scale, rotation, shift = align(centres, walked_room.centres[sparse.frame_indices])
    error = np.linalg.norm(scale * centres @ rotation.T + shift - walked_room.centres[sparse.frame_indices], axis=1)
    assert np.sqrt((error**2).mean()) < 0.01
    relative = np.einsum("nij,kj,nlk->nil", rotations, rotation, truth[:, :, :3])
    degrees = np.degrees(np.arccos(np.clip((np.trace(relative, axis1=1, axis2=2) - 1) / 2, -1, 1)))
    assert degrees.mean() < 0.5


def test_points_lie_on_surfaces_where_rectified_pictures_show_them(
    walked_room: Film, found: tuple[SparseModel, list[Progress]]
) -> None:
    sparse, _ = found
    at = sparse.extrinsics[sparse.observation_frames]
    camera = np.einsum("mij,mj->mi", at[:, :, :3], sparse.points[sparse.observation_points]) + at[:, :, 3]
    assert (camera[:, 2] > 0).all()
    # Colours were read from the distorted pictures, at the pixels that COLMAP saw; here they are read from the
    # rectified ones, where our own intrinsics project the point. They agree only if both conventions are right.
    k = sparse.intrinsics[sparse.observation_frames]
    u = np.rint(k[:, 0, 0] * camera[:, 0] / camera[:, 2] + k[:, 0, 2]).astype(int)
    v = np.rint(k[:, 1, 1] * camera[:, 1] / camera[:, 2] + k[:, 1, 2]).astype(int)
    height, width = sparse.images.shape[1:3]
    inside = (u >= 0) & (u < width) & (v >= 0) & (v < height)
    assert inside.mean() > 0.95
    seen = sparse.images[sparse.observation_frames[inside], v[inside], u[inside]].astype(int)
    told = sparse.point_colours[sparse.observation_points[inside]].astype(int)
    assert np.median(np.abs(seen - told)) < 12
    assert sparse.observation_points.max() == len(sparse.points) - 1
    assert np.bincount(sparse.observation_points).min() >= 2


def test_rectified_pictures_have_no_black_borders(found: tuple[SparseModel, list[Progress]]) -> None:
    images = found[0].images
    border = np.concatenate([images[:, 0], images[:, -1]], axis=1)
    assert (border.max(axis=-1) > 0).mean() > 0.999


def test_progress_goes_up_in_words(found: tuple[SparseModel, list[Progress]]) -> None:
    reports = found[1]
    values = [report.progress for report in reports]
    assert values == sorted(values)
    assert len({report.message for report in reports}) >= 3
    assert any(report.current is not None and report.total == 20 for report in reports)


def test_photos_in_any_order_are_joined(walked_room: Film) -> None:
    shuffled = np.random.default_rng(1).permutation(20)[:12]
    keyframes = replace(walked_room, images=walked_room.images[shuffled]).keyframes("photos")
    assert len(find_cameras(keyframes, Monitor()).frames) >= 11


def test_turning_on_the_spot_is_told() -> None:
    turned = [look((0, 1.5, 0.5), (2 * np.sin(a), 1.2, 0.5 - 2 * np.cos(a))) for a in np.linspace(-0.6, 0.6, 10)]
    with pytest.raises(OnlyRotation) as caught:
        find_cameras(film(turned, 320, 240).keyframes(), Monitor())
    assert caught.value.details["turning"] > 0.85


def test_standing_still_is_told() -> None:
    still = [look((0.004 * (i % 2), 1.5, 0.5), (0, 1.2, -2)) for i in range(8)]
    with pytest.raises(HardlyAnyMovement):
        find_cameras(film(still, 320, 240).keyframes(), Monitor())


def test_somebody_moving_before_a_camera_on_a_tripod_is_no_movement_of_the_camera() -> None:
    shot = film([look((0, 1.5, 0.5), (0, 1.2, -2))] * 10, 320, 240)
    actor = film([look((1, 1.2, 1.5), (-1, 1, -1))], 80, 160).images[0]
    images = shot.images.copy()
    for row in range(10):
        images[row, 60:220, 20 * row : 20 * row + 80] = actor
    with pytest.raises(HardlyAnyMovement):
        find_cameras(replace(shot, images=images).keyframes(), Monitor())


def test_pictures_without_anything_in_common_are_told() -> None:
    places = [look((1.5 * np.cos(a), 1.4, 1.2 * np.sin(a)), (2.4 * np.cos(a), 1.2, 2 * np.sin(a))) for a in
              np.linspace(0, 6.28, 9)[:-1]]  # fmt: skip
    with pytest.raises(TooLittleOverlap):
        find_cameras(film(places, 320, 240).keyframes(), Monitor())


def test_bare_walls_are_told_and_not_crashed_on() -> None:
    bare = np.full((8, 240, 320, 3), 127, dtype=np.uint8)
    keyframes: Keyframes = replace(film([look((0, 1, 0), (0, 1, -1))], 320, 240), images=bare).keyframes()
    with pytest.raises(TooLittleOverlap) as caught:
        find_cameras(keyframes, Monitor())
    assert caught.value.details["features"] == 0


def test_cancelling_ends_the_helper_process(walked_room: Film, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()
    started: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen

    def remember(*args, **kwargs):
        started.append(start(*args, **kwargs))
        return started[-1]

    monkeypatch.setattr(colmap.subprocess, "Popen", remember)

    def on_progress(report: Progress) -> None:
        if report.current is not None:
            stop.set()
            asked.append(time.monotonic())

    asked: list[float] = []
    with pytest.raises(Cancelled):
        find_cameras(walked_room.keyframes(), Monitor(on_progress, stop.is_set))
    assert asked
    assert started[0].returncode is not None
    assert started[0].returncode < 0


def test_a_crash_of_native_code_is_a_failure_with_its_last_words(
    walked_room: Film, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = subprocess.Popen
    script = "import os, sys; sys.stderr.write('out of luck'); sys.stderr.flush(); os.abort()"
    monkeypatch.setattr(
        colmap.subprocess, "Popen", lambda command, **rest: start([sys.executable, "-c", script], **rest)
    )
    with pytest.raises(EngineCrashed) as caught:
        find_cameras(walked_room.keyframes(), Monitor())
    assert "out of luck" in str(caught.value.details["log"])
    assert int(caught.value.details["exit_code"]) < 0


def test_the_helper_does_not_outlive_its_parent(tmp_path) -> None:
    (tmp_path / "job.json").write_text("{}")
    # It has nothing to read and a job without images: closing its standard input is all that ends it in time.
    process = subprocess.Popen(
        [sys.executable, "-c", "from garaza.reconstruction.cameras import colmap_process as c, colmap; import time, "
         "threading; threading.Thread(target=c._end_with_parent, daemon=True).start(); time.sleep(120)"],
        stdin=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(60) == 1


def test_pycolmap_is_never_imported_by_the_parent() -> None:
    # It would abort the process at the next compression, see colmap_process.
    script = (
        "import sys, garaza.reconstruction.cameras.structure_from_motion, garaza.reconstruction.frames;"
        "sys.exit('pycolmap' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
