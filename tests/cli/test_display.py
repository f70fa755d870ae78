"""What a terminal shows: whole numbers where it is narrow, and names as they are."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from garaza.cli.display import StageDisplay, _print_files, print_failure, size_text
from garaza.reconstruction.failures import OnlyRotation, TooLittleOverlap
from garaza.reconstruction.progress import Progress, Stage
from garaza.reconstruction.result import OutputFile, Result


def terminal(width: int, *, is_terminal: bool = True) -> Console:
    return Console(file=io.StringIO(), width=width, force_terminal=is_terminal, color_system=None, legacy_windows=False)


def said(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def shown(display: StageDisplay, width: int) -> str:
    console = terminal(width)
    console.print(display._render())
    return said(console)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_progress_fits_any_width(width: int) -> None:
    display = StageDisplay(terminal(width))
    assert "starting" in shown(display, width)
    display.show(Progress(Stage.FRAMES, 3.0, "Reading the video"))
    display.show(Progress(Stage.CAMERAS, 21.0, "Finding the same details in other pictures", 180, 190))
    text = shown(display, width)
    assert all(len(line) <= width for line in text.splitlines())
    assert [line.split()[0] for line in text.splitlines()] == ["✓", "●", "21"]
    assert "180/190" in text
    assert ("in other pictures" in text) == (width >= 80)


def test_a_failure_shows_where_it_happened() -> None:
    display = StageDisplay(terminal(80))
    with pytest.raises(OnlyRotation), display:
        display.show(Progress(Stage.FRAMES, 3.0, "Reading the video"))
        display.show(Progress(Stage.CAMERAS, 7.0, "Matching"))
        raise OnlyRotation
    text = shown(display, 80)
    assert "✓ frames" in text
    assert "✗ cameras" in text
    assert "Matching" not in text


def test_a_log_gets_a_line_for_each_stage() -> None:
    console = terminal(80, is_terminal=False)
    with StageDisplay(console) as display:
        for progress in range(3):
            display.show(Progress(Stage.FRAMES, progress, "Reading [the] video"))
        display.show(Progress(Stage.CAMERAS, 6.0, "Looking"))
    assert said(console) == "  0.0 %  frames: Reading [the] video\n  6.0 %  cameras: Looking\n"


def test_figures_are_text() -> None:
    console = terminal(100)
    print_failure(console, TooLittleOverlap(keyframes=39.0, parallax=0.25, why="[red]x[/]"))
    assert "(keyframes 39, parallax 0.25, why [red]x[/])" in said(console)


def test_names_of_folders_are_text() -> None:
    file = OutputFile("model.glb", "model/gltf-binary", 2_400_000, "")
    result = Result.__new__(Result)
    object.__setattr__(result, "files", [file])
    console = terminal(30)
    _print_files(console, result, Path("[red]where else but here[/x]"))
    # In one piece, to be copied.
    assert "Files in [red]where else but here[/x]\n" in said(console)


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2_400_000, "2.4 MB"), (3e9, "3.00 GB")]
)
def test_sizes(size: int, text: str) -> None:
    assert size_text(size) == text
