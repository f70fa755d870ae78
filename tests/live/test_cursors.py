"""How far a client has come, as text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from garaza.jobs.news import LOOK_BACK, Mark
from garaza.live.cursors import cursor_of, mark_of


@given(st.integers(0, 2**53), st.sets(st.integers(1, 2000), max_size=LOOK_BACK))
def test_a_cursor_says_what_the_mark_said(last: int, backs: set[int]) -> None:
    mark = Mark(last, {last - back: 5.0 for back in backs})
    text = cursor_of(mark)
    assert text.replace("~", "").replace("-", "").replace(".", "").isdigit(), "it needs no escaping"
    found = mark_of(text)
    assert found is not None
    assert (found.last, set(found.missing)) == (mark.last, set(mark.missing))


@given(st.text(max_size=50) | st.from_regex(r"[0-9]{0,5}~[0-9.~-]{0,30}"))
def test_what_is_none_does_no_harm(text: str) -> None:
    found = mark_of(text)
    assert found is None or len(found.missing) <= LOOK_BACK


def test_an_event_s_id_is_a_cursor() -> None:
    assert mark_of("1234") == Mark(1234)
    assert cursor_of(Mark(1234)) == "1234"
    assert mark_of("1~5000-1") is None
    assert mark_of("9~1-600") is None
