"""One attempt of one job: from a claim to a result in place, or to a failure with a reason."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import errno
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from garaza.jobs.claims import DISK_FULL, Claim
from garaza.jobs.heartbeat import Heartbeat, Stop
from garaza.jobs.reports import Reports
from garaza.jobs.service import JobService
from garaza.kit.backoff import backoff
from garaza.kit.blobs.port import Blobs, StorageUnavailableError, result_key, upload_key
from garaza.kit.database import Database, DatabaseUnavailableError, WriteSession, trouble_of
from garaza.kit.packed_files import MEDIA_TYPES, copies_of, pack_files
from garaza.kit.storage import DataDirectory
from garaza.kit.tracing import attempt_span
from garaza.kit.waiting import first_of
from garaza.reconstruction.cameras.scale import KnownLength
from garaza.reconstruction.failures import EngineCrashed, ReconstructionFailure, TookTooLong
from garaza.reconstruction.isolated import reconstruct_isolated
from garaza.reconstruction.options import Options
from garaza.reconstruction.progress import Cancelled, Progress
from garaza.reconstruction.quality import Quality
from garaza.reconstruction.result import RESULT_FILE, Result, describe_file
from garaza.settings import JobSettings

logger = logging.getLogger(__name__)

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 2.0
_FAREWELL_SECONDS = 3.0
"""How long a worker that has to end tries to reach the database. What it can't say then, its lease will by expiring."""

Write = Callable[[WriteSession], Awaitable[bool]]
T = TypeVar("T")


class Reconstruct(Protocol):
    """`reconstruct_isolated`, or what stands in for it. Called in a thread."""

    def __call__(
        self,
        source: Path,
        out: Path,
        options: Options,
        on_progress: Callable[[Progress], None],
        cancelled: Callable[[], bool],
        *,
        checkpoints: Path,
        on_log: Callable[[str], None],
    ) -> Result: ...


class JobRunner:
    """Runs claims. The work itself happens in a child process, watched from a thread."""

    def __init__(
        self,
        database: Database,
        data: DataDirectory,
        blobs: Blobs,
        jobs: JobService,
        settings: JobSettings,
        reconstruct: Reconstruct = reconstruct_isolated,
        *,
        compress: bool = True,
    ) -> None:
        self._database = database
        self._data = data
        self._blobs = blobs
        self._jobs = jobs
        self._settings = settings
        self._reconstruct = reconstruct
        self._keep_compressed = compress
        # Threads of their own: those of the event loop are fewer than the jobs that a large worker may do at once, and
        # who waits for one of them would wait for hours.
        self._threads = ThreadPoolExecutor(settings.concurrency, thread_name_prefix="job")

    async def run(self, claim: Claim, stopping: asyncio.Event) -> None:
        """Do the attempt to its end, or until `stopping` is set or the claim turns out to be void."""
        logger.info("job %s, attempt %d", claim.job_id, claim.attempt)
        try:
            await self._run(claim, stopping)
        except Exception:
            # The lease will expire, and whoever comes then will do it.
            logger.exception("job %s, attempt %d could not be brought to an end", claim.job_id, claim.attempt)

    async def _run(self, claim: Claim, stopping: asyncio.Event) -> None:
        folder = self._data.working(claim.job_id, claim.fence)
        reports = Reports()
        with attempt_span(claim.options, claim.job_id, claim.attempt) as span:
            try:
                end = await self._attempt(claim, folder, reports, stopping)
                span.stages(reports.stages)
                ours = await self._say(claim, reports, end.write, stopping)
                span.ended(well=ours and end.version is not None)
                if not ours and end.version is not None:
                    # If it stays where it is, it is swept.
                    with contextlib.suppress(StorageUnavailableError):
                        await self._blobs.remove(result_key(claim.job_id, end.version))
            finally:
                await self._data.remove(folder, self._data.fetched(claim.job_id, claim.fence).parent)
        await self._forget_checkpoints(claim)

    # The work ----------------------------------------------------------------------------------------------------

    async def _attempt(self, claim: Claim, folder: Path, reports: Reports, stopping: asyncio.Event) -> _End:
        """Do the work, and put what came out into place. What that means for the job is for the caller to say."""
        heartbeat = Heartbeat(self._database, self._jobs, self._settings, claim, reports, stopping)
        async with heartbeat:
            try:
                video = await self._patiently(heartbeat, lambda: self._begin(claim))
                result = await self._work(claim, video, folder, reports, heartbeat)
                files = await asyncio.to_thread(self._files, folder, result)
                place = result_key(claim.job_id, _version(claim))
                await self._patiently(heartbeat, lambda: self._blobs.publish(folder, place))
            except Cancelled:
                return self._stopped(claim, heartbeat.stopped)
            except ReconstructionFailure as failure:
                return self._failed(claim, failure)
            except Exception as error:
                logger.exception("job %s, attempt %d", claim.job_id, claim.attempt)
                if isinstance(error, OSError) and error.errno in _NO_ROOM:
                    return _End(lambda session: self._jobs.fail(session, claim, DISK_FULL, permanent=False))
                return self._failed(claim, EngineCrashed(error=type(error).__name__))
        version = _version(claim)
        return _End(lambda session: self._jobs.complete(session, claim, version, files), version)

    async def _begin(self, claim: Claim) -> Path:
        """Remove what earlier attempts have left, and get the video."""
        await asyncio.to_thread(self._data.remove_earlier, claim.job_id, claim.fence)
        # One may have been killed just after it had published its result, and before it could say so. What is older
        # than the first attempt of these may be a result that somebody keeps.
        earlier = range(claim.fence - claim.attempt + 1, claim.fence)
        await self._blobs.remove(*(result_key(claim.job_id, str(fence)) for fence in earlier))
        return await self._blobs.fetch(upload_key(claim.job_id), self._data.fetched(claim.job_id, claim.fence))

    async def _work(self, claim: Claim, video: Path, folder: Path, reports: Reports, heartbeat: Heartbeat) -> Result:
        def work() -> Result:
            return self._reconstruct(
                video,
                folder,
                _options(claim.options),
                reports.progress,
                heartbeat.is_stopped,
                checkpoints=self._data.checkpoints(claim.job_id),
                on_log=reports.log,
            )

        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _files(self, folder: Path, result: Result) -> list[dict[str, Any]]:
        """Put copies beside the files, and describe them all. Blocks."""
        if self._keep_compressed:
            keep_compressed(folder, result)
        return file_rows(folder, result)

    async def _patiently(self, heartbeat: Heartbeat, act: Callable[[], Awaitable[T]]) -> T:
        """Do something with the storage, however long that is away: what has been worked out by then is not lost.

        Raises:
            Cancelled: the attempt is to end.
        """
        failures = 0
        while True:
            try:
                return await _unless_stopped(heartbeat, act())
            except StorageUnavailableError as error:
                failures += 1
                if failures == 1:
                    logger.warning("a job waits for the storage: %s", error)
            pause = backoff(failures, _FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)
            await _unless_stopped(heartbeat, asyncio.sleep(pause))

    # What it came to ---------------------------------------------------------------------------------------------

    def _stopped(self, claim: Claim, why: Stop | None) -> _End:
        match why:
            case Stop.OVERDUE:
                return self._failed(claim, TookTooLong(seconds=self._settings.max_seconds))
            case Stop.LEAVING:
                return _End(lambda session: self._jobs.release(session, claim))
            case None:
                # Nobody had asked it to.
                return self._failed(claim, EngineCrashed(error=Cancelled.__name__))
            case _:
                return _End(None)

    def _failed(self, claim: Claim, failure: ReconstructionFailure) -> _End:
        logger.info("job %s failed: %s %s", claim.job_id, failure.reason, failure.details)
        told = {
            "reason": failure.reason,
            "message": failure.message,
            "advice": failure.advice,
            # The end of a native program's log may name paths: it stays in ours.
            "details": {name: value for name, value in failure.details.items() if name != "log"},
        }
        return _End(lambda session: self._jobs.fail(session, claim, told, permanent=failure.permanent))

    async def _say(self, claim: Claim, reports: Reports, write: Write | None, stopping: asyncio.Event) -> bool:
        """Write what an attempt came to, and what it said last, however long the database is away.

        Returns:
            False if the claim is void, so that nothing was written.
        """
        if write is None:
            return False
        report = reports.take()

        async def once() -> bool:
            async with self._database.write() as session:
                if report.progress or report.notes:
                    await self._jobs.renew(session, claim, report)
                return await write(session)

        failures = 0
        given_up_at: float | None = None
        while True:
            try:
                return await once()
            except (DatabaseUnavailableError, PoolTimeoutError, DBAPIError) as error:
                if isinstance(error, DBAPIError) and trouble_of(error) is None:
                    raise
                failures += 1
                if failures == 1:
                    logger.warning("job %s: the database can't be told yet: %s", claim.job_id, type(error).__name__)
            if stopping.is_set():
                given_up_at = given_up_at or time.monotonic() + _FAREWELL_SECONDS
                if time.monotonic() > given_up_at:
                    raise TimeoutError
                await asyncio.sleep(_FIRST_PAUSE_SECONDS)
            else:
                pause = backoff(failures, _FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)
                await first_of(stopping.wait(), timeout=pause)

    async def _forget_checkpoints(self, claim: Claim) -> None:
        """Remove what the next attempt would go on from, unless there will be one."""
        # If the database can't be asked, the sweep does it.
        with contextlib.suppress(DatabaseUnavailableError, PoolTimeoutError, DBAPIError):
            async with self._database.read() as session:
                wanted = await self._jobs.is_active(session, claim.job_id)
            if not wanted:
                await self._data.remove(self._data.checkpoints(claim.job_id))


@dataclasses.dataclass(frozen=True, slots=True)
class _End:
    """What an attempt came to."""

    write: Write | None
    """Says so, and returns whether the claim was good. None: there is nothing to be said."""
    version: str | None = None
    """Of the result that is in place, and nobody's if the claim was not."""


def file_rows(folder: Path, result: Result) -> list[dict[str, Any]]:
    """What the table of files says of a result's folder: what the result lists, the list itself, and what copies there
    are of them.
    """
    listed = [*result.files, describe_file(folder, folder / RESULT_FILE)]
    copies = [
        dataclasses.replace(describe_file(folder, copy), media_type=MEDIA_TYPES[copy.suffix])
        for file in listed
        for copy in copies_of(folder / file.path)
    ]
    return [dataclasses.asdict(file) for file in [*listed, *copies]]


def keep_compressed(folder: Path, result: Result, earlier: Path | None = None) -> None:
    """Put copies beside what becomes smaller. `earlier`: a version of the same result, which may have some."""
    pack_files(folder, [*(file.path for file in result.files), RESULT_FILE], earlier)


async def _unless_stopped(heartbeat: Heartbeat, act: Awaitable[T]) -> T:
    """Wait for it.

    Raises:
        Cancelled: the attempt is to end before that.
    """
    task = asyncio.ensure_future(act)
    try:
        while not (await asyncio.wait({task}, timeout=_FIRST_PAUSE_SECONDS))[0]:
            if heartbeat.is_stopped():
                raise Cancelled
        return task.result()
    finally:
        if task.cancel():
            with contextlib.suppress(asyncio.CancelledError, StorageUnavailableError):
                await task


def _version(claim: Claim) -> str:
    return str(claim.fence)


def _options(stored: dict[str, Any]) -> Options:
    length = stored.get("known_length")
    return Options(
        quality=Quality(stored["quality"]),
        engine=stored["engine"],
        max_frames=stored["max_frames"],
        known_length=KnownLength.parse(length) if length else None,
    )
