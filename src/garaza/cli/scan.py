"""`garaza scan`: a video or a folder of photos becomes a model, without a server."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from garaza.cli.common import refuse
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
    stop = _stop_on_signals()
    length = parse_length(known_length)
    # Imported here: `garaza --help` must not wait for numerical libraries.
    from garaza.reconstruction.failures import ReconstructionFailure  # noqa: PLC0415
    from garaza.reconstruction.isolated import reconstruct_isolated  # noqa: PLC0415
    from garaza.reconstruction.options import Options  # noqa: PLC0415
    from garaza.reconstruction.progress import Cancelled  # noqa: PLC0415

    console = Console(stderr=True)
    options = Options(quality=quality, engine=engine, max_frames=max_frames, known_length=length)
    _check_out(out, source)
    try:
        with StageDisplay(console) as display:
            result = reconstruct_isolated(source, out, options, display.show, stop.is_set)
    except Cancelled:
        console.print("[yellow]Stopped.[/] Nothing was written.")
        raise typer.Exit(CANCELLED_EXIT_CODE) from None
    except ReconstructionFailure as failure:
        print_failure(console, failure)
        raise typer.Exit(1) from None
    except OSError as error:
        # Somebody put something there meanwhile, or the disk is full.
        refuse(
            f"The model can't be kept in {out}: {error.strerror or error}. Make room for it, or choose another --out."
        )
    print_result(Console(), result, out)


def _stop_on_signals() -> threading.Event:
    """Set as soon as somebody wants no model any more."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # `nohup` means that closing the terminal is no reason to stop.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda *_: stop.set())
    return stop


def _check_out(out: Path, source: Path) -> None:
    """Find out before two minutes of work that its result can't be kept.

    Raises:
        typer.BadParameter: with the reason.
    """
    from garaza.reconstruction.partial import check_place  # noqa: PLC0415 - as above

    try:
        check_place(out)
    except OSError as error:
        reason = f"{error.filename or out}: {error.strerror}" if error.strerror else str(error)
        raise typer.BadParameter(f"{reason}; choose another folder.", param_hint="--out") from error
    if source.resolve().is_relative_to(out.resolve()):
        # An earlier result is replaced as a whole, and with it what was put beside its files.
        raise typer.BadParameter(f"{source} lies in it and would be lost; choose another folder.", param_hint="--out")


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
