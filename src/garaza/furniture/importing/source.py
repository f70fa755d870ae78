"""Catalogues in files: CSV, JSON Lines, Parquet, as shops write them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from garaza.furniture.importing.port import NoCatalogueError
from garaza.furniture.importing.rows import ReadRow, Remark
from garaza.furniture.importing.stamps import stamp_of
from garaza.furniture.intake.files import CatalogueFileError, form_of, read_rows
from garaza.furniture.intake.rows import Note, parse_row


class CatalogueFiles:
    """The `Source` of the service."""

    def form_of(self, path: Path, name: str) -> str:
        try:
            return form_of(path, name)
        except CatalogueFileError as error:
            raise NoCatalogueError(str(error)) from error

    def rows(self, path: Path, form: str, mapping: Mapping[str, str], skip: int) -> Iterator[ReadRow]:
        try:
            for number, row in read_rows(path, form, skip, mapping):
                yield _of(number, row, mapping)
        except CatalogueFileError as error:
            raise NoCatalogueError(str(error)) from error


def _of(number: int, row: Mapping[str, object] | Note, mapping: Mapping[str, str]) -> ReadRow:
    if isinstance(row, Note):
        return ReadRow(number, None, (_remark(row),))
    parsed = parse_row(row, mapping)
    remarks = tuple(_remark(note) for note in parsed.notes)
    return ReadRow(number, parsed.product, remarks, stamp_of(row))


def _remark(note: Note) -> Remark:
    return Remark(note.kind, note.field, note.reason)
