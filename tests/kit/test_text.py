"""Text and sizes in the form in which they are kept and shown."""

from __future__ import annotations

import pytest

from garaza.kit.sizes import display_bytes
from garaza.kit.text import lines, mended_line, one_line


@pytest.mark.parametrize(
    ("given", "kept"),
    [(" Kitchen ", "Kitchen"), ("Ku\u0308che", "Küche"), ("", ""), ("👩\u200d🍳", "👩\u200d🍳"), ("a  b", "a  b")],
)
def test_names(given: str, kept: str) -> None:
    assert one_line(given) == kept
    assert one_line(kept) == kept


@pytest.mark.parametrize(
    "given", ["a\nb", "a\tb", "a\0", "\x7f", "a\u2028b", "\u202egnp", "\ud800", "\ue000", "\u0378"]
)
def test_what_is_no_name(given: str) -> None:
    with pytest.raises(ValueError, match="can't be shown"):
        one_line(given)


def test_texts_of_several_lines() -> None:
    assert lines(" one\r\n\ttwo\rthree \n") == "one\n\ttwo\nthree"
    for given in ("a\0b", "a\n\u202eb", "a\x0bb"):
        with pytest.raises(ValueError, match="can't be shown"):
            lines(given)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("  a \n\tb\u00a0c ", "a b c"),
        ("a\0b", "a b"),
        ("\u200e45\u202c", "45"),
        ("so\u00adfa\ufeff", "sofa"),
        ("a\ud800b", "a b"),
        ("Ku\u0308che", "Küche"),
        ("👩\u200d🍳", "👩\u200d🍳"),
        ("\0", ""),
    ],
)
def test_any_text_becomes_a_line(given: str, kept: str) -> None:
    assert mended_line(given) == kept
    assert one_line(kept) == kept


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 KB"),
        (999_949, "999.9 KB"),
        (999_950, "1.0 MB"),
        (12_345_678, "12.3 MB"),
        (1 << 30, "1.1 GB"),
        (5 * 10**12, "5.0 TB"),
        (10**16, "10000.0 TB"),
    ],
)
def test_sizes(size: int, shown: str) -> None:
    assert display_bytes(size) == shown
