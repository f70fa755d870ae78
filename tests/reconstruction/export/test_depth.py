"""Depth that survives being a picture."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from garaza.reconstruction.export import depth as module
from garaza.reconstruction.export.depth import read_depth, write_depth
from garaza.reconstruction.prediction import Prediction


@pytest.mark.parametrize(("kind", "most"), [("coarse", 0.010), ("fine", 0.0025)])
def test_the_error_is_half_a_step(kind: str, most: float, tmp_path: Path, prediction: Prediction) -> None:
    write_depth(tmp_path / "depth", prediction, list(range(5)))
    found = read_depth(tmp_path / "depth", kind)
    assert found.shape == prediction.depth.shape
    known = prediction.depth > 0
    np.testing.assert_array_equal(found > 0, known)
    errors = np.abs(found - prediction.depth)[known]
    assert errors.max() <= most + 1e-5
    # Rounded, not cut off: neither nearer nor farther on the whole.
    assert abs((found - prediction.depth)[known].mean()) < most / 10


def test_a_hall_has_a_coarser_step_and_says_so(tmp_path: Path, prediction: Prediction) -> None:
    hall = dataclasses.replace(prediction, depth=prediction.depth * np.float32(5))
    write_depth(tmp_path / "depth", hall, list(range(5)))
    manifest = json.loads((tmp_path / "depth" / "manifest.json").read_text())
    step = manifest["coarse"]["step"]
    assert 0.02 < step < 0.1
    inside = (hall.depth > 0) & (hall.depth <= manifest["coarse"]["max"])
    assert inside.sum() > 0.998 * (hall.depth > 0).sum()
    errors = np.abs(read_depth(tmp_path / "depth", "coarse") - hall.depth)[inside]
    assert errors.max() <= step / 2 + 1e-4
    known = hall.depth > 0
    fine = np.abs(read_depth(tmp_path / "depth", "fine") - hall.depth)[known]
    assert fine.max() <= 0.0026


def test_one_point_far_away_costs_nobody_else_precision(tmp_path: Path, prediction: Prediction) -> None:
    depth = prediction.depth.copy()
    depth[0, 0, 0] = 900.0
    write_depth(tmp_path / "depth", dataclasses.replace(prediction, depth=depth), list(range(5)))
    manifest = json.loads((tmp_path / "depth" / "manifest.json").read_text())
    assert manifest["coarse"]["step"] == pytest.approx(0.02)
    for kind in ("coarse", "fine"):
        assert read_depth(tmp_path / "depth", kind)[0, 0, 0] == pytest.approx(manifest[kind]["max"])


def test_many_frames_go_into_several_sprites(
    tmp_path: Path, prediction: Prediction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MAX_SIDE", 100)
    write_depth(tmp_path / "depth", prediction, [3, 6, 9, 12, 15])
    manifest = json.loads((tmp_path / "depth" / "manifest.json").read_text())
    assert [sprite["frames"] for sprite in manifest["sprites"]] == [4, 1]
    assert [sprite["first_frame"] for sprite in manifest["sprites"]] == [0, 4]
    assert manifest["source_indices"] == [3, 6, 9, 12, 15]
    for sprite in manifest["sprites"]:
        with Image.open(tmp_path / "depth" / sprite["coarse"]) as picture:
            assert max(picture.size) <= 100
    assert np.abs(read_depth(tmp_path / "depth", "fine") - prediction.depth).max() < 0.0026


def test_the_arrays_for_science_are_exact(tmp_path: Path, prediction: Prediction) -> None:
    write_depth(tmp_path / "depth", prediction, [3, 6, 9, 12, 15])
    with np.load(tmp_path / "depth" / "depth.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["depth"], prediction.depth)
        np.testing.assert_array_equal(arrays["confidence"], prediction.confidence)
        assert arrays["depth"].dtype == np.float32
        assert arrays["source_indices"].tolist() == [3, 6, 9, 12, 15]


def test_nothing_known_is_no_reason_to_fail(tmp_path: Path, prediction: Prediction) -> None:
    blind = dataclasses.replace(prediction, depth=np.zeros_like(prediction.depth))
    write_depth(tmp_path / "depth", blind, list(range(5)))
    assert not read_depth(tmp_path / "depth", "coarse").any()
