"""What was done to a row, and why, for whoever sent it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from garaza.kit.text import mended_line

MAX_FIELD_LETTERS = 64
MAX_REASON_LETTERS = 300
_MAX_QUOTED_LETTERS = 40


@dataclass(frozen=True, slots=True)
class Note:
    """That something was mended, or why a row was refused."""

    kind: Literal["mended", "refused"]
    field: str
    reason: str


def note(kind: Literal["mended", "refused"], field: str, reason: str) -> Note:
    """One that has room where notes are kept."""
    return Note(kind, mended_line(field[: MAX_FIELD_LETTERS * 2])[:MAX_FIELD_LETTERS], reason[:MAX_REASON_LETTERS])


def quoted(text: str) -> str:
    """The beginning of what somebody wrote."""
    line = mended_line(text[: _MAX_QUOTED_LETTERS * 4])
    return f"“{line}”" if len(line) <= _MAX_QUOTED_LETTERS else f"“{line[:_MAX_QUOTED_LETTERS]}…”"


class FileRow(dict[str, object]):
    """A row, and what was done to it when it was read."""

    __slots__ = ("notes",)

    def __init__(self, cells: Iterable[tuple[str, object]], notes: tuple[Note, ...] = ()) -> None:
        super().__init__(cells)
        self.notes = notes
