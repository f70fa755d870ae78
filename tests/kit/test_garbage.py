"""What is built to stay isn't looked at again."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from garaza.kit.garbage import built_to_stay


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_what_was_built_stays_and_what_is_no_use_goes() -> None:
    frozen = gc.get_freeze_count()
    with built_to_stay():
        assert not gc.isenabled()
        kept = [[number] for number in range(1000)]
        circle: list[object] = []
        circle.append(circle)
    assert gc.isenabled()
    assert gc.get_freeze_count() >= frozen + 1000
    assert not any(one is kept[0] for one in gc.get_objects())


def test_it_is_looked_for_again_whatever_goes_wrong() -> None:
    with pytest.raises(SystemExit), built_to_stay():
        raise SystemExit
    assert gc.isenabled()
