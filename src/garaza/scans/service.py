"""What clients may do with scans."""

from __future__ import annotations

import asyncio
import math

from garaza.errors import GarazaError, changed_meanwhile
from garaza.jobs.models import Job
from garaza.jobs.run_job import file_rows
from garaza.jobs.service import JobService
from garaza.jobs.states import JobState, client_status
from garaza.kit.database import Database, ReadSession, WriteSession
from garaza.kit.ids import new_id
from garaza.kit.storage import DataDirectory
from garaza.reconstruction.cameras.scale import Scale
from garaza.reconstruction.engines import ENGINES
from garaza.reconstruction.rescale import rescale
from garaza.reconstruction.result import Result
from garaza.scans.result import build_result
from garaza.scans.schemas import (
    FailureBody,
    ProcessRequest,
    ProgressBody,
    ResultAnswer,
    ScaleRequest,
    StatusAnswer,
)

KNOWN_LENGTH_UNCERTAINTY = 0.01
"""Relative: what tapping two points and reading a tape measure leave."""
_EXPIRED_AT_ONCE = 100
_RESULT_ATTEMPTS = 3


class ScanService:
    """See the module."""

    def __init__(self, database: Database, data: DataDirectory, jobs: JobService) -> None:
        self._database = database
        self._data = data
        self._jobs = jobs
        self._rescaling = asyncio.Lock()
        """Each rewrites all models of a scan: one at a time leaves threads to everybody else."""

    async def process(self, session: WriteSession, job_id: str, request: ProcessRequest) -> int | None:
        """Queue it; returns its place in the queue.

        Raises:
            GarazaError: 404, 409, 422 for an engine that isn't installed, 503 when too many wait.
        """
        if request.engine not in ENGINES:
            known = ", ".join(sorted(ENGINES))
            raise GarazaError(422, "unknown_engine", f"There is no such engine here. Available: {known}.")
        job = await self._jobs.ask(session, job_id, request.model_dump(mode="json"))
        return await self._jobs.queue_position(session, job)

    async def status(self, session: ReadSession, job_id: str) -> StatusAnswer:
        """One scan.

        Raises:
            GarazaError: 404.
        """
        job = await self._jobs.get(session, job_id)
        return _status(job, await self._jobs.queue_position(session, job))

    async def statuses(self, session: ReadSession, job_ids: list[str]) -> list[StatusAnswer]:
        """Those that there are. One query however many, so without their places in the queue."""
        return [_status(job, None) for job in await self._jobs.get_many(session, job_ids)]

    async def result(self, session: ReadSession, job_id: str) -> ResultAnswer:
        """RESULT of a completed scan.

        Raises:
            GarazaError: 404; 409 while there is none, or if there will be none.
        """
        for _ in range(_RESULT_ATTEMPTS):
            try:
                return await self._result(session, job_id)
            except FileNotFoundError:
                # Deleted, or replaced by another scale, between the row and the files: look at the row as it is now.
                session.expunge_all()
                await session.rollback()
        raise changed_meanwhile()

    async def _result(self, session: ReadSession, job_id: str) -> ResultAnswer:
        job = await self._completed(session, job_id)
        files = await self._jobs.files(session, job_id)
        folder = self._data.result(job_id, job.result_version or "")
        return await asyncio.to_thread(build_result, job_id, folder, files)

    async def set_scale(self, job_id: str, request: ScaleRequest) -> Scale:
        """Make a scan metric. Owns its transactions: none is open while files are rewritten.

        Raises:
            GarazaError: 404, 409, 422.
        """
        async with self._database.read() as reading:
            job = await self._completed(reading, job_id)
        async with self._rescaling:
            try:
                return await self._rescale(job, request)
            except FileNotFoundError:
                raise changed_meanwhile() from None

    async def _rescale(self, job: Job, request: ScaleRequest) -> Scale:
        old = self._data.result(job.id, job.result_version or "")
        current = await asyncio.to_thread(Result.read, old)
        scale = _new_scale(current.scale, request)
        version = new_id()
        new = self._data.result(job.id, version)
        try:
            result = await asyncio.to_thread(rescale, old, new, scale)
            rows = await asyncio.to_thread(file_rows, new, result)
            async with self._database.write() as session:
                replaced = await self._jobs.new_result_version(session, job, version, rows)
        except BaseException:
            await self._data.remove_result(job.id, version)
            raise
        if not replaced:
            await self._data.remove_result(job.id, version)
            raise changed_meanwhile()
        await self._data.remove(old)
        return scale

    async def delete(self, job_id: str) -> None:
        """Forget a scan and its files. Work on it is stopped by the worker, which finds its claim void.

        Raises:
            GarazaError: 404.
        """
        # Files before rows would show a scan without its files; rows before files leaves at worst files that the
        # sweep at the next start removes.
        async with self._database.write() as session:
            await self._jobs.delete(session, job_id)
        await self.remove_files(job_id)

    async def delete_expired(self) -> int:
        """Forget guests' scans whose day is over."""
        count = 0
        while True:
            # Some at a time: others want to write meanwhile.
            async with self._database.write() as session:
                ids = await self._jobs.delete_expired(session, _EXPIRED_AT_ONCE)
            for job_id in ids:
                await self.remove_files(job_id)
            count += len(ids)
            if len(ids) < _EXPIRED_AT_ONCE:
                return count

    async def remove_files(self, job_id: str) -> None:
        """The video and all results of a scan that has no row any more."""
        await self._data.remove(self._data.upload(job_id), self._data.results / job_id)

    async def _completed(self, session: ReadSession, job_id: str) -> Job:
        job = await self._jobs.get(session, job_id)
        if job.state != JobState.COMPLETED.value:
            hint = {
                JobState.UPLOADED.value: "Nobody has asked for it to be processed yet.",
                JobState.FAILED.value: "It failed: its status says why.",
            }.get(job.state, "It is still being processed: follow its status.")
            raise GarazaError(409, "not_completed", f"This scan has no result. {hint}", status_now=job.state)
        return job


def _status(job: Job, queue_position: int | None) -> StatusAnswer:
    failed = job.state == JobState.FAILED.value
    return StatusAnswer.model_validate(
        {
            "job_id": job.id,
            "status": client_status(JobState(job.state)),
            "phase": job.state,
            "progress": ProgressBody.model_validate(job.progress) if job.progress else None,
            "error": (job.failure or {}).get("message") if failed else None,
            "failure": FailureBody.model_validate(job.failure) if failed and job.failure else None,
            "attempts": job.attempts,
            "queue_position": queue_position,
            "filename": job.original_name,
            "created_at": job.created_at,
            "started_at": job.started_at,
            "finished_at": job.finished_at,
            "expires_at": job.expires_at,
        },
    )


def _new_scale(current: Scale, request: ScaleRequest) -> Scale:
    if request.metres_per_unit is not None and request.points is None and request.length_m is None:
        factor, source = request.metres_per_unit, "given_factor"
    elif request.points is not None and request.length_m is not None and request.metres_per_unit is None:
        shown = math.dist(*request.points)
        if shown < 0.01:
            raise GarazaError(422, "points_too_close", "The two points are too close together. Choose a longer length.")
        factor, source = current.metres_per_unit * request.length_m / shown, "known_length"
    else:
        raise GarazaError(422, "unclear_scale", "Send either points and length_m, or metres_per_unit.")
    if not 1e-4 <= factor <= 1e4:
        raise GarazaError(422, "implausible_scale", "That would make the room implausibly small or large.")
    return Scale(metric=True, metres_per_unit=factor, source=source, uncertainty=KNOWN_LENGTH_UNCERTAINTY)
