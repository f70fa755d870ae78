"""Depth that the surface and the picture have made better."""

from __future__ import annotations

import numpy as np
import pytest
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene

from garaza.reconstruction.depth.outlines import outlines, sharpen_outlines
from garaza.reconstruction.prediction import Float32, UInt8
from garaza.reconstruction.surface.refine import depth_of_surface, refine_view

SHAPE = (60, 80)
GREY: UInt8 = np.full((*SHAPE, 3), 128, np.uint8)


def _wall(depth: float = 3.0) -> Float32:
    """Slanted: a plane in space is one in inverse depth."""
    inverse = 1 / depth + 1e-3 * np.arange(SHAPE[1]) * np.ones((SHAPE[0], 1))
    return (1 / inverse).astype(np.float32)


def _errors(found: Float32, true: Float32) -> Float32:
    return np.abs(found / true - 1)


def test_where_both_agree_the_surface_takes_the_noise_away() -> None:
    true = _wall()
    noisy = (true * np.random.default_rng(1).normal(1, 0.01, SHAPE)).astype(np.float32)
    found = refine_view(noisy, true, GREY)
    assert _errors(found, true).max() < 0.002


def test_what_is_thin_and_missing_in_the_surface_stays() -> None:
    true = _wall()
    image = GREY.copy()
    true[10:50, 40:44], image[10:50, 40:44] = 1.5, 30
    found = refine_view(true, _wall(), image)
    assert _errors(found, true).max() < 0.02


def test_what_was_not_measured_comes_from_the_surface() -> None:
    true = _wall()
    measured = true.copy()
    measured[20:40, 20:60] = 0
    assert _errors(refine_view(measured, true, GREY), true).max() < 0.002


def test_what_nobody_knows_stays_unknown() -> None:
    measured = _wall()
    measured[:, 40:] = 0
    found = refine_view(measured, np.zeros(SHAPE, np.float32), GREY)
    assert (found[:, :40] > 0).all()
    # As far as a window has a say: what is next to something known is like it.
    assert not found[:, 47:].any()
    assert not refine_view(np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.float32), GREY).any()


@pytest.mark.parametrize("off", [-2, -1, 1, 2])
def test_an_outline_goes_to_where_the_picture_changes(off: int) -> None:
    image = GREY.copy()
    image[:, :40] = (40, 60, 150)
    true = np.where(np.arange(SHAPE[1]) < 40, 1.5, 3.0) * np.ones((SHAPE[0], 1))
    blurred = np.where(np.arange(SHAPE[1]) < 40 + off, 1.5, 3.0) * np.ones((SHAPE[0], 1))
    found = sharpen_outlines(blurred.astype(np.float32), image)
    np.testing.assert_array_equal(found, true.astype(np.float32))


def test_a_slope_is_no_outline() -> None:
    assert not outlines(_wall()).any()
    step = _wall()
    step[:, 40:] *= 1.5
    assert np.flatnonzero(outlines(step).any(axis=0)).tolist() == [38, 39, 40, 41]


def test_the_surface_is_seen_as_a_camera_sees_it() -> None:
    """A square at z = 2 of the camera, which stands at (1, 0, 0) and is turned a quarter to the right."""
    rotation = np.array([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]])
    extrinsics = np.hstack([rotation, -rotation @ [[1.0], [0], [0]]])
    corners = np.array([[3.0, -1, -1], [3, -1, 1], [3, 1, 1], [3, 1, -1]], np.float32)
    scene = EmbreeScene()
    TriangleMesh(scene, np.ascontiguousarray(corners[[[0, 1, 2], [0, 2, 3]]]))
    pinhole = np.array([[40.0, 0, 39.5], [0, 40, 29.5], [0, 0, 1]])
    depth = depth_of_surface(scene, pinhole, extrinsics, SHAPE)
    seen = np.zeros(SHAPE, np.bool_)
    seen[10:50, 20:60] = True
    np.testing.assert_array_equal(depth > 0, seen)
    np.testing.assert_allclose(depth[seen], 2.0, rtol=1e-5)
