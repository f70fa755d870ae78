"""Rows of catalogues in files: tables, JSON, Parquet; in constant memory, and from any row on."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Literal

from garaza.furniture.intake.columns import columns_of
from garaza.furniture.intake.decoding import LongLineError, encoding_of
from garaza.furniture.intake.errors import CatalogueFileError, without_fields
from garaza.furniture.intake.json_lines import json_rows
from garaza.furniture.intake.notes import FileRow, Note
from garaza.furniture.intake.parquet import ParquetTable
from garaza.furniture.intake.tables import Table
from garaza.furniture.intake.unpacking import Progress, open_unpacked

__all__ = ["CatalogueFileError", "form_of", "read_rows"]

Form = Literal["csv", "jsonl", "parquet"]

_HEAD_BYTES = 4096
_ROWS_TO_JUDGE = 20
"""Rows of JSON that are looked at before it is said that they have no titles."""
_OTHERS = {
    b"PK\x03\x04": "It is a ZIP archive or a spreadsheet: unpack it, or save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "It is a spreadsheet of an old kind: save the sheet as CSV",
    b"%PDF": "It is a PDF: export the catalogue as CSV",
    b"SQLite format 3": "It is a database: export its table as CSV",
    b"BZh": "It is compressed with bzip2: unpack it, or use gzip or zstd",
    b"\xfd7zXZ": "It is compressed with xz: unpack it, or use gzip or zstd",
    b"7z\xbc\xaf": "It is a 7z archive: unpack it",
}
_TABLES = {".csv", ".tsv"}
_BEGINS_JSON = re.compile(r'(?:\[\s*)?\{\s*"')
_NO_TEXT = re.compile("[\x00-\x08\x0e-\x1f\ufffd]")
_WANTED = "A catalogue is CSV, JSON Lines or Parquet."


def form_of(path: Path, name: str | None = None) -> Form:
    """What kind of file it is, by what is in it: names lie, and stored files have none.

    Args:
        name: as whoever sent it calls it.

    Raises:
        CatalogueFileError: it is none of these.
    """
    with open_unpacked(path) as file:
        head = file.read(_HEAD_BYTES)
    with path.open("rb") as file:
        packed = file.read(4) != head[:4]
    if head.startswith(b"PAR1"):
        if packed:
            msg = "The file is Parquet that was compressed once more. Unpack it: Parquet is compressed in itself."
            raise CatalogueFileError(msg)
        return "parquet"
    for beginning, advice in _OTHERS.items():
        if head.startswith(beginning):
            msg = f"The file can't be read as a catalogue. {advice}. {_WANTED}"
            raise CatalogueFileError(msg)
    text = head.decode(encoding_of(head), errors="replace").strip("\ufeff \t\r\n")
    if not text:
        msg = f"There is nothing in the file. {_WANTED}"
        raise CatalogueFileError(msg)
    if len(_NO_TEXT.findall(text)) > len(text) // 4:
        msg = f"The file is no text. {_WANTED}"
        raise CatalogueFileError(msg)
    if text.startswith(("<!DOCTYPE", "<html", "<?xml", "<!doctype")):
        msg = f"The file is a page of HTML or XML; perhaps a page that asks for a password was saved instead. {_WANTED}"
        raise CatalogueFileError(msg)
    if name is not None and PurePath(name.lower().removesuffix(".gz").removesuffix(".zst")).suffix in _TABLES:
        return "jsonl" if _BEGINS_JSON.match(text) else "csv"
    return "jsonl" if text.startswith(("{", "[")) else "csv"


def read_rows(
    path: Path,
    form: str,
    skip: int = 0,
    mapping: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Iterator[tuple[int, Mapping[str, object] | Note]]:
    """Its rows with their numbers, from 1; a note instead of a row that can't be read.

    The same file has the same numbers each time, so that `skip` goes on where somebody stopped.

    Args:
        form: as `form_of` says.
        skip: how many are passed over.
        mapping: as in `parse_row`; columns for what every product needs may be in it.
        progress: told how many bytes of the file were read.

    Raises:
        CatalogueFileError: it is no catalogue, or ends before its end.
        OSError
    """
    if form == "parquet":
        yield from _parquet_rows(path, skip, mapping, progress)
        return
    with contextlib.closing(open_unpacked(path, progress)) as file:
        if form == "csv":
            try:
                table = Table(file)
            except LongLineError:
                msg = f"The first line of the file has no end. {_WANTED}"
                raise CatalogueFileError(msg) from None
            _check(table.names, mapping)
            asin = columns_of(table.names, mapping).get("asin")
            yield from table.rows(skip, asin[0].name if asin else None)
        elif form == "jsonl":
            yield from _judged(json_rows(file, skip), mapping)
        else:
            msg = f"There is no form “{form[:16]}”. {_WANTED}"
            raise CatalogueFileError(msg)


def _parquet_rows(
    path: Path, skip: int, mapping: Mapping[str, str] | None, progress: Progress | None
) -> Iterator[tuple[int, FileRow]]:
    table = ParquetTable(path)
    _check(table.names, mapping)
    known = columns_of(table.names, mapping).values()
    names = frozenset(column.name for columns in known for column in columns)
    yield from table.rows(skip, names, progress)


def _check(names: tuple[str, ...], mapping: Mapping[str, str] | None) -> None:
    known = columns_of(names, mapping)
    if "asin" not in known and "url" not in known:
        raise without_fields("asin", names)
    if "title" not in known:
        raise without_fields("title", names)


def _judged(
    rows: Iterator[tuple[int, FileRow | Note]], mapping: Mapping[str, str] | None
) -> Iterator[tuple[int, FileRow | Note]]:
    """The same rows, if the first ones look like products."""
    first = list(itertools.islice(rows, _ROWS_TO_JUDGE))
    read = [row for _, row in first if isinstance(row, FileRow)]
    if first and not read and len(first) == _ROWS_TO_JUDGE:
        msg = f"Its lines are no JSON objects. {_WANTED}"
        raise CatalogueFileError(msg)
    if read:
        _check(tuple(dict.fromkeys(name for row in read for name in row)), mapping)
    yield from first
    yield from rows
