"""Points and cameras as files: what they say must be where things are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray

from garaza.reconstruction.export import ply
from garaza.reconstruction.export.cameras import write_cameras
from garaza.reconstruction.export.ply import dense_points, read_ply, rescale_ply, write_ply
from garaza.reconstruction.prediction import Prediction

LOW, HIGH = np.array([-2, 0, -1.5]), np.array([2, 2.4, 1.5])


def distance_to_walls(points: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.minimum(np.abs(points - LOW), np.abs(points - HIGH)).min(axis=1)


def test_points_lie_on_the_walls_and_have_their_colours(prediction: Prediction) -> None:
    points, colours = dense_points(prediction, 0.02)
    assert len(points) > 1000
    assert distance_to_walls(points).max() < 1e-4
    floor = points[:, 1] < 1e-4
    inner = floor & (np.abs(points[:, 0]) < 1.8) & (np.abs(points[:, 2]) < 1.3)
    assert inner.any()
    np.testing.assert_array_equal(colours[inner], np.tile(np.array([150, 110, 70]), (inner.sum(), 1)))


def test_a_cube_of_space_has_one_point(prediction: Prediction) -> None:
    points, _ = dense_points(prediction, 0.2)
    cells = np.floor(points / 0.2).astype(int)
    # The grid begins at the lowest point's cell in whole cells, so this is the same grid.
    assert len(np.unique(cells, axis=0)) == len(points)
    assert len(points) < len(dense_points(prediction, 0.1)[0])


def test_what_is_unsure_is_no_point(prediction: Prediction) -> None:
    sure = np.where(prediction.confidence >= 0.5, prediction.depth, 0)
    assert 0 < (sure > 0).sum() < (prediction.depth > 0).sum()
    assert len(dense_points(prediction, 1e-5)[0]) <= (sure > 0).sum()


def test_a_cloud_has_a_limit(prediction: Prediction, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = dense_points(prediction, 0.02)
    monkeypatch.setattr(ply, "MAX_POINTS", 500)
    points, colours = dense_points(prediction, 0.02)
    assert len(points) == len(colours) == 500
    # Thinned everywhere, not cut off.
    np.testing.assert_allclose(points.min(axis=0), whole.min(axis=0), atol=0.2)
    np.testing.assert_allclose(points.max(axis=0), whole.max(axis=0), atol=0.2)


def test_other_programs_read_the_cloud(tmp_path: Path, prediction: Prediction) -> None:
    points, colours = dense_points(prediction, 0.05)
    write_ply(tmp_path / "points.ply", points, colours)
    cloud = trimesh.load(tmp_path / "points.ply")
    np.testing.assert_allclose(np.asarray(cloud.vertices), points, atol=1e-6)
    np.testing.assert_array_equal(np.asarray(cloud.visual.vertex_colors)[:, :3], colours)


def test_a_cloud_can_be_made_larger(tmp_path: Path, prediction: Prediction) -> None:
    points, colours = dense_points(prediction, 0.05)
    write_ply(tmp_path / "a.ply", points, colours)
    rescale_ply(tmp_path / "a.ply", tmp_path / "b.ply", 1.5)
    found, same = read_ply(tmp_path / "b.ply")
    np.testing.assert_allclose(found, points * 1.5, rtol=1e-6)
    np.testing.assert_array_equal(same, colours)


def test_cameras_alone_bring_depth_to_where_it_is(tmp_path: Path, prediction: Prediction) -> None:
    """From what the file says, and nothing else, depth becomes the room."""
    write_cameras(tmp_path / "cameras.json", prediction, [0, 10, 20, 30, 40], [0.0, 0.33333, 0.6667, 1.0, 1.3333])
    document = json.loads((tmp_path / "cameras.json").read_text())
    assert [frame["source_index"] for frame in document["frames"]] == [0, 10, 20, 30, 40]
    assert [frame["time_s"] for frame in document["frames"]] == [0.0, 0.3333, 0.6667, 1.0, 1.3333]
    assert document["image_size"] == [96, 72]
    assert document["depth_size"] == [48, 36]
    for row, frame in enumerate(document["frames"]):
        pinhole, pose = np.array(frame["depth_intrinsics"]), np.array(frame["extrinsics"])
        v, u = np.nonzero(prediction.depth[row])
        z = prediction.depth[row][v, u].astype(np.float64)
        camera = (np.linalg.inv(pinhole) @ np.stack([u, v, np.ones_like(u)]).astype(float)) * z
        world = (camera.T - pose[:, 3]) @ pose[:, :3]
        assert distance_to_walls(world.astype(np.float32)).max() < 1e-4
        np.testing.assert_allclose(pose[:, :3] @ np.array(frame["position"]) + pose[:, 3], 0, atol=1e-6)


def test_a_camera_for_each_frame_or_none_at_all(tmp_path: Path, prediction: Prediction) -> None:
    with pytest.raises(ValueError, match="zip"):
        write_cameras(tmp_path / "cameras.json", prediction, [0, 10], [0.0, 1.0])
    assert not (tmp_path / "cameras.json").exists()
