"""The files of a result, as clients ask for them: again and again, and mostly to hear that they have them already."""

from __future__ import annotations

from garaza.accounts.principal import Principal
from garaza.errors import GarazaError, not_found
from garaza.jobs.kept import job_name
from garaza.jobs.service import JobService
from garaza.kit.cache.cache import Subject
from garaza.kit.clock import Clock
from garaza.kit.database import Database
from garaza.scans.kept import KeptFile, may_have

_LONGEST_PATH = 200
"""That copies are kept by; ours are far shorter."""


class ScanFiles:
    """Where they are, and who may have them. Owns its transactions.

    Args:
        copies: of what is found.
    """

    def __init__(
        self, database: Database, jobs: JobService, clock: Clock, copies: Subject[KeptFile] | None = None
    ) -> None:
        self._database = database
        self._jobs = jobs
        self._clock = clock
        self._copies = copies

    async def find(self, job_id: str, path: str, viewer: Principal | None) -> KeptFile:
        """A file of a result.

        Raises:
            GarazaError: 404.
        """
        if self._copies is None or len(path) > _LONGEST_PATH:
            found = await self._look(job_id, path)
        else:
            found = await self._copies.get_or_compute(
                _key(job_id, path), [job_name(job_id)], lambda: self._look(job_id, path)
            )
        if found is None or not may_have(viewer, found, self._clock()):
            raise not_found("file")
        return found

    def at_hand(self, job_id: str, path: str, viewer: Principal | None) -> KeptFile | None:
        """The same, if it can be told at once; None: ask `find`."""
        found = None if self._copies is None else self._copies.at_hand(_key(job_id, path))
        return found if found is not None and may_have(viewer, found, self._clock()) else None

    async def _look(self, job_id: str, path: str) -> KeptFile | None:
        async with self._database.read() as session:
            try:
                found = await self._jobs.file_and_version(session, job_id, path)
            except GarazaError:
                return None
        file, job = found.file, found.job
        return KeptFile(job.user_id, job.expires_at, found.version, file.path, file.sha256, file.media_type)


def _key(job_id: str, path: str) -> str:
    return f"{job_id}/{path}"
