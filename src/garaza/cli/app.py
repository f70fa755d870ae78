"""The tree of subcommands."""

from __future__ import annotations

from typing import Annotated

import typer

import garaza
from garaza.cli.admin import admin_app
from garaza.cli.catalogue import catalogue_app
from garaza.cli.db import db_app
from garaza.cli.doctor import doctor
from garaza.cli.scan import scan
from garaza.cli.serve import serve
from garaza.cli.worker import worker

app = typer.Typer(
    name="garaza",
    help="Turns a phone video of a room into a 3D model you can walk around in a browser.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
for command in (scan, serve, worker, doctor):
    app.command()(command)
app.add_typer(catalogue_app, name="catalogue")
app.add_typer(db_app, name="db")
app.add_typer(admin_app, name="admin")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(garaza.__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop."),
    ] = False,
) -> None:
    pass
