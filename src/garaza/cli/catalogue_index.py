"""After an import: the service that runs makes the new version ready to be searched; without one this process does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import filelock
from rich.console import Console

from garaza.cli.common import refuse
from garaza.furniture.adapters import make_index, versions_folder
from garaza.furniture.embedding.port import Encoder, EncoderUnavailableError
from garaza.furniture.index.port import IndexUnavailableError
from garaza.furniture.preparing import Preparing
from garaza.furniture.repository import CatalogueRepository
from garaza.furniture.runtime import build_without_server
from garaza.furniture.search.child import SnapshotNotMadeError
from garaza.furniture.search.snapshot import SnapshotError
from garaza.kit.clock import system_clock
from garaza.kit.database import Database
from garaza.kit.storage import DataDirectory
from garaza.settings import Settings

_PATIENCE_SECONDS = 600.0
_LOOK_SECONDS = 0.5


async def is_served(
    settings: Settings, database: Database, encoder: Callable[[], Encoder], version: int, console: Console
) -> None:
    """Return when it, or a later one, is.

    Raises:
        typer.Exit: it was said why it isn't.
    """
    data = DataDirectory(settings.data_dir)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    with console.status("making it ready to be searched"):
        while not await _is_served(database, version):
            try:
                with filelock.FileLock(data.root / "serve.lock", timeout=0, thread_local=False):
                    await _build(settings, data, database, encoder)
            except filelock.Timeout:
                # A service runs, and sees to it.
                pass
            except (EncoderUnavailableError, IndexUnavailableError, SnapshotNotMadeError, SnapshotError) as error:
                refuse(f"All is in the database, and can't be made ready to be searched now: {error}. {_ADVICE}")
            if time.monotonic() > deadline:
                refuse(f"All is in the database, but the service has not taken it up. Its log says why. {_ADVICE}")
            await asyncio.sleep(_LOOK_SECONDS)
    console.print(f"Version {version} of the catalogue is served.")


_ADVICE = "`garaza serve` makes it ready whenever it can."


async def _is_served(database: Database, version: int) -> bool:
    async with database.read() as session:
        return (await CatalogueRepository(session).versions()).served >= version


async def _build(settings: Settings, data: DataDirectory, database: Database, encoder: Callable[[], Encoder]) -> None:
    index = make_index(settings.furniture, data, database)
    try:
        model = await asyncio.to_thread(encoder)
        preparing = Preparing(database, versions_folder(data), index)
        await build_without_server(database, preparing, index, model.model_id, model.dimensions, system_clock)
    finally:
        await index.close()
