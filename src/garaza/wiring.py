"""From settings to the parts that do the work: the only place that names adapters."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from garaza.jobs.run_job import JobRunner, Reconstruct
from garaza.jobs.service import JobService
from garaza.jobs.supervisor import Supervisor
from garaza.kit.clock import Clock, system_clock
from garaza.kit.database import Database
from garaza.kit.storage import DataDirectory
from garaza.reconstruction.isolated import reconstruct_isolated
from garaza.settings import Settings


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


def make_parts(settings: Settings, clock: Clock = system_clock) -> Parts:
    """Put the parts together; nothing is opened yet."""
    data = DataDirectory(settings.data_dir)
    database = Database(
        data.database,
        pool_size=settings.database.pool_size,
        pool_timeout=settings.database.pool_timeout_seconds,
        busy_timeout=settings.database.busy_timeout_seconds,
    )
    return Parts(settings, data, database, JobService(settings.jobs, clock), clock)
