"""Rows of JSON: an object in each line, or all of them in one list."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

from garaza.furniture.intake.decoding import MAX_LINE_LETTERS, Lines, LongLineError, open_text
from garaza.furniture.intake.errors import CatalogueFileError
from garaza.furniture.intake.notes import FileRow, Note, note

_PART_LETTERS = 1 << 16
_LONG = f"it is longer than {MAX_LINE_LETTERS >> 20} million letters"


def _whole(digits: str) -> int | float:
    # Python refuses numbers of thousands of digits, and the whole row with them.
    return int(digits) if len(digits) < 40 else float(digits)


_DECODER = json.JSONDecoder(parse_int=_whole)


def json_rows(file: io.BufferedReader, skip: int) -> Iterator[tuple[int, FileRow | Note]]:
    """All rows after so many; each line that isn't blank is one.

    Raises:
        CatalogueFileError: a list ends before its end.
    """
    text = open_text(file)
    first = text.read(1)
    while first and (first.isspace() or first == "\ufeff"):
        first = text.read(1)
    values = _listed(text) if first == "[" else _by_line(text, first, skip)
    for number, value in enumerate(values, start=1):
        if number > skip:
            yield number, value if isinstance(value, Note) else _row(value)


def _row(value: Any) -> FileRow | Note:
    return FileRow(value.items()) if isinstance(value, dict) else note("refused", "row", "it is no JSON object")


def _by_line(text: io.TextIOWrapper, first: str, skip: int) -> Iterator[Any]:
    lines = Lines(text, begun=first)
    number = 0
    while True:
        try:
            line = lines.next()
        except LongLineError:
            number += 1
            yield note("refused", "row", _LONG)
            continue
        if not line:
            return
        line = line.strip()
        if line:
            number += 1
            yield _decoded(line) if number > skip else None


def _decoded(line: str) -> Any:
    try:
        return _DECODER.decode(line.removesuffix(","))
    except (ValueError, RecursionError):
        return note("refused", "row", "it isn't JSON: it is cut off, or has a sign that doesn't belong there")


def _listed(text: io.TextIOWrapper) -> Iterator[Any]:
    """Those of a list that was opened."""
    buffer, at, row = "", 0, 0
    while True:
        at = _after_blanks(buffer, at)
        if at < len(buffer) and buffer[at] == "]":
            return
        if found := _next(buffer, at):
            value, at = found
            row += 1
            yield value
            continue
        # Twice as much each time: one that is long is then begun anew only a few times.
        part = text.read(max(_PART_LETTERS, len(buffer) - at))
        if not part or len(buffer) - at > MAX_LINE_LETTERS:
            msg = (
                f"After row {row} of the list the file is no JSON any more: it is cut off, or has a sign that doesn't "
                "belong there. Send it again, or as JSON Lines: an object in each line, and no list around them."
            )
            raise CatalogueFileError(msg)
        buffer, at = buffer[at:] + part, 0


def _next(buffer: str, at: int) -> tuple[Any, int] | None:
    """The value that begins there, and where it ends; None: it goes on in the next part, or is none."""
    if at == len(buffer):
        return None
    try:
        value, end = _DECODER.raw_decode(buffer, at)
    except (ValueError, RecursionError):
        return None
    # A number may go on.
    return None if end == len(buffer) else (value, end)


def _after_blanks(buffer: str, at: int) -> int:
    while at < len(buffer) and (buffer[at].isspace() or buffer[at] == ","):
        at += 1
    return at
