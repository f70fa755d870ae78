"""Depth of a room whose depth is known exactly."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from garaza.reconstruction.depth.estimate import estimate_depth
from garaza.reconstruction.progress import Cancelled, Monitor


def test_textured_room_is_measured_nearly_everywhere_and_nearly_exactly(textured_room):
    depth, confidence = estimate_depth(textured_room.sparse, textured_room.settings, Monitor())

    assert depth.shape == confidence.shape == textured_room.depth.shape
    assert depth.dtype == confidence.dtype == np.float32
    assert np.array_equal(depth > 0, confidence > 0)
    assert confidence.min() >= 0
    assert confidence.max() <= 1
    trusted = confidence >= 0.5
    off = np.abs(depth[trusted] / textured_room.depth[trusted] - 1)
    assert trusted.mean() > 0.85
    assert np.median(off) < 0.003
    assert np.mean(off) < 0.01
    assert np.mean(off < 0.05) > 0.98


def test_result_does_not_depend_on_how_threads_interleave(textured_room):
    first = estimate_depth(textured_room.sparse, textured_room.settings, Monitor())
    second = estimate_depth(textured_room.sparse, textured_room.settings, Monitor())

    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])


def test_pictures_without_texture_give_no_depth_rather_than_a_wrong_one(textured_room):
    noise = np.random.default_rng(3)
    blank = np.clip(noise.normal(128, 1.5, textured_room.sparse.images.shape), 0, 255).astype(np.uint8)
    depth, confidence = estimate_depth(replace(textured_room.sparse, images=blank), textured_room.settings, Monitor())

    assert (confidence >= 0.5).mean() < 0.01
    assert (depth > 0).mean() < 0.02


def test_two_views_are_too_few_for_trust(draw):
    room = draw(views=2)
    _depth, confidence = estimate_depth(room.sparse, room.settings, Monitor())

    assert confidence.max() < 0.5


def test_view_that_shares_nothing_stays_unknown(textured_room):
    sparse = textured_room.sparse
    others = sparse.observation_frames != 3
    alone = replace(
        sparse,
        observation_frames=sparse.observation_frames[others],
        observation_points=sparse.observation_points[others],
    )
    depth, confidence = estimate_depth(alone, textured_room.settings, Monitor())

    assert not depth[3].any()
    assert not confidence[3].any()
    assert (confidence[4] >= 0.5).mean() > 0.8


def test_depth_has_the_pictures_shape_and_is_never_larger(draw):
    room = draw(views=3, width=90, height=160)
    depth, _confidence = estimate_depth(room.sparse, replace(room.settings, depth_size=80), Monitor())
    assert depth.shape == (3, 80, 45)

    depth, _confidence = estimate_depth(room.sparse, replace(room.settings, depth_size=500), Monitor())
    assert depth.shape == (3, 160, 90)


@pytest.mark.parametrize("checks", [1, 6])
def test_cancelling_leaves_no_thread(textured_room, checks):
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > checks

    with pytest.raises(Cancelled):
        estimate_depth(textured_room.sparse, textured_room.settings, Monitor(cancelled=cancelled))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("depth")]


def test_progress_rises_to_the_end_of_the_stage(textured_room):
    seen: list[float] = []
    estimate_depth(textured_room.sparse, textured_room.settings, Monitor(on_progress=lambda p: seen.append(p.progress)))

    assert seen == sorted(seen)
    assert len(seen) > len(textured_room.depth)


def test_bare_wall_becomes_the_plane_that_its_picture_hangs_on(draw):
    """The far wall has no texture but for a picture in its middle; nothing but planes can fill it."""
    room = draw(views=8, bare=(5,), picture=True)
    depth, confidence = estimate_depth(room.sparse, room.settings, Monitor())

    filled = room.bare & (confidence > 0)
    off = np.abs(depth[filled] / room.depth[filled] - 1)
    assert filled.sum() / room.bare.sum() > 0.6
    assert np.mean(off < 0.05) > 0.85
    laid = room.bare & (confidence > 0) & (confidence < 0.5)
    assert laid.sum() > 0.5 * filled.sum()
    assert np.all(confidence[laid] >= 0.2)
