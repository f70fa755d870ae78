"""What is said of imports and the catalogue by commands."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TextIO, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from garaza.cli.catalogue_place import Place, prepared
from garaza.cli.common import data_errors_told, refuse
from garaza.errors import GarazaError
from garaza.furniture.importing.schemas import NoteAnswer
from garaza.furniture.importing.service import ImportService
from garaza.furniture.importing.states import MODEL_FORM, WORKING
from garaza.furniture.importing.worker import ImportInterruptedError
from garaza.furniture.repository import CatalogueRepository
from garaza.kit.database import Database
from garaza.kit.pagination import Paging, goes_on
from garaza.settings import Settings

T = TypeVar("T")

_LISTED = 10
_AT_ONCE = 500


def _run(settings: Settings, act: Callable[[Place], Awaitable[T]]) -> T:
    async def run() -> T:
        async with Place.opened(settings) as place:
            try:
                return await act(place)
            except GarazaError as error:
                refuse(error.detail)

    with data_errors_told(settings.data_dir):
        prepared(settings)
        return asyncio.run(run())


def print_status(settings: Settings) -> None:
    """The versions, figures of what is served, and the last imports."""

    async def act(place: Place) -> None:
        imports, database = place.service, place.database
        # Through a pipe nothing is cut off to fit a terminal that isn't there.
        console = Console(width=None if sys.stdout.isatty() else 200)
        async with database.read() as session:
            catalogue = CatalogueRepository(session)
            versions = await catalogue.versions()
            stats = await catalogue.stats(versions.served)
            page = await imports.page(session, Paging(page_size=_LISTED))
            waiting = await imports.open(session)
        being_made = f"; version {versions.ready} is being indexed" if versions.ready > versions.served else ""
        console.print(
            f"Version {versions.served} is served{being_made}: {stats.total_products} products of "
            f"{stats.unique_brands} brands in {stats.unique_categories} categories."
        )
        for one in waiting:
            if one.form == MODEL_FORM and one.state in WORKING:
                done, of = one.counts.get("embedded", 0), one.counts.get("to_embed", 0)
                console.print(f"The model {one.name} reads the catalogue: {done} of {of} texts. Searches go on.")
        if not page.rows:
            console.print("Nothing was imported yet. `garaza catalogue import FILE` does it.")
            return
        table = Table("id", "file", "state", "rows", "taken", "refused", "begun", box=None)
        for one in page.rows:
            counts = (str(one.counts.get(name, 0)) for name in ("rows", "taken", "refused"))
            begun = datetime.fromtimestamp(one.created_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
            table.add_row(one.id, Text(one.name), one.state, *counts, begun)
        console.print(table)

    _run(settings, act)


def print_notes(settings: Settings, import_id: str) -> None:
    """All that are kept of an import."""
    _run(settings, lambda place: write_notes(place.service, place.database, import_id, sys.stdout))


async def write_notes(imports: ImportService, database: Database, import_id: str, out: TextIO) -> None:
    """JSON, a line for each.

    Raises:
        GarazaError: 404.
    """
    wanted = Paging(page_size=_AT_ONCE)
    async with database.read() as session:
        await imports.get(session, import_id)
    while True:
        async with database.read() as session:
            page = await imports.notes(session, import_id, wanted)
        out.writelines(json.dumps(NoteAnswer.of(note).model_dump(), ensure_ascii=False) + "\n" for note in page.rows)
        place = goes_on(page)
        if place is None:
            return
        wanted = Paging(page_size=_AT_ONCE, place=place)


def cancel_import(settings: Settings, import_id: str) -> None:
    """Mark it, and take away what it wrote: unless another process works at it, which does that."""

    async def act(place: Place) -> None:
        async with place.database.write() as session:
            found = await place.service.cancel(session, import_id)
        typer.echo(f"The import of {found.name} is cancelled. The catalogue stays as it is.")
        if found.ended_at is not None:
            return
        why = "The process that works at it takes away what it wrote."
        try:
            await place.undo(import_id)
        except ImportInterruptedError as error:
            why = f"What it wrote isn't gone yet: {error}"
        async with place.database.read() as session:
            if (await place.service.get(session, import_id)).ended_at is None:
                typer.echo(why)

    _run(settings, act)
