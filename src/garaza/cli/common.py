"""What several subcommands share."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from garaza.settings import Settings

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Where everything is kept.", show_default="$GARAZA_DATA_DIR or ./data"),
]


def load_settings(data_dir: Path | None, **groups: dict[str, Any]) -> Settings:
    """Settings from the environment, with what the command line says on top.

    Raises:
        typer.Exit: something is out of bounds; it was said what.
    """
    from pydantic import ValidationError  # noqa: PLC0415 - `garaza --help` must not wait for it

    from garaza.settings import Settings  # noqa: PLC0415

    try:
        settings = Settings()
        for group, values in groups.items():
            part = getattr(settings, group)
            merged = type(part).model_validate({**part.model_dump(), **values})
            settings = settings.model_copy(update={group: merged})
    except ValidationError as error:
        for problem in error.errors():
            name = "__".join(str(part) for part in problem["loc"]).upper()
            typer.echo(f"GARAZA_{name}: {problem['msg']}", err=True)
        raise typer.Exit(2) from None
    return settings if data_dir is None else settings.model_copy(update={"data_dir": data_dir})


def configure_logging() -> None:
    """One line for each thing worth knowing, on standard error."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
    )
    for noisy in ("alembic", "aiosqlite", "filelock", "uvicorn.error"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
