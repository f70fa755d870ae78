"""A data directory and its database, and what commands about the catalogue need of them."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import filelock

from garaza.furniture.adapters import make_encoder
from garaza.furniture.embedding.port import Encoder
from garaza.furniture.importing.claims import Claim, Claims
from garaza.furniture.importing.files import ImportFiles
from garaza.furniture.importing.repository import ImportRepository
from garaza.furniture.importing.service import ImportService
from garaza.furniture.importing.source import CatalogueFiles
from garaza.furniture.importing.worker import ImportWorker
from garaza.kit.child_process import when_parent_ends
from garaza.kit.clock import system_clock
from garaza.kit.database import Database
from garaza.kit.migrate import prepare
from garaza.kit.storage import DataDirectory
from garaza.migrations import PACKAGE
from garaza.settings import Settings
from garaza.wiring import database_url, pool_options


@dataclass(frozen=True, slots=True)
class Place:
    """See the module."""

    settings: Settings
    database: Database
    files: ImportFiles
    service: ImportService

    @classmethod
    @asynccontextmanager
    async def opened(cls, settings: Settings) -> AsyncIterator[Place]:
        """The database is to be up to date."""
        data, url = DataDirectory(settings.data_dir), database_url(settings)
        database = Database(url, pool_options(settings.database, url))
        files = ImportFiles(data)
        try:
            yield cls(settings, database, files, ImportService(database, files, CatalogueFiles(), system_clock))
        finally:
            await database.close()

    def encoder(self) -> Encoder:
        """Blocks."""
        return make_encoder(self.settings.furniture, DataDirectory(self.settings.data_dir))

    def worker(self, told: Callable[[Claim], None] = lambda _claim: None) -> ImportWorker:
        """Blocks."""
        claims = Claims(self.database, ImportRepository(), self.files.place(), system_clock)
        return ImportWorker(self.database, self.files, claims, CatalogueFiles(), self.encoder, system_clock, told)

    @classmethod
    async def work_alone(cls, settings: Settings, *, supervised: bool) -> None:
        """Do what waits, unless another process does.

        Raises:
            ImportInterruptedError
        """
        async with cls.opened(settings) as place:
            place.files.create()
            worker = await asyncio.to_thread(place.worker)
            with suppress(filelock.Timeout), filelock.FileLock(place.files.lock, timeout=0):
                stop_on_signals(worker)
                if supervised:
                    when_parent_ends(worker.stop)
                await worker.work()

    async def undo(self, import_id: str) -> None:
        """Take away what a cancelled import wrote, unless whoever works at it does.

        Raises:
            ImportInterruptedError
        """
        self.files.create()
        worker = await asyncio.to_thread(self.worker)
        with suppress(filelock.Timeout), filelock.FileLock(self.files.lock, timeout=0):
            stop_on_signals(worker)
            await worker.undo(import_id)


def prepared(settings: Settings) -> None:
    """Bring the database up to date. Blocks."""
    prepare(DataDirectory(settings.data_dir), database_url(settings), PACKAGE)


def stop_on_signals(worker: ImportWorker) -> asyncio.Event:
    """Set at SIGINT and SIGTERM, when the worker is told, too."""
    stopped = asyncio.Event()

    def stop() -> None:
        stopped.set()
        worker.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    return stopped
