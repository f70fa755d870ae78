"""What an import takes its rows from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from garaza.furniture.importing.rows import ReadRow


class NoCatalogueError(Exception):
    """A file that nothing can be read from. Its text says why, to whoever sent it."""


class Source(Protocol):
    """Both block."""

    def form_of(self, path: Path, name: str) -> str:
        """csv, jsonl, … `name`: as whoever sent it calls it.

        Raises:
            NoCatalogueError
        """

    def rows(self, path: Path, form: str, mapping: Mapping[str, str], skip: int) -> Iterator[ReadRow]:
        """Those after so many, in constant memory.

        Raises:
            NoCatalogueError
        """
