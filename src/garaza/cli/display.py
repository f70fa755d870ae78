"""How a reconstruction looks on a terminal: live stages, the closing tables, and what went wrong."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from garaza.reconstruction.failures import ReconstructionFailure
    from garaza.reconstruction.progress import Progress, Stage
    from garaza.reconstruction.result import Result


class StageDisplay:
    """A line for each stage that began, the current one with a bar for the whole job.

    On something that is no terminal (a log, a pipe) each message is one plain line instead.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._done: list[tuple[Stage, float]] = []
        self._current: Progress | None = None
        self._stopped = False
        self._began = time.monotonic()
        # Asked for what to show eight times a second, so that the clock runs on where nothing is reported for long.
        live = Live(console=console, refresh_per_second=8, get_renderable=self._render)
        self._live = live if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._lock:
            if kind is None:
                self._finish_stage()
                self._current = None
            self._stopped = True
        if self._live is not None:
            self._live.stop()

    def show(self, progress: Progress) -> None:
        """Take one report."""
        with self._lock:
            new_stage = self._current is None or self._current.stage != progress.stage
            if new_stage:
                self._finish_stage()
                self._began = time.monotonic()
            self._current = progress
        if self._live is None and new_stage:
            self._console.print(f"{progress.progress:5.1f} %  {progress.stage}: {progress.message}", markup=False)

    def _finish_stage(self) -> None:
        if self._current is not None:
            self._done.append((self._current.stage, time.monotonic() - self._began))

    def _render(self) -> Table:
        table = Table.grid(padding=(0, 1))
        table.add_column(width=1)
        table.add_column(min_width=10)
        table.add_column(justify="right", min_width=8)
        table.add_column()
        with self._lock:
            for stage, seconds in self._done:
                table.add_row(Text("✓", "green"), stage.value, Text(f"{seconds:.1f} s", "dim"), "")
            elapsed = Text(f"{time.monotonic() - self._began:.1f} s", "dim")
            if self._current is None:
                if not self._stopped:
                    table.add_row(Text("●", "cyan"), Text("starting", "bold"), elapsed, "")
            elif self._stopped:
                table.add_row(Text("✗", "red"), self._current.stage.value, elapsed, "")
            else:
                table.add_row(
                    Text("●", "cyan"), Text(self._current.stage.value, "bold"), elapsed, _doing(self._current)
                )
                bar = ProgressBar(total=100, completed=self._current.progress, width=40)
                table.add_row("", "", f"{self._current.progress:.0f} %", bar)
        return table


def _doing(progress: Progress) -> Table:
    """The message, cut short where the terminal is narrow, and whole the numbers behind it."""
    line = Table.grid(padding=(0, 1))
    line.add_column()
    line.add_column(no_wrap=True)
    items = f"{progress.current}/{progress.total}" if progress.total else ""
    line.add_row(Text(progress.message, overflow="ellipsis", no_wrap=True), items)
    return line


def print_failure(console: Console, failure: ReconstructionFailure) -> None:
    """Say what happened and what to do, and give the figures to whoever wants them."""
    figures = ", ".join(_figure(name, value) for name, value in failure.details.items())
    text = Text.assemble((failure.message, "bold"), "\n", failure.advice)
    if figures:
        text.append(f"\n({figures})", "dim")
    console.print(Panel(text, title="No model", border_style="red", expand=False))


def _figure(name: str, value: float | str) -> str:
    told = f"{value:g}" if isinstance(value, float) else value
    return f"{name.replace('_', ' ')} {told}"


def print_result(console: Console, result: Result, out: Path) -> None:
    """The closing tables: what came out, what it cost, which files there are."""
    console.print(_figures(result))
    console.print(_stages(result))
    _print_files(console, result, out)
    for warning in result.warnings:
        console.print(Text.assemble(("! ", "yellow bold"), warning))
    console.print(Text(f"To look at it, open {out / 'report.html'} in a browser."), soft_wrap=True)


def _figures(result: Result) -> Table:
    table = Table(title="Result", show_header=False, title_justify="left")
    registered = len(result.frames)
    table.add_row("frames used", f"{result.keyframes} of {result.source.frame_count}")
    table.add_row("frames registered", f"{registered} ({100 * registered / result.keyframes:.0f} %)")
    table.add_row("points", f"{result.points:,}")
    for model in result.models:
        table.add_row(f"faces, {model.level}", f"{model.faces:,}")
    scale = result.scale
    kind = "metric" if scale.metric else "estimated"
    source = scale.source.replace("_", " ")
    table.add_row("scale", f"{kind} (from {source}, ± {100 * scale.uncertainty:.0f} %)")
    return table


def _stages(result: Result) -> Table:
    table = Table(title="Cost by stage", title_justify="left")
    for heading in ("stage", "seconds", "CPU seconds", "peak memory"):
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    for cost in result.stages:
        table.add_row(
            cost.stage.value,
            f"{cost.seconds:.1f}",
            f"{cost.cpu_seconds:.1f}",
            size_text(cost.peak_rss_bytes),
        )
    table.add_section()
    table.add_row(
        "all",
        f"{sum(cost.seconds for cost in result.stages):.1f}",
        f"{sum(cost.cpu_seconds for cost in result.stages):.1f}",
        size_text(max(cost.peak_rss_bytes for cost in result.stages)),
    )
    return table


def _print_files(console: Console, result: Result, out: Path) -> None:
    # Not the table's own title: that would be broken to the table's width, and a broken path can't be copied.
    console.print(Text(f"Files in {out}", "italic"), soft_wrap=True)
    table = Table()
    table.add_column("file")
    table.add_column("size", justify="right")
    for file in result.files:
        table.add_row(file.path, size_text(file.size_bytes))
    console.print(table)


def size_text(size: int) -> str:
    """A number of bytes for a person: "3.2 MB"."""
    value = float(size)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.2f} GB"
