"""Text from bytes, a line at a time, whatever the lines are like."""

from __future__ import annotations

import codecs
import io

MAX_LINE_LETTERS = 4 << 20
"""More is no row of a catalogue."""

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def encoding_of(head: bytes) -> str:
    """By the mark that a file may begin with; UTF-8 without one."""
    return next((encoding for mark, encoding in _MARKS if head.startswith(mark)), "utf-8")


def open_text(file: io.BufferedReader) -> io.TextIOWrapper:
    """What can't be decoded becomes U+FFFD, and newlines stay as they are."""
    return io.TextIOWrapper(file, encoding_of(file.peek(4)[:4]), errors="replace", newline="")


class LongLineError(Exception):
    """A line was passed over, to its end."""


class Lines:
    """Lines of bounded length."""

    def __init__(self, text: io.TextIOWrapper, begun: str = "") -> None:
        self._text = text
        self._begun = begun
        """Of the first line, what was read of it already."""

    def next(self) -> str:
        """Empty: there are no more.

        Raises:
            LongLineError
        """
        begun, self._begun = self._begun, ""
        line = begun + self._text.readline(MAX_LINE_LETTERS)
        if len(line) < MAX_LINE_LETTERS or line.endswith(("\n", "\r")):
            return line
        while True:
            rest = self._text.readline(MAX_LINE_LETTERS)
            if not rest or rest.endswith(("\n", "\r")):
                raise LongLineError
