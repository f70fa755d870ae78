"""`garaza scan`: a video or a folder of photos becomes a model, without a server."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from garaza.cli.display import StageDisplay, print_failure, print_result
from garaza.reconstruction.quality import Quality

if TYPE_CHECKING:
    from garaza.reconstruction.cameras.scale import KnownLength

CANCELLED_EXIT_CODE = 130
"""What a shell expects of a command that Ctrl-C ended."""


def scan(
    source: Annotated[
        Path, typer.Argument(metavar="VIDEO|FOLDER", help="A video, or a folder of photos.", exists=True)
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write the model and everything about it into.")],
    max_frames: Annotated[
        int | None,
        typer.Option(min=8, max=512, help="Frames to use at most.", show_default="36, 60 or 120 by quality"),
    ] = None,
    quality: Annotated[Quality, typer.Option(help="Time against detail.")] = Quality.STANDARD,
    engine: Annotated[str, typer.Option(help="How cameras and depth are found.")] = "geometric",
    known_length: Annotated[
        str | None,
        typer.Option(
            help='Makes the scale metric: "ceiling:2.5" (room height) or "camera:1.5" (held at that height), metres.',
        ),
    ] = None,
) -> None:
    """Turn a video of a room into a 3D model."""
    # Imported here: `garaza --help` must not wait for numerical libraries.
    from garaza.reconstruction.failures import ReconstructionFailure  # noqa: PLC0415
    from garaza.reconstruction.isolated import reconstruct_isolated  # noqa: PLC0415
    from garaza.reconstruction.partial import refuse_foreign  # noqa: PLC0415
    from garaza.reconstruction.pipeline import Options  # noqa: PLC0415
    from garaza.reconstruction.progress import Cancelled  # noqa: PLC0415

    console = Console(stderr=True)
    try:
        refuse_foreign(out)
    except FileExistsError as error:
        raise typer.BadParameter(f"{error}; choose another folder.", param_hint="--out") from error
    options = Options(quality=quality, engine=engine, max_frames=max_frames, known_length=parse_length(known_length))
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with StageDisplay(console) as display:
            result = reconstruct_isolated(source, out, options, display.show, stop.is_set)
    except Cancelled:
        console.print("[yellow]Stopped.[/] Nothing was written.")
        raise typer.Exit(CANCELLED_EXIT_CODE) from None
    except ReconstructionFailure as failure:
        print_failure(console, failure)
        raise typer.Exit(1) from None
    print_result(Console(), result, out)


def parse_length(text: str | None) -> KnownLength | None:
    """The option's text as a length.

    Raises:
        typer.BadParameter: with what is wrong about it.
    """
    if text is None:
        return None
    from garaza.reconstruction.cameras.scale import KnownLength  # noqa: PLC0415

    try:
        return KnownLength.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--known-length") from error
