"""Which pictures are matched with which."""

from __future__ import annotations

import numpy as np

from garaza.reconstruction.cameras.pairs import OVERLAP, choose_pairs, similarity


def places(count: int, features: int = 60) -> list[np.ndarray]:
    """Descriptors of `count` pictures on a round tour of 12 places: neighbours share half, the tour closes twice."""
    rng = np.random.default_rng(0)
    things = rng.integers(0, 255, (12, features, 128)).astype(np.int64)
    pictures = []
    for row in range(count):
        here, there = things[row % 12], things[(row + 1) % 12]
        mixed = np.concatenate([here, there[: features // 2]]) + rng.integers(-8, 9, (features + features // 2, 128))
        pictures.append(np.clip(mixed, 0, 255).astype(np.uint8))
    return pictures


def test_few_pictures_are_all_matched() -> None:
    assert len(choose_pairs(places(10), ordered=True, exhaustive_up_to=10)) == 45


def test_neighbours_in_time_are_matched_and_loops_closed() -> None:
    pairs = set(choose_pairs(places(36), ordered=True, exhaustive_up_to=0))
    assert all((a, a + step) in pairs for step in range(1, OVERLAP + 1) for a in range(36 - step))
    # The tour comes by the same place every 12 pictures.
    closed = sum((a, a + 12) in pairs for a in range(24))
    assert closed >= 22
    assert len(pairs) < 36 * 35 / 2
    assert all(a < b for a, b in pairs)


def test_pictures_without_features_are_no_trouble() -> None:
    empty = [np.zeros((0, 128), np.uint8) for _ in range(5)]
    assert choose_pairs(empty, ordered=True, exhaustive_up_to=0)
    assert np.isfinite(similarity(empty)).all()
    some = [*places(4), np.zeros((0, 128), np.uint8)]
    assert np.isfinite(similarity(some)).all()


def test_the_choice_can_be_repeated() -> None:
    once, again = (choose_pairs(places(30), ordered=False, exhaustive_up_to=0) for _ in range(2))
    assert once == again
