"""What a unit is, and how sure that is."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garaza.reconstruction.cameras.scale import KnownLength, estimate_scale, scale_from_known_length


@pytest.mark.parametrize(
    ("text", "kind", "metres"),
    [
        ("ceiling:2.5", "ceiling", 2.5),
        (" Camera:1.55 ", "camera", 1.55),
    ],
)
def test_lengths_are_read_as_people_write_them(text: str, kind: str, metres: float) -> None:
    known = KnownLength.parse(text)
    assert (known.kind, known.metres) == (kind, metres)


@pytest.mark.parametrize(
    "text",
    [
        "", "2.5", "ceiling", "ceiling:", "ceiling:tall", "ceiling:nan", "ceiling:inf", "ceiling:1e1", "ceiling:0",
        "ceiling:-2.5", "ceiling:250", "camera:9", "door:2", "points:0,0,0:1,1,1:0.9", "ceiling:2.5:3",
        "ceiling:2,5", "ceiling:" + "9" * 5000,
    ],
)  # fmt: skip
def test_what_is_no_length_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w{3}"):
        KnownLength.parse(text)


@given(st.text(max_size=60))
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        known = KnownLength.parse(text)
    except ValueError:
        return
    assert 0 < known.metres <= 100


def test_a_guess_is_never_called_metric() -> None:
    for floor in (True, False):
        for ceiling in (None, 5.0):
            assert not estimate_scale(3.0, ceiling, floor, 6.0)[1].metric


def test_camera_and_ceiling_together_are_surer_than_one() -> None:
    alone_factor, alone = estimate_scale(2.9, None, True, 6.0)
    factor, both = estimate_scale(2.9, 5.1, True, 6.0)
    assert alone_factor == pytest.approx(0.5)
    assert factor == pytest.approx(0.5, rel=0.01)
    assert both.uncertainty < alone.uncertainty
    assert (alone.source, both.source) == ("assumed_camera_height", "assumed_room_height")


def test_a_ceiling_that_cannot_be_one_is_not_believed() -> None:
    factor, scale = estimate_scale(1.45, 9.0, True, 3.0)
    assert factor == pytest.approx(1.0)
    assert scale.source == "assumed_camera_height"
    assert scale.uncertainty > estimate_scale(1.45, None, True, 3.0)[1].uncertainty


def test_without_a_floor_the_scale_is_hardly_known() -> None:
    factor, scale = estimate_scale(1.45, None, False, 4.8)
    assert factor == pytest.approx(0.25)
    assert scale.uncertainty >= 0.5


@pytest.mark.parametrize(
    ("text", "metres_per_unit"),
    [("ceiling:2.5", 2.5 / 2.4), ("camera:1.5", 1.5 / 1.2)],
)
def test_a_known_length_makes_it_metric(text: str, metres_per_unit: float) -> None:
    scale = scale_from_known_length(KnownLength.parse(text), camera_height=1.2, ceiling_height=2.4)
    assert scale.metric
    assert scale.source == "known_length"
    assert scale.metres_per_unit == pytest.approx(metres_per_unit)
    assert 0 < scale.uncertainty < 0.1


def test_a_length_that_is_not_in_the_model_is_refused() -> None:
    with pytest.raises(ValueError, match="ceiling"):
        scale_from_known_length(KnownLength.parse("ceiling:2.5"), 1.5, None)
    with pytest.raises(ValueError, match="floor"):
        scale_from_known_length(KnownLength.parse("camera:1.5"), None, 2.4)
    with pytest.raises(ValueError, match="can't be measured"):
        scale_from_known_length(KnownLength.parse("camera:1.5"), -0.1, None)
    with pytest.raises(ValueError, match="unit"):
        scale_from_known_length(KnownLength.parse("camera:1.5"), 1000, None)


def test_combining_lies_between_the_two_guesses() -> None:
    by_camera, _ = estimate_scale(1.45, None, True, 3.0)
    combined, _ = estimate_scale(1.45, 2.9, True, 3.0)
    by_ceiling = 2.55 / 2.9
    assert min(by_camera, by_ceiling) < combined < max(by_camera, by_ceiling)
    assert math.isfinite(combined)
