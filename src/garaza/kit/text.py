"""Text that people give, as it is kept: one spelling of each letter, and nothing that can't be seen."""

from __future__ import annotations

import unicodedata

_NEVER = {"Cc", "Cs", "Cn", "Co", "Zl", "Zp"}
"""Control characters, halves of a character, what no standard gives a meaning, and separators of lines."""
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They turn the direction of writing, so that a name can pass for another one."""

_WIDTHLESS = frozenset("\u00ad\u200b\u2060\ufeff")
"""They part words that look like one."""


def one_line(text: str) -> str:
    """A name: NFC, without spaces around it.

    Raises:
        ValueError: it has a character that a line of text can't have.
    """
    return _checked(unicodedata.normalize("NFC", text)).strip()


def lines(text: str) -> str:
    """A text of several lines: NFC, with newlines as they are here, without spaces around it.

    Raises:
        ValueError: it has a character that text can't have.
    """
    normal = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")
    for line in normal.split("\n"):
        _checked(line.replace("\t", " "))
    return normal.strip()


def mended_line(text: str) -> str:
    """A text of any origin as one line: without what it can't have, and with one blank wherever there were several."""
    # Nearly all texts are; looking at each letter takes a hundred times as long.
    if not text.isprintable():
        text = "".join(_mended(letter) for letter in text)
    return " ".join(unicodedata.normalize("NFC", text).split())


def _mended(letter: str) -> str:
    if letter in _TURNING or letter in _WIDTHLESS:
        return ""
    return " " if unicodedata.category(letter) in _NEVER else letter


def _checked(text: str) -> str:
    for letter in text:
        if unicodedata.category(letter) in _NEVER or letter in _TURNING:
            msg = f"it has a character that can't be shown: U+{ord(letter):04X}"
            raise ValueError(msg)
    return text
