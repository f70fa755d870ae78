"""Rows of a table with commas, or other signs, between its cells.

A quote that is opened and never closed makes all that follows one cell. So a row of several lines is looked at again:
where one of them is a row in itself, the quote before was a mistake, and only its own line suffers.
"""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Iterator

from garaza.furniture.intake.decoding import MAX_LINE_LETTERS, Lines, LongLineError, open_text
from garaza.furniture.intake.notes import FileRow, Note, note

MAX_CELL_LETTERS = 1 << 20
_DELIMITERS = ",\t;|"
_SAID_DELIMITER = re.compile(r"sep=(.)\r?\n?\Z")
_KNOWN_BY = re.compile(r"[A-Za-z0-9_-]{1,32}")
_TELLING = 4
"""Columns, from which on no line within a cell looks like a row by chance."""
_LONG = f"it is longer than {MAX_CELL_LETTERS >> 20} million letters"


class Table:
    """A file with its header read."""

    def __init__(self, file: io.BufferedReader) -> None:
        # Of the whole process; the standard limit is less than a long description may have.
        csv.field_size_limit(MAX_CELL_LETTERS)
        self._lines = Lines(open_text(file))
        self._again: deque[str] = deque()
        """Lines that were read as part of another row."""
        self._row: list[str] = []
        """Lines of the row that is being read."""
        self.delimiter = ","
        self.names: tuple[str, ...] = ()
        names = self.names = self._read_names()
        first = {name: at for at, name in reversed(list(enumerate(names)))}
        self._places = [at for at, name in enumerate(names) if name and first[name] == at]

    def rows(self, skip: int, known_by: str | None) -> Iterator[tuple[int, FileRow | Note]]:
        """All after so many; those that are blank aren't any.

        Args:
            known_by: the column that tells a row from what only looks like one.
        """
        place = self.names.index(known_by) if known_by in self.names else 0
        number = 0
        for cells in self._records(place):
            if isinstance(cells, list) and not any(cell.strip() for cell in cells):
                continue
            number += 1
            if number > skip:
                yield number, cells if isinstance(cells, Note) else self._made(cells)

    def _read_names(self) -> tuple[str, ...]:
        first = self._line()
        while first and not first.strip():
            first = self._line()
        if said := _SAID_DELIMITER.match(first):
            self.delimiter, first = said[1], self._line()
        else:
            self.delimiter = max(_DELIMITERS, key=lambda sign: len(_split(first, sign)))
        self._again.appendleft(first)
        header = next(self._records(None), [])
        return tuple(name.strip().strip("\ufeff") for name in header) if isinstance(header, list) else ()

    def _line(self) -> str:
        return self._again.popleft() if self._again else self._lines.next()

    def _feed(self) -> Iterator[str]:
        """Lines for one row after another."""
        letters = 0
        while line := self._line():
            letters = len(line) if not self._row else letters + len(line)
            self._row.append(line)
            if letters > MAX_LINE_LETTERS:
                raise LongLineError
            yield line

    def _records(self, place: int | None) -> Iterator[list[str] | Note]:
        while True:
            reader = csv.reader(self._feed(), delimiter=self.delimiter, strict=True)
            try:
                for cells in reader:
                    row, self._row = self._row, []
                    if len(row) > 1 and len(self.names) >= _TELLING and self._any_row(row[1:], place, begun=False):
                        yield self._mended(row, place)
                    else:
                        yield cells
            except (csv.Error, LongLineError):
                # What was read so far is all in `_row`; a reader that has failed is of no more use.
                row, self._row = self._row, []
                yield self._mended(row, place)
            else:
                return

    def _mended(self, row: list[str], place: int | None) -> list[str] | Note:
        """A row that isn't well-formed, as well as it can be read."""
        others = row[1:]
        too_long = sum(map(len, row)) > MAX_CELL_LETTERS
        if others and (too_long or self._any_row(others, place, begun=True)):
            self._again.extendleft(reversed(others))
            row = row[:1]
        if not row:
            return note("refused", "row", _LONG)
        try:
            return next(csv.reader(row, delimiter=self.delimiter), [])
        except csv.Error:
            return note("refused", "row", _LONG)

    def _any_row(self, lines: list[str], place: int | None, *, begun: bool) -> bool:
        """Whether one of them is a row in itself, or, with `begun`, the beginning of one that goes on."""
        return place is not None and any(self._is_row(line, place, begun=begun) for line in lines)

    def _is_row(self, line: str, place: int, *, begun: bool) -> bool:
        cells = _split(line, self.delimiter)
        if len(cells) < 2 or len(cells) <= place or not _KNOWN_BY.fullmatch(cells[place].strip()):
            return False
        return len(cells) == len(self.names) or (begun and len(cells) < len(self.names) and self._is_open(line))

    def _is_open(self, line: str) -> bool:
        """Whether its last cell goes on in the next line."""
        last = re.compile(rf'(?:^|{re.escape(self.delimiter)})"(?:[^"]|"")*\Z')
        return last.search(line) is not None

    def _made(self, cells: list[str]) -> FileRow:
        notes: tuple[Note, ...] = ()
        if len(cells) < len(self.names):
            notes = (note("mended", "row", f"it has {len(cells)} cells, the header {len(self.names)}"),)
            cells = cells + [""] * (len(self.names) - len(cells))
        elif any(cell.strip() for cell in cells[len(self.names) :]):
            notes = (
                note("mended", "row", f"it has {len(cells)} cells, the header {len(self.names)}: the rest is lost"),
            )
        return FileRow(((self.names[place], cells[place]) for place in self._places), notes)


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []
