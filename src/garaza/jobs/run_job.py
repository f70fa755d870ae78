"""One attempt of one job: from a claim to a result in place, or to a failure with a reason."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from garaza.jobs.service import Claim, JobService
from garaza.kit.database import Database
from garaza.kit.storage import DataDirectory, sync_directory
from garaza.reconstruction.cameras.scale import KnownLength
from garaza.reconstruction.failures import EngineCrashed, ReconstructionFailure, TookTooLong
from garaza.reconstruction.isolated import reconstruct_isolated
from garaza.reconstruction.options import Options
from garaza.reconstruction.progress import Cancelled, Progress
from garaza.reconstruction.quality import Quality
from garaza.reconstruction.result import RESULT_FILE, Result, describe_file
from garaza.settings import JobSettings

logger = logging.getLogger(__name__)

Reconstruct = Callable[[Path, Path, Options, Callable[[Progress], None], Callable[[], bool]], Result]


class JobRunner:
    """Runs claims. The work itself happens in a child process, watched from a thread."""

    def __init__(
        self,
        database: Database,
        data: DataDirectory,
        jobs: JobService,
        settings: JobSettings,
        reconstruct: Reconstruct = reconstruct_isolated,
    ) -> None:
        self._database = database
        self._data = data
        self._jobs = jobs
        self._settings = settings
        self._reconstruct = reconstruct

    async def run(self, claim: Claim, stopping: asyncio.Event) -> None:
        """Do the attempt to its end, or until `stopping` is set or the claim turns out to be void."""
        stop = threading.Event()
        latest = _Latest()
        folder = self._data.working(claim.job_id, claim.fence)
        heartbeat = asyncio.create_task(self._keep_alive(claim, latest, stop, stopping))
        try:
            result = await asyncio.to_thread(
                self._reconstruct,
                self._data.upload(claim.job_id),
                folder,
                _options(claim.options),
                latest.put,
                stop.is_set,
            )
        except Cancelled:
            if latest.overdue:
                await self._failed(claim, TookTooLong(seconds=self._settings.max_seconds))
            else:
                await self._left(claim, stopping)
        except ReconstructionFailure as failure:
            await self._failed(claim, failure)
        except Exception as error:
            logger.exception("job %s, attempt %d", claim.job_id, claim.attempt)
            await self._failed(claim, EngineCrashed(error=type(error).__name__))
        else:
            await self._finished(claim, folder, result)
        finally:
            heartbeat.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await heartbeat
            await self._data.remove(folder)

    async def _keep_alive(
        self,
        claim: Claim,
        latest: _Latest,
        stop: threading.Event,
        stopping: asyncio.Event,
    ) -> None:
        """Renew the lease and pass reports on, until the claim is void or overdue; then tell the work to stop."""
        deadline = time.monotonic() + self._settings.max_seconds
        while not stopping.is_set():
            if time.monotonic() > deadline:
                logger.error("job %s has taken too long: stopping", claim.job_id)
                latest.overdue = True
                stop.set()
            try:
                async with self._database.write() as session:
                    ours = await self._jobs.renew(session, claim, latest.take())
            except Exception:
                # A database that can't be reached for a moment costs reports, not the job: the lease decides.
                logger.exception("could not renew the lease of job %s", claim.job_id)
                ours = True
            if not ours:
                logger.info("job %s is no longer ours: stopping", claim.job_id)
                break
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), self._settings.heartbeat_seconds)
        stop.set()

    async def _left(self, claim: Claim, stopping: asyncio.Event) -> None:
        if stopping.is_set():
            async with self._database.write() as session:
                await self._jobs.release(session, claim)

    async def _failed(self, claim: Claim, failure: ReconstructionFailure) -> None:
        logger.info("job %s failed: %s %s", claim.job_id, failure.reason, failure.details)
        told = {
            "reason": failure.reason,
            "message": failure.message,
            "advice": failure.advice,
            # The end of a native program's log may name paths: it stays in ours.
            "details": {name: value for name, value in failure.details.items() if name != "log"},
        }
        async with self._database.write() as session:
            await self._jobs.fail(session, claim, told, permanent=failure.permanent)

    async def _finished(self, claim: Claim, folder: Path, result: Result) -> None:
        """Move the folder into place, then say so. Until the row says so the folder is nobody's and may be swept."""
        version = str(claim.fence)
        place = self._data.result(claim.job_id, version)
        files = await asyncio.to_thread(self._place, folder, place, result)
        async with self._database.write() as session:
            ours = await self._jobs.complete(session, claim, version, files)
        if not ours:
            await self._data.remove_result(claim.job_id, version)

    @staticmethod
    def _place(folder: Path, place: Path, result: Result) -> list[dict[str, Any]]:
        files = file_rows(folder, result)
        place.parent.mkdir(parents=True, exist_ok=True)
        folder.rename(place)
        sync_directory(place.parent)
        return files


def file_rows(folder: Path, result: Result) -> list[dict[str, Any]]:
    """What the table of files says of a result's folder: what the result lists, and the list itself."""
    own = describe_file(folder, folder / RESULT_FILE)
    return [dataclasses.asdict(file) for file in [*result.files, own]]


class _Latest:
    """The last report only: a heartbeat takes what is newest, however many came since."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._progress: Progress | None = None
        self.overdue = False

    def put(self, progress: Progress) -> None:
        with self._lock:
            self._progress = progress

    def take(self) -> dict[str, Any] | None:
        with self._lock:
            progress, self._progress = self._progress, None
        if progress is None:
            return None
        return {
            "stage": progress.stage.value,
            "progress": progress.progress,
            "current_frame": progress.current,
            "total_frames": progress.total,
            "message": progress.message,
        }


def _options(stored: dict[str, Any]) -> Options:
    length = stored.get("known_length")
    return Options(
        quality=Quality(stored["quality"]),
        engine=stored["engine"],
        max_frames=stored["max_frames"],
        known_length=KnownLength.parse(length) if length else None,
    )
