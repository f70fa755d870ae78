"""`garaza db`: the database by hand."""

from __future__ import annotations

import typer

from garaza.cli.common import DataDir, data_errors_told, load_settings

db_app = typer.Typer(help="Look after the database.", no_args_is_help=True)


@db_app.command()
def upgrade(data_dir: DataDir = None) -> None:
    """Bring the database up to this version. `garaza serve` does it by itself."""
    from garaza.kit.migrate import prepare  # noqa: PLC0415 - `garaza --help` must not wait for it
    from garaza.kit.storage import DataDirectory  # noqa: PLC0415
    from garaza.migrations import PACKAGE  # noqa: PLC0415
    from garaza.wiring import database_url  # noqa: PLC0415

    settings = load_settings(data_dir)
    data = DataDirectory(settings.data_dir)
    with data_errors_told(data.root):
        revision = prepare(data, database_url(settings), PACKAGE)
    typer.echo(f"The database is at revision {revision}.")
