"""An import by command: this process does it, and shows how far it has come."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import filelock
import typer
from rich.console import Console

from garaza.cli.catalogue_display import ImportDisplay, print_summary
from garaza.cli.catalogue_index import is_served
from garaza.cli.catalogue_place import Place, prepared, stop_on_signals
from garaza.cli.catalogue_told import write_notes
from garaza.cli.common import data_errors_told, refuse
from garaza.errors import GarazaError
from garaza.furniture.embedding.files import ModelUnusableError
from garaza.furniture.importing.port import NoCatalogueError
from garaza.furniture.importing.states import TAKEN, WORKING, ImportState, Options
from garaza.furniture.importing.worker import ImportInterruptedError
from garaza.furniture.models import CatalogueImport
from garaza.settings import Settings

_LOOK_SECONDS = 1.0
_STOPPED_EXIT_CODE = 130
"""What a shell expects of a command that Ctrl-C ended."""


def import_file(settings: Settings, file: Path, options: Options, report: Path | None) -> None:
    """See the module."""
    console = Console(stderr=True)
    with data_errors_told(settings.data_dir):
        prepared(settings)
        try:
            done = asyncio.run(_import(settings, file, options, report, console))
        except ModelUnusableError as error:
            refuse(f"{file} isn't imported, as the model for texts can't be used: {error}.")
        except NoCatalogueError as error:
            refuse(f"{file} can't be imported: {error}")
        except GarazaError as error:
            refuse(error.detail)
        except _StoppedError as stopped:
            console.print(f"[yellow]Stopped.[/] The same command goes on; `garaza catalogue cancel {stopped}` ends it.")
            raise typer.Exit(_STOPPED_EXIT_CODE) from None
        except ImportInterruptedError as error:
            refuse(f"{error} Give the same command again.")
    if done.error is not None or done.state not in TAKEN:
        refuse(f"The import {done.state}: {done.error or 'somebody cancelled it.'} The catalogue is as it was.")


class _StoppedError(Exception):
    """By Ctrl-C. Its text is the import's id."""


async def _import(
    settings: Settings, file: Path, options: Options, report: Path | None, console: Console
) -> CatalogueImport:
    async with Place.opened(settings) as place:
        # Before anybody waits for rows to be read that nothing can be made of.
        await asyncio.to_thread(place.encoder)
        await asyncio.to_thread(place.files.create)
        with ImportDisplay(console) as display:
            size = (await asyncio.to_thread(file.stat)).st_size
            path = await asyncio.to_thread(place.files.copy, file, display.copying(size))
            begun = await place.service.begin(path, file.name, options)
            done = await _done(place, begun.id, display)
        print_summary(console, done)
        if report is not None:
            with report.open("w", encoding="utf-8") as out:
                await write_notes(place.service, place.database, begun.id, out)
        if done.state == ImportState.INDEXING and done.version is not None:
            await is_served(place.settings, place.database, place.encoder, done.version, console)
            done = await _as_it_is(place, begun.id)
        return done


async def _done(place: Place, import_id: str, display: ImportDisplay) -> CatalogueImport:
    """When nothing is left of it that has to be done here."""
    worker = await asyncio.to_thread(place.worker, display.show)
    stopped = stop_on_signals(worker)
    lock = filelock.FileLock(place.files.lock)
    while True:
        try:
            with lock.acquire(timeout=0):
                waiting = await worker.work()
        except filelock.Timeout:
            display.wait("another process imports something into this data directory")
        except ImportInterruptedError:
            if stopped.is_set():
                raise _StoppedError(import_id) from None
            raise
        else:
            if waiting is not None:
                display.wait(
                    f"the import of {waiting.name}, {waiting.import_id}, comes first, and isn't for this process"
                )
        one = await _as_it_is(place, import_id)
        if one.state not in WORKING and (one.state in TAKEN or one.ended_at is not None):
            return one
        with suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), _LOOK_SECONDS)
            raise _StoppedError(import_id)


async def _as_it_is(place: Place, import_id: str) -> CatalogueImport:
    async with place.database.read() as session:
        return await place.service.get(session, import_id)
