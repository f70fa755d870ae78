"""Reading a catalogue only to say what would be taken of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from garaza.cli.catalogue_display import ImportDisplay, print_counts
from garaza.cli.common import refuse
from garaza.furniture.importing.port import NoCatalogueError
from garaza.furniture.importing.rows import ReadRow
from garaza.furniture.importing.source import CatalogueFiles
from garaza.furniture.importing.states import Options, count_reason, counts_of

_SHOWN_EVERY = 500


def try_file(file: Path, options: Options, report: Path | None) -> None:
    """Nothing is written but the report."""
    console = Console(stderr=True)
    counts, asins = counts_of({}), set[str]()
    source = CatalogueFiles()
    with ExitStack() as stack:
        out = None if report is None else stack.enter_context(report.open("w", encoding="utf-8"))
        display = stack.enter_context(ImportDisplay(console))
        try:
            form = source.form_of(file, file.name)
            for row in source.rows(file, form, options.mapping, 0):
                _count(row, counts, asins)
                if row.number % _SHOWN_EVERY == 0:
                    display.reading(row.number)
                if out is not None:
                    out.writelines(_lines(row))
        except NoCatalogueError as error:
            refuse(f"{file} can't be imported: {error}")
    print_counts(console, counts)
    if not counts["taken"]:
        refuse("None of its rows can be taken.")


def _lines(row: ReadRow) -> Iterator[str]:
    for remark in row.remarks:
        said = {"row": row.number, "kind": remark.kind, "field": remark.field, "reason": remark.reason}
        yield json.dumps(said, ensure_ascii=False) + "\n"


def _count(row: ReadRow, counts: Counter[str], asins: set[str]) -> None:
    counts["rows"] += 1
    for remark in row.remarks:
        count_reason(counts, remark.kind, remark.field)
    if row.product is None:
        counts["refused"] += 1
        return
    counts["mended"] += bool(row.remarks)
    counts["duplicates" if row.product.asin in asins else "taken"] += 1
    asins.add(row.product.asin)
