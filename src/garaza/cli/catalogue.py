"""`garaza catalogue`: the catalogue of furniture by hand."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from garaza.cli.common import DataDir, configure_logging, load_settings, refuse

if TYPE_CHECKING:
    from garaza.furniture.importing.states import Options

catalogue_app = typer.Typer(help="The catalogue of furniture.", no_args_is_help=True)


@catalogue_app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV, JSON Lines or Parquet.", exists=True, dir_okay=False)],
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="COLUMN=FIELD", help="A column that isn't recognised by its name; again for more."
        ),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Products that aren't in it leave the catalogue.")] = False,
    keep_sample: Annotated[bool, typer.Option("--keep-sample", help="The sample stays beside it.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only read it, and say what would be taken.")] = False,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE.jsonl", help="Write there what was mended, and what refused.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Take a file into the catalogue, beside a running service or without one.

    The catalogue is served as it was until all of the file is in it. Ctrl-C stops it; the same command goes on.
    """
    options = _options(columns, replace=replace, keep_sample=keep_sample)
    if dry_run:
        from garaza.cli.catalogue_trial import try_file  # noqa: PLC0415

        try_file(file, options, report)
        return
    from garaza.cli.catalogue_import import import_file  # noqa: PLC0415 - `garaza --help` must not wait for it

    settings = load_settings(data_dir)
    configure_logging(settings.logging.model_copy(update={"level": "WARNING"}))
    import_file(settings, file, options, report)


def _options(columns: list[str] | None, *, replace: bool, keep_sample: bool) -> Options:
    from garaza.furniture.importing.states import BadMappingError, Options, mapping_of  # noqa: PLC0415

    try:
        return Options(mapping_of(columns or ()), replace, keep_sample)
    except BadMappingError as error:
        raise typer.BadParameter(str(error), param_hint="--map") from None


@catalogue_app.command()
def status(data_dir: DataDir = None) -> None:
    """Say what is in the catalogue, and which imports there were last."""
    from garaza.cli.catalogue_told import print_status  # noqa: PLC0415 - `garaza --help` must not wait for it

    print_status(load_settings(data_dir))


@catalogue_app.command()
def report(
    import_id: Annotated[str, typer.Argument(metavar="ID", help="As `status` shows it.")], data_dir: DataDir = None
) -> None:
    """Print what was mended in the rows of an import, and what refused: JSON, a line for each."""
    from garaza.cli.catalogue_told import print_notes  # noqa: PLC0415 - `garaza --help` must not wait for it

    print_notes(load_settings(data_dir), import_id)


@catalogue_app.command()
def cancel(
    import_id: Annotated[str, typer.Argument(metavar="ID", help="As `status` shows it.")], data_dir: DataDir = None
) -> None:
    """Stop an import, and have the catalogue as it was before."""
    from garaza.cli.catalogue_told import cancel_import  # noqa: PLC0415 - `garaza --help` must not wait for it

    cancel_import(load_settings(data_dir), import_id)


@catalogue_app.command(hidden=True)
def work(
    data_dir: DataDir = None,
    supervised: Annotated[bool, typer.Option(hidden=True, help="End when standard input ends.")] = False,
) -> None:
    """Do the imports that wait, and end."""
    from garaza.cli.catalogue_place import Place  # noqa: PLC0415 - `garaza --help` must not wait for it
    from garaza.furniture.importing.worker import ImportInterruptedError  # noqa: PLC0415
    from garaza.kit.child_process import step_aside  # noqa: PLC0415

    step_aside()
    settings = load_settings(data_dir)
    configure_logging(settings.logging)
    try:
        asyncio.run(Place.work_alone(settings, supervised=supervised))
    except ImportInterruptedError as error:
        refuse(str(error))
