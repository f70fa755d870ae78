"""How an import looks on a terminal: bars while it goes on, and a table of what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Task as Bar
from rich.table import Table
from rich.text import Text

from garaza.furniture.importing.claims import Claim
from garaza.furniture.importing.states import ImportState, counts_of
from garaza.furniture.models import CatalogueImport

_SAID = {
    "rows": "rows",
    "taken": "taken",
    "added": "  new",
    "changed": "  changed",
    "unchanged": "  as they were",
    "mended": "  mended",
    "duplicates": "given twice",
    "refused": "refused",
    "removed": "products that left",
    "embedded": "texts read by the model",
}


class _Speed(ProgressColumn):
    def render(self, task: Bar) -> Text:
        return Text("" if not task.speed else f"{task.speed:.0f}/s", "dim")


class ImportDisplay:
    """On something that is no terminal each thing that begins is one plain line instead."""

    def __init__(self, console: Console) -> None:
        self._console = console
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Speed(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self._bars: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._progress.stop()

    def copying(self, size: int) -> Callable[[int], None]:
        """What is told of bytes that are copied."""
        done = 0

        def copied(count: int) -> None:
            nonlocal done
            done += count
            self._show("taking the file in (kB)", done // 1000, size // 1000)

        return copied

    def show(self, claim: Claim) -> None:
        """Take one report."""
        counts = claim.counts
        match claim.state:
            case ImportState.READING:
                self.reading(counts["rows"])
            case ImportState.EMBEDDING:
                self._show("reading rows", counts["rows"], counts["rows"])
                self._show("reading texts by the model", counts["embedded"], counts["to_embed"])
            case ImportState.FAILED | ImportState.CANCELLED:
                self._show("taking away what was written", 1, 1)

    def reading(self, rows: int) -> None:
        """So many rows have been read."""
        self._show("reading rows", rows, None)

    def wait(self, why: str) -> None:
        """Say what is waited for."""
        self._show(f"waiting: {why}", 0, None)

    def _show(self, what: str, done: int, total: int | None) -> None:
        if what not in self._bars:
            self._bars[what] = self._progress.add_task(what, total=total)
            if not self._console.is_terminal:
                self._console.print(what, markup=False)
        self._progress.update(self._bars[what], completed=done, total=total)


def print_summary(console: Console, done: CatalogueImport) -> None:
    """What came of it."""
    print_counts(console, done.counts)


def print_counts(console: Console, given: Mapping[str, int]) -> None:
    """Of rows and products, and the reasons of what was mended or refused."""
    counts: Counter[str] = counts_of(given)
    table = Table(title="Import", show_header=False, title_justify="left")
    for name, said in _SAID.items():
        if counts[name] or name in {"rows", "taken", "refused"}:
            table.add_row(said, f"{counts[name]:,}")
    console.print(table)
    reasons = [(name, number) for name, number in counts.items() if "." in name]
    if reasons:
        table = Table("what", "field", "rows", title="Notes", title_justify="left")
        for name, number in sorted(reasons, key=lambda one: -one[1]):
            kind, _, where = name.partition(".")
            table.add_row(kind, Text(where), f"{number:,}")
        console.print(table)
