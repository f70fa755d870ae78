"""Imports, put together from the parts of the service."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from garaza.accounts.activities import ActivityLog
from garaza.furniture.importing.files import ImportFiles
from garaza.furniture.importing.receiving import CatalogueUploads
from garaza.furniture.importing.runner import ImportRunner
from garaza.furniture.importing.service import ImportService
from garaza.furniture.importing.source import CatalogueFiles
from garaza.kit.clock import Clock
from garaza.kit.database import Database, WriteSession
from garaza.kit.storage import DataDirectory
from garaza.settings import Settings
from garaza.uploads.intake import Intake


@dataclass(frozen=True, slots=True)
class Importing:
    """What the service has of it."""

    service: ImportService
    uploads: CatalogueUploads
    runner: ImportRunner
    purges: Mapping[str, Callable[[WriteSession], Awaitable[int]]]
    """What has had its time goes in rounds, by what it is called."""


def make_importing(
    settings: Settings, database: Database, data: DataDirectory, intake: Intake, activities: ActivityLog, clock: Clock
) -> Importing:
    """Nothing is begun yet."""
    files = ImportFiles(data)
    service = ImportService(database, files, CatalogueFiles(), clock)
    command = [sys.executable, "-m", "garaza", "catalogue", "work", "--data-dir", str(data.root), "--supervised"]
    runner = ImportRunner(service, files, command)
    max_bytes = settings.furniture.max_import_bytes
    uploads = CatalogueUploads(service, database, data, intake, activities, max_bytes, runner.soon)
    purges = {
        "products of old versions": service.purge_products,
        "vectors of other models": service.purge_models,
        "old imports": service.purge_imports,
    }
    return Importing(service, uploads, runner, purges)
