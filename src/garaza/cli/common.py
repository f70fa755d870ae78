"""What several subcommands share."""

from __future__ import annotations

import difflib
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from garaza.settings import LoggingSettings, Settings

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Where everything is kept.", show_default="$GARAZA_DATA_DIR or ./data"),
]

_OF_THE_TESTS = ("GARAZA_TEST_", "GARAZA_CHROMIUM", "GARAZA_NO_SKIPS")


def load_settings(data_dir: Path | None, **groups: dict[str, Any]) -> Settings:
    """Settings from the environment, with what the command line says on top.

    Raises:
        typer.Exit: something is out of bounds; it was said what.
    """
    from pydantic import ValidationError  # noqa: PLC0415 - `garaza --help` must not wait for it
    from pydantic_settings import SettingsError  # noqa: PLC0415

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
            given = problem["input"] if isinstance(problem["input"], str | int | float) else "…"
            if problem["loc"] and problem["loc"][-1] in _secrets(Settings):
                given = "…"
            typer.echo(f"GARAZA_{name}={given} can't be used: {problem['msg']}.", err=True)
        raise typer.Exit(2) from None
    except SettingsError as error:
        # A whole group in one variable, and that is no JSON. Its text names the group, but only in quotes.
        typer.echo(f"A variable GARAZA_… can't be used: {error}.", err=True)
        raise typer.Exit(2) from None
    _tell_of_misspelt_variables(settings)
    return settings if data_dir is None else settings.model_copy(update={"data_dir": data_dir})


def _secrets(settings: type[Settings]) -> set[str]:
    """Names of fields that are not to be shown."""
    from pydantic import SecretStr  # noqa: PLC0415 - `garaza --help` must not wait for it

    groups = [field.annotation for field in settings.model_fields.values() if hasattr(field.annotation, "model_fields")]
    fields = [item for group in groups if group is not None for item in group.model_fields.items()]
    return {name for name, field in fields if field.annotation in (SecretStr, SecretStr | None)}


def _tell_of_misspelt_variables(settings: Settings) -> None:
    """A limit that somebody believes to have set must not be silently absent. No reason not to start, though."""
    from pydantic import BaseModel  # noqa: PLC0415 - `garaza --help` must not wait for it

    known = {"GARAZA_DATA_DIR"}
    for group, part in settings:
        names = type(part).model_fields if isinstance(part, BaseModel) else []
        known |= {f"GARAZA_{group}".upper(), *(f"GARAZA_{group}__{name}".upper() for name in names)}
    for given in sorted(os.environ):
        name = given.upper()
        if name.startswith("GARAZA_") and name not in known and not name.startswith(_OF_THE_TESTS):
            similar = difflib.get_close_matches(name, known, 1)
            hint = f"Did you mean {similar[0]}?" if similar else "See docs/operations.md for those there are."
            typer.echo(f"{given} is no setting of Garaza and changes nothing. {hint}", err=True)


def refuse(message: str) -> NoReturn:
    """Say why a command can't be done, and end it."""
    typer.echo(message, err=True)
    raise typer.Exit(1) from None


@contextmanager
def data_errors_told(folder: Path) -> Iterator[None]:
    """What goes wrong inside with the data directory or its database is told in a sentence.

    Raises:
        typer.Exit: it was told.
    """
    from alembic.util import CommandError  # noqa: PLC0415 - `garaza --help` must not wait for it
    from filelock import Timeout  # noqa: PLC0415
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415

    from garaza.kit.long_statements import DatabaseUnreachableError  # noqa: PLC0415
    from garaza.kit.migrate import DatabaseMissingError  # noqa: PLC0415

    another = "choose another data directory with --data-dir"
    try:
        yield
    except CommandError:
        refuse(f"The database in {folder} was made by a newer version of Garaza. Update this one, or {another}.")
    except DatabaseMissingError:
        refuse(
            f"There are scans in {folder}, and no database that knows of them. Put a backup of garaza.db in its place, "
            f"move uploads and results away, or {another}."
        )
    except DatabaseUnreachableError as error:
        refuse(f"The database at GARAZA_DATABASE__URL can't be used: {error}.")
    except Timeout:
        refuse(f"The database in {folder} is being brought up to date by another process. Try again when it is done.")
    except DBAPIError as error:
        refuse(f"The database in {folder} can't be used: {error.orig}. Put a backup in its place, or {another}.")
    except OSError as error:
        place = error.filename or folder
        refuse(f"Can't keep data in {folder}: {error.strerror or error} ({place}). Make room for it, or {another}.")


def configure_logging(settings: LoggingSettings | None = None) -> None:
    """One line for each thing worth knowing, on standard error."""
    from garaza.kit.logs import HumanFormatter, JsonFormatter  # noqa: PLC0415 - `garaza --help` must not wait for it
    from garaza.kit.patient_log import handler_for  # noqa: PLC0415 - nor for this

    as_json = settings is not None and settings.format == "json"
    handler = handler_for(sys.stderr)
    handler.setFormatter(JsonFormatter() if as_json else HumanFormatter())
    logging.basicConfig(handlers=[handler], level=logging.INFO if settings is None else settings.level)
    for noisy in ("alembic", "aiosqlite", "filelock", "uvicorn.error"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
