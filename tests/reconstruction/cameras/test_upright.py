"""Up, floor and walls of a room whose truth is known, however its world lies."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from filmed_room import FURNITURE, ROOM, exact_prediction, film, look, walk
from scipy.spatial.transform import Rotation

from garaza.reconstruction.cameras.orientation import up_from_cameras
from garaza.reconstruction.cameras.upright import Upright, apply, find_upright
from garaza.reconstruction.prediction import Prediction

SHIFT = np.array([3.0, -7.0, 11.0])


def angle(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.degrees(np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1))))


@pytest.fixture(scope="module")
def standing() -> Prediction:
    return exact_prediction(film(walk(12), 320, 240, k=0.0))


@pytest.fixture(scope="module", params=[0, 1])
def lying(request: pytest.FixtureRequest, standing: Prediction) -> tuple[Prediction, np.ndarray]:
    turn = Rotation.random(random_state=request.param).as_matrix()
    return apply(standing, turn, SHIFT, 2.0), turn


def test_a_room_stands_on_its_floor(lying: tuple[Prediction, np.ndarray]) -> None:
    prediction, turn = lying
    upright = find_upright(prediction)
    assert angle(upright.rotation[1], turn @ [0, 1, 0]) < 0.3
    assert upright.floor_found
    floor_in_world = 2.0 * (turn @ [0.4, 0.0, 1.0] + SHIFT)
    assert (upright.rotation @ floor_in_world + upright.translation)[1] == pytest.approx(0.0, abs=0.03)
    assert upright.camera_height == pytest.approx(2 * 1.45, rel=0.05)
    assert np.linalg.det(upright.rotation) == pytest.approx(1.0)


def test_walls_run_along_the_axes(lying: tuple[Prediction, np.ndarray]) -> None:
    prediction, turn = lying
    upright = find_upright(prediction)
    assert upright.walls_found
    wall = upright.rotation @ turn @ [1.0, 0.0, 0.0]
    assert angle(np.abs(wall), np.eye(3)[np.argmax(np.abs(wall))]) < 0.5
    placed = apply(prediction, upright.rotation, upright.translation, 1.0)
    forward = placed.extrinsics[:, 2, :3].mean(axis=0)
    assert -forward[2] >= abs(forward[0]) - 1e-6


def test_a_table_is_not_the_floor(standing: Prediction) -> None:
    upright = find_upright(standing)
    table = FURNITURE[0, 1, 1]
    assert upright.camera_height > 1.45 - table / 2


def test_the_ceiling_is_seen_when_filmed() -> None:
    cameras = [look((1.6 * np.cos(a), 1.4, 1.2 * np.sin(a)), (-2 * np.cos(a), 1.5, -1.5 * np.sin(a))) for a in
               np.linspace(0, 5.5, 12)]  # fmt: skip
    prediction = exact_prediction(film(cameras, 240, 320, k=0.0), size=120)
    upright = find_upright(prediction)
    assert upright.floor_found
    assert upright.ceiling_height == pytest.approx(ROOM[1, 1], rel=0.03)


def test_things_that_were_circled_on_a_table_have_no_floor() -> None:
    top = np.array([-1.5, 0.75, -1.55])
    cameras = [look(top + np.array([0.45 * np.cos(a), 0.35, 0.3 * np.sin(a)]), top) for a in np.linspace(0.3, 2.9, 10)]
    upright = find_upright(exact_prediction(film(cameras, 240, 180, k=0.0), size=120))
    assert not upright.floor_found
    assert upright.ceiling_height is None


def test_phones_held_on_their_side_among_upright_ones_change_nothing() -> None:
    rolls = [0.0] * 9 + [np.pi / 2] * 3
    centres = np.linspace(0.2, 2.8, 12)
    cameras = np.stack(
        [
            look((np.cos(a), 1.5, np.sin(a)), (-np.cos(a), 1.1, -np.sin(a)), roll)
            for a, roll in zip(centres, rolls, strict=True)
        ]
    )
    up, _ = up_from_cameras(cameras)
    assert angle(up, np.array([0.0, 1.0, 0.0])) < 4.0


def test_cameras_alone_say_how_little_they_know(standing: Prediction) -> None:
    blind = dataclasses.replace(
        standing, depth=np.zeros_like(standing.depth), confidence=np.zeros_like(standing.confidence)
    )
    upright = find_upright(blind)
    assert isinstance(upright, Upright)
    assert not upright.floor_found
    assert upright.gravity_uncertainty_deg > 1.0
    assert angle(upright.rotation[1], np.array([0.0, 1.0, 0.0])) < 3 * upright.gravity_uncertainty_deg
    assert np.isfinite(upright.translation).all()


def test_apply_moves_cameras_points_and_depth_together(standing: Prediction) -> None:
    points = np.array([[0.3, 0.5, -0.2], [-2.0, 1.0, 1.0]], dtype=np.float32)
    prediction = dataclasses.replace(standing, points=points)
    turn = Rotation.from_euler("xyz", [20, -130, 75], degrees=True).as_matrix()
    moved = apply(prediction, turn, SHIFT, 0.37)
    for row in (0, 7):
        before = points @ prediction.extrinsics[row, :, :3].T + prediction.extrinsics[row, :, 3]
        after = moved.points @ moved.extrinsics[row, :, :3].T + moved.extrinsics[row, :, 3]
        np.testing.assert_allclose(after, 0.37 * before, atol=1e-4)
    np.testing.assert_allclose(moved.depth, 0.37 * prediction.depth, rtol=1e-6)
    assert moved.depth.dtype == np.float32
    rotations = moved.extrinsics[:, :, :3]
    np.testing.assert_allclose(
        rotations @ rotations.transpose(0, 2, 1), np.broadcast_to(np.eye(3), rotations.shape), atol=1e-9
    )
