"""The cells of a row by field, and notes on what was done to them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from garaza.furniture.intake.columns import Column, Columns
from garaza.furniture.intake.notes import Note, note
from garaza.furniture.intake.values import has_html, is_missing, line_of, plain, raw_entries, raw_text

_UNSHOWN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


class Cells:
    """Of one row, or of the specifications in it."""

    def __init__(self, row: Mapping[str, object], columns: Columns, notes: dict[Note, None]) -> None:
        self._row = row
        self._columns = columns
        self._notes = notes

    def mended(self, field: str, reason: str) -> None:
        """Note it, once."""
        self._notes[note("mended", field, reason)] = None

    def of(self, field: str) -> Iterator[tuple[Column, object]]:
        """What there is, in the order in which it counts."""
        for column in self._columns.get(field, ()):
            value = plain(self._row.get(column.name))
            if value is not None and not (isinstance(value, str) and is_missing(value)):
                yield column, value

    def texts(self, field: str) -> Iterator[tuple[Column, str]]:
        """The same as lines, of what says something."""
        for column, value in self.of(field):
            if line := line_of(value):
                yield column, line

    def line(self, field: str, limit: int) -> str:
        """The first that says something, as one line of bounded length."""
        for _, value in self.of(field):
            if line := self.clean(field, value, limit):
                return line
        return ""

    def clean(self, field: str, value: object, limit: int) -> str:
        """A value as one line of bounded length, with notes on what that took."""
        raw = raw_text(value)
        if has_html(raw):
            self.mended(field, "HTML was taken out")
        if _UNSHOWN.search(raw):
            self.mended(field, "characters that can't be shown were taken out")
        if "\ufffd" in raw:
            self.mended(field, "bytes that are no text in UTF-8 were exchanged for \ufffd")
        return self.cut(field, line_of(raw), limit)

    def cut(self, field: str, line: str, limit: int) -> str:
        """The beginning, with a note if that isn't all."""
        if len(line) <= limit:
            return line
        self.mended(field, f"longer than {limit} letters: the rest was cut off")
        return line[:limit].rstrip()

    def entries(self, field: str, split: Callable[[str], Iterable[str]]) -> list[object]:
        """Those of the first list that has any."""
        for _, value in self.of(field):
            if entries := raw_entries(value, split):
                return entries
        return []

    def bounded(self, field: str, entries: list[str], limit: int) -> tuple[str, ...]:
        """Each once and so many at most, with a note if that isn't all."""
        different = list(dict.fromkeys(entries))
        if len(different) > limit:
            self.mended(field, f"more than {limit} entries: the rest was left out")
        return tuple(different[:limit])
