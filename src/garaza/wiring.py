"""From settings to the parts that do the work: the only place that names adapters."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import URL, make_url

from garaza.jobs.run_job import JobRunner, Reconstruct
from garaza.jobs.service import JobService
from garaza.jobs.supervisor import Supervisor
from garaza.kit.clock import Clock, system_clock
from garaza.kit.database import Database, PoolOptions, sqlite_url
from garaza.kit.storage import DataDirectory
from garaza.reconstruction.isolated import reconstruct_isolated
from garaza.settings import DatabaseSettings, Settings

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Parts:
    """What routes, the worker and commands use."""

    settings: Settings
    data: DataDirectory
    database: Database
    jobs: JobService
    clock: Clock
    reconstruct: Reconstruct = reconstruct_isolated
    worker_command: tuple[str, ...] = (sys.executable, "-m", "garaza", "worker")
    """What the supervisor starts, before its arguments."""

    def runner(self) -> JobRunner:
        """Runs claims in child processes."""
        return JobRunner(self.database, self.data, self.jobs, self.settings.jobs, self.reconstruct)

    def supervisor(self) -> Supervisor:
        """Of the embedded worker."""
        command = [*self.worker_command, "--data-dir", str(self.data.root), "--supervised"]
        return Supervisor(self.database, self.jobs, command)


def database_url(settings: Settings) -> URL:
    """Where the database is: where it was said, else a file in the data directory."""
    given = settings.database.url
    if given is None:
        return sqlite_url(DataDirectory(settings.data_dir).database)
    return make_url(given.get_secret_value()).set(drivername="postgresql")


def pool_options(settings: DatabaseSettings, url: URL) -> PoolOptions:
    """What was set, and for the rest what suits the kind of database."""
    server = url.get_backend_name() != "sqlite"

    def chosen(given: T | None, for_file: T, for_server: T) -> T:
        if given is not None:
            return given
        return for_server if server else for_file

    return PoolOptions(
        size=chosen(settings.pool_size, 20, 10),
        overflow=chosen(settings.max_overflow, 0, 20),
        timeout=settings.pool_timeout_seconds,
        recycle=chosen(settings.pool_recycle_seconds, -1, 3600),
        pre_ping=chosen(settings.pool_pre_ping, for_file=False, for_server=True),
        connect_timeout=settings.connect_timeout_seconds,
        statement_timeout=settings.statement_timeout_seconds,
        busy_timeout=settings.busy_timeout_seconds,
    )


def make_parts(settings: Settings, clock: Clock = system_clock) -> Parts:
    """Put the parts together; nothing is opened yet."""
    data = DataDirectory(settings.data_dir)
    url = database_url(settings)
    database = Database(url, pool_options(settings.database, url))
    return Parts(settings, data, database, JobService(settings.jobs, clock), clock)
