"""Dataclasses of arrays survive being kept, to the bit and with their types."""

from __future__ import annotations

import io
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from garaza.reconstruction.checkpoints.codec import pack, unpack


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Inner:
    heights: NDArray[np.float32]
    name: str = "an inner one, with ünïcode"


@dataclass(frozen=True, slots=True)
class Outer:
    inner: Inner
    by_name: dict[str, Inner]
    rows: list[Inner]
    colour: Colour
    number: int
    share: float
    found: bool
    perhaps: float | None
    missing: Inner | None
    there: Inner | None
    picture: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8))


def inner(seed: int) -> Inner:
    return Inner(np.random.default_rng(seed).normal(size=(seed, 3)).astype(np.float32))


def kept(**parts: object) -> dict[str, NDArray[Any]]:
    """Through a file, as checkpoints go."""
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **pack(**parts))
    file.seek(0)
    with np.load(file, allow_pickle=False) as saved:
        return dict(saved)


def test_everything_comes_back_as_it_was() -> None:
    value = Outer(
        inner=inner(4),
        by_name={"full": inner(0), "medium": inner(2)},
        rows=[inner(1), inner(3)],
        colour=Colour.RED,
        number=2**60,
        share=0.1 + 0.2,
        found=True,
        perhaps=None,
        missing=None,
        there=inner(5),
        picture=np.asfortranarray(np.arange(12, dtype=np.uint8).reshape(3, 4)),
    )
    back = unpack(kept(first=7, value=value), "value", Outer)
    assert_same(back, value)
    assert isinstance(back.colour, Colour)
    assert back.picture.flags.f_contiguous


def test_numbers_of_numpy_come_back_as_python_s() -> None:
    value = {"found": np.bool_(True), "share": np.float64(0.1), "count": np.int32(3)}
    assert unpack(kept(value=value), "value", dict[str, float]) == {"found": True, "share": 0.1, "count": 3}
    assert unpack(kept(value=value), "value", dict[str, bool])["found"] is True


def test_not_a_number_and_infinity_are_numbers() -> None:
    value = [float("inf"), float("nan")]
    back = unpack(kept(value=value), "value", list[float])
    assert back[0] == float("inf")
    assert np.isnan(back[1])


def test_arrays_are_not_copied_to_be_kept() -> None:
    value = inner(1000)
    assert any(array is value.heights for array in pack(value=value).values())


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes", Inner(heights=object())])  # type: ignore[arg-type]
def test_what_can_t_be_kept_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="can't be kept"):
        pack(value=value)


def test_a_kind_that_can_t_have_been_kept_is_refused() -> None:
    with pytest.raises(TypeError, match="can't have been kept"):
        unpack(kept(value="text"), "value", bytes)


def test_what_is_not_there_is_an_error() -> None:
    with pytest.raises(LookupError):
        unpack(kept(value=inner(1)), "other", Inner)
    with pytest.raises(LookupError):
        unpack(kept(value={"name": "no heights"}), "value", Inner)


def assert_same(found: Any, expected: Any) -> None:
    assert type(found) is type(expected)
    if isinstance(expected, np.ndarray):
        assert found.dtype == expected.dtype
        assert np.array_equal(found, expected)
    elif isinstance(expected, dict):
        assert list(found) == list(expected)
        assert_same(list(found.values()), list(expected.values()))
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, Inner | Outer):
        for each in fields(expected):
            assert_same(getattr(found, each.name), getattr(expected, each.name))
    else:
        assert found == expected
