"""Straight lines become straight, and nothing that the lens did not see is shown."""

from __future__ import annotations

import numpy as np
import pytest

from garaza.reconstruction.cameras.rectification import Lens, pinhole_inside, rectify

WIDTH, HEIGHT = 320, 200


def lens(k: float) -> Lens:
    return Lens(260.0, (WIDTH - 1) / 2, (HEIGHT - 1) / 2, k)


@pytest.mark.parametrize("k", [-0.12, 0.0, 0.15])
def test_every_pixel_was_seen_and_none_is_wasted(k: float) -> None:
    intrinsics = pinhole_inside(lens(k), WIDTH, HEIGHT)

    def reach(focal: float) -> tuple[float, float]:
        x, y = np.meshgrid(
            (np.arange(WIDTH) - intrinsics[0, 2]) / focal, (np.arange(HEIGHT) - intrinsics[1, 2]) / focal
        )
        u, v = lens(k).distort(x, y)
        return min(u.min(), v.min()), max(u.max() - WIDTH + 1, v.max() - HEIGHT + 1)

    low, high = reach(intrinsics[0, 0])
    assert low >= -1e-6
    assert high <= 1e-6
    low, high = reach(intrinsics[0, 0] * 0.99)
    assert low < 0 or high > 0


@pytest.mark.parametrize("k", [-0.12, 0.15])
def test_a_picture_is_what_a_pinhole_would_have_seen(k: float) -> None:
    # A pattern painted on the plane z = 1, seen through the lens and, for comparison, without it.
    def pattern(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return 128 + 60 * np.sin(18 * x + 3 * y) + 60 * np.cos(14 * y - 5 * x)

    u, v = np.meshgrid(np.arange(WIDTH, dtype=float), np.arange(HEIGHT, dtype=float))
    xd, yd = (u - lens(k).centre_x) / 260.0, (v - lens(k).centre_y) / 260.0
    x, y = xd.copy(), yd.copy()
    for _ in range(60):
        factor = 1 + k * (x * x + y * y)
        x, y = xd / factor, yd / factor
    seen = np.repeat(np.rint(pattern(x, y)).astype(np.uint8)[None, ..., None], 3, axis=-1)
    intrinsics = pinhole_inside(lens(k), WIDTH, HEIGHT)
    straight = rectify(seen, lens(k), intrinsics)
    wanted = pattern((u - intrinsics[0, 2]) / intrinsics[0, 0], (v - intrinsics[1, 2]) / intrinsics[1, 1])
    assert straight.shape == seen.shape
    assert np.abs(straight[0, ..., 0] - wanted).max() < 4


@pytest.mark.parametrize(
    ("focal", "k", "believable"),
    [(260, -0.05, True), (260, 0.1, True), (260, 1.1, False), (260, -0.9, False), (60, 0.0, False), (3000, 0.0, False)],
)
def test_lenses_that_no_phone_has_are_not_believed(focal: float, k: float, believable: bool) -> None:
    assert Lens(focal, 159.5, 99.5, k).is_believable(WIDTH, HEIGHT) is believable
