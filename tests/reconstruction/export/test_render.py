"""Pictures of a room whose every wall has a colour of its own."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from garaza.reconstruction.export.pictures import POSTER_SIZE, coloured_depth, spread, take_pictures
from garaza.reconstruction.export.plan import draw_plan, positions
from garaza.reconstruction.export.poster import doll_house_views, focus
from garaza.reconstruction.export.render import Renderer
from garaza.reconstruction.export.views import Overhead, Pinhole, View
from garaza.reconstruction.prediction import Prediction
from garaza.reconstruction.surface.mesh import TexturedMesh

FLOOR, CEILING = (150, 110, 70), (235, 235, 230)
NOTHING = (1, 2, 3)


def blank(width: int, height: int) -> NDArray[np.uint8]:
    return np.full((height, width, 3), NOTHING, np.uint8)


def share(picture: NDArray[np.uint8], colour: tuple[int, int, int]) -> float:
    return float((np.abs(picture.astype(int) - colour).max(axis=-1) <= 2).mean())


@pytest.fixture(scope="module")
def renderer(room: TexturedMesh) -> Renderer:
    return Renderer(room)


def test_a_frame_s_camera_sees_what_the_frame_shows(renderer: Renderer, prediction: Prediction) -> None:
    for row in range(len(prediction.images)):
        camera = Pinhole(prediction.extrinsics[row], prediction.intrinsics[row], (96, 72))
        picture = renderer.picture(camera, blank(96, 72), supersampling=1)
        wrong = np.abs(picture.astype(int) - prediction.images[row]).max(axis=-1) > 2
        # Only on the lines where walls meet may a ray fall on the other side.
        assert wrong.mean() < 0.005


def test_from_above_one_looks_through_the_ceiling(renderer: Renderer) -> None:
    camera = Overhead(np.array([-2.0, -1.5]), np.array([2.0, 1.5]), 5.0)
    picture = renderer.picture(camera, blank(80, 60), supersampling=1)
    assert share(picture, FLOOR) > 0.999
    assert share(picture, CEILING) == 0


def test_a_plan_is_no_mirror_image(renderer: Renderer) -> None:
    """X to the right and z downwards: seen from above with y up, as on a map."""
    wide = Overhead(np.array([0.0, 0.0]), np.array([4.0, 3.0]), 5.0)
    picture = renderer.picture(wide, blank(80, 60), supersampling=1)
    shown = np.abs(picture.astype(int) - NOTHING).max(axis=-1) > 2
    assert shown[:29, :39].all()
    assert not shown[31:].any()
    assert not shown[:, 41:].any()


def test_through_the_nearer_walls_into_the_room(renderer: Renderer) -> None:
    view = View(np.array([6.0, 5.0, 5.0]), np.array([0.0, 1.2, 0.0]), 40.0)
    picture = renderer.picture(view, blank(120, 80))
    # The eye is at +x, +z: those walls and the ceiling are seen from behind.
    assert share(picture, FLOOR) > 0.05
    assert share(picture, (190, 60, 50)) > 0.05
    assert share(picture, (60, 90, 180)) > 0.05
    for hidden in (CEILING, (60, 150, 70), (220, 190, 80)):
        assert share(picture, hidden) == 0
    shown, clear = renderer.coverage(view, 60, 40)
    assert shown == pytest.approx(1 - share(picture, NOTHING), abs=0.05)
    assert clear < 0.1 * shown
    inside = View(np.array([0.0, 1.2, 0.0]), np.array([1.0, 1.2, 0.0]), 60.0)
    assert renderer.coverage(inside, 60, 40) == (1.0, 1.0)


def test_bands_leave_no_seams(renderer: Renderer, monkeypatch: pytest.MonkeyPatch) -> None:
    view = View(np.array([6.0, 5.0, 5.0]), np.array([0.0, 1.2, 0.0]), 40.0)
    whole = renderer.picture(view, blank(60, 40))
    monkeypatch.setattr("garaza.reconstruction.export.render._BAND_RAYS", 1500)
    np.testing.assert_array_equal(renderer.picture(view, blank(60, 40)), whole)


def test_rendering_can_be_stopped(room: TexturedMesh) -> None:
    class StopError(Exception):
        pass

    def stop() -> None:
        raise StopError

    with pytest.raises(StopError):
        Renderer(room, stop).picture(View(np.array([6.0, 5, 5]), np.zeros(3), 40.0), blank(8, 8))


def test_the_poster_is_of_the_room_and_not_of_what_lies_far_outside(room: TexturedMesh) -> None:
    island = room.vertices[:4] * np.float32(0.1) + np.array([30, 0, 0], np.float32)
    count = len(room.vertices)
    scattered = dataclasses.replace(
        room,
        vertices=np.concatenate([room.vertices, island]),
        uvs=np.concatenate([room.uvs, room.uvs[:4]]),
        normals=np.concatenate([room.normals, room.normals[:4]]),
        faces=np.concatenate([room.faces, [[count, count + 1, count + 2]]]).astype(np.int32),
    )
    low, high = focus(scattered)
    np.testing.assert_allclose(low, [-2, 0, -1.5], atol=0.3)
    np.testing.assert_allclose(high, [2, 2.4, 1.5], atol=0.3)


def test_views_are_from_above_of_the_whole_and_unlike_each_other(renderer: Renderer, room: TexturedMesh) -> None:
    views = doll_house_views(renderer, 1.6)
    assert len(views) == 3
    turns = []
    for view in views:
        away = view.eye - view.target
        assert away[1] > 0.4 * np.linalg.norm(away)
        turns.append(np.degrees(np.arctan2(away[0], away[2])))
        # Every corner of the room is in the picture, and they fill it in one direction at least.
        forward = -away / np.linalg.norm(away)
        right = np.cross(forward, [0, 1, 0])
        right /= np.linalg.norm(right)
        axes = np.stack([right, np.cross(right, forward), forward])
        seen = (room.vertices - view.eye) @ axes.T
        half = np.tan(np.radians(view.field_of_view / 2))
        places = np.abs(seen[:, :2] / seen[:, 2:]) / [half, half / 1.6]
        assert 0.8 < places.max() < 1.0
    gaps = [abs((a - b + 180) % 360 - 180) for a, b in zip(turns, turns[1:] + turns[:1], strict=True)]
    assert min(gaps) >= 59


def test_all_pictures_of_a_scan(room: TexturedMesh, prediction: Prediction) -> None:
    asked = []
    pictures = take_pictures(room, prediction, lambda: asked.append(1))
    assert pictures.poster.shape == (POSTER_SIZE[1], POSTER_SIZE[0], 3)
    assert share(pictures.poster, FLOOR) > 0.05
    assert share(pictures.poster, CEILING) < 0.005
    assert len(pictures.sides) == 2
    assert len(pictures.compared) == 4
    for frame, model, depth in pictures.compared:
        assert frame.shape == model.shape == depth.shape
        assert np.median(np.abs(frame.astype(int) - model)) <= 2
    np.testing.assert_allclose(pictures.extent, [4, 2.4, 3], atol=0.3)
    assert len(asked) > 10


def test_the_plan_holds_the_camera_s_way(renderer: Renderer, prediction: Prediction) -> None:
    plan = draw_plan(renderer, prediction)
    path = (positions(prediction)[:, ::2] - plan.low) * plan.pixels_per_unit
    height, width = plan.picture.shape[:2]
    assert (path > 0).all()
    assert (path < [width, height]).all()
    u, v = ((np.array([0.0, 0.0]) - plan.low) * plan.pixels_per_unit).astype(int)
    np.testing.assert_allclose(plan.picture[v, u], FLOOR, atol=2)


def test_near_is_warm_and_far_is_cold_and_unknown_is_dark() -> None:
    depth = np.linspace(1, 5, 100, dtype=np.float32)[None].repeat(4, 0)
    depth[0] = 0
    colours = coloured_depth(depth).astype(int)
    assert colours[2, 3, 0] > colours[2, 3, 2]
    assert colours[2, -3, 2] > colours[2, -3, 0]
    assert colours[0].max() < 64
    assert coloured_depth(np.zeros((3, 3), np.float32)).max() < 64


@pytest.mark.parametrize(("count", "wanted", "rows"), [(10, 2, [2, 7]), (3, 4, [0, 1, 2]), (1, 4, [0])])
def test_samples_are_spread_evenly(count: int, wanted: int, rows: list[int]) -> None:
    assert spread(count, wanted) == rows
