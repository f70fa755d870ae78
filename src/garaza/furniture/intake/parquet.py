"""Rows of Parquet, some at a time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from garaza.furniture.intake.errors import CatalogueFileError
from garaza.furniture.intake.notes import FileRow
from garaza.furniture.intake.unpacking import Progress

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

ROWS_AT_ONCE = 256


class ParquetTable:
    """A file with its schema read."""

    def __init__(self, path: Path) -> None:
        try:
            import pyarrow as pa  # noqa: PLC0415
            import pyarrow.parquet as pq  # noqa: PLC0415
        except ImportError as error:
            msg = "Reading Parquet takes pyarrow: pip install 'garaza[parquet]'. Or send CSV or JSON Lines."
            raise CatalogueFileError(msg) from error
        self._errors: tuple[type[Exception], ...] = (pa.ArrowException, OSError)
        self._path = path
        try:
            # Read by hand, not mapped: a file that is cut off while it is mapped ends the process.
            self._file: pq.ParquetFile = pq.ParquetFile(path, memory_map=False, pre_buffer=False)
            self.names: tuple[str, ...] = tuple(self._file.schema_arrow.names)
        except self._errors as error:
            raise _damaged() from error

    def rows(self, skip: int, names: frozenset[str], progress: Progress | None) -> Iterator[tuple[int, FileRow]]:
        """All after so many, with these columns of them alone."""
        size = self._path.stat().st_size
        total = max(1, self._file.metadata.num_rows)
        groups, number = self._groups(skip)
        wanted = [name for name in self.names if name in names]
        try:
            batches = self._file.iter_batches(ROWS_AT_ONCE, row_groups=groups, columns=wanted, use_threads=False)
            for batch in batches if groups else ():
                columns = [_values(batch.column(place)) for place in range(batch.num_columns)]
                for cells in zip(*columns, strict=True):
                    number += 1
                    if number > skip:
                        yield number, FileRow(zip(batch.schema.names, cells, strict=True))
                if progress is not None:
                    progress(size * number // total)
        except self._errors as error:
            raise _damaged() from error

    def _groups(self, skip: int) -> tuple[list[int], int]:
        """Row groups that aren't skipped, and how many rows the others have."""
        metadata = self._file.metadata
        counts = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        ends = list(itertools.accumulate(counts))
        first = next((group for group, end in enumerate(ends) if end > skip), len(ends))
        return list(range(first, len(ends))), ends[first - 1] if first else 0


def _damaged() -> CatalogueFileError:
    return CatalogueFileError("The file looks like Parquet and can't be read as such: it is cut off or damaged.")


def _values(column: pa.Array[Any]) -> list[object]:
    try:
        return list(column.to_pylist())
    except (ValueError, OverflowError):
        # One text that isn't UTF-8, or one date beyond what Python knows, is no reason to lose all others.
        return [_value(scalar) for scalar in column]


def _value(scalar: Any) -> object:
    try:
        return scalar.as_py()
    except UnicodeDecodeError:
        return bytes(scalar.as_buffer()) if hasattr(scalar, "as_buffer") else None
    except (ValueError, OverflowError):
        return None
