"""What clients may do with scans."""

from __future__ import annotations

import asyncio
import contextlib
import math
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from garaza.accounts.principal import Principal
from garaza.accounts.service import AccountService
from garaza.errors import GarazaError, changed_meanwhile, not_found
from garaza.jobs.kept import job_name
from garaza.jobs.models import Job
from garaza.jobs.priorities import GUEST_PRIORITY, PRIORITIES
from garaza.jobs.run_job import file_rows, keep_compressed
from garaza.jobs.service import JobService
from garaza.jobs.states import JobState, client_status
from garaza.kit.blobs.port import Blobs, Published, StorageUnavailableError, result_key
from garaza.kit.cache.cache import Subject
from garaza.kit.database import Database, ReadSession, WriteSession
from garaza.kit.ids import is_id, new_id
from garaza.kit.pagination import Page, Paging
from garaza.kit.storage import DataDirectory
from garaza.reconstruction.cameras.scale import Scale
from garaza.reconstruction.engines import ENGINES
from garaza.reconstruction.result import Result
from garaza.scans.kept import KeptStatus, may_know
from garaza.scans.result import PARTS, build_result
from garaza.scans.schemas import (
    FailureBody,
    ProcessRequest,
    ProgressBody,
    ResultAnswer,
    ScaleRequest,
    StatusAnswer,
)
from garaza.webhooks.service import WebhookService

KNOWN_LENGTH_UNCERTAINTY = 0.01
"""Relative: what tapping two points and reading a tape measure leave."""
_RESULT_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks for something to be done, and so pays for it."""

    account: Principal | None
    guest: str
    """Digest of the address that it comes from; counts where there is no account."""

    @property
    def priority(self) -> int:
        return PRIORITIES[self.account.plan] if self.account is not None else GUEST_PRIORITY


@dataclass(frozen=True, slots=True)
class Waiting:
    """A scan that was asked for."""

    queue_position: int | None
    expires_at: float | None


class Removal(Protocol):
    """What is deleted loses its files, unless a room keeps them, and then its row."""

    async def remove_job(self, job_id: str) -> None:
        """Finish a job that is marked as deleted."""

    async def remove_version(self, job_id: str, version: str) -> None:
        """A result that is not its job's any more."""


class ScanService:
    """See the module."""

    def __init__(
        self,
        database: Database,
        data: DataDirectory,
        blobs: Blobs,
        jobs: JobService,
        accounts: AccountService,
        webhooks: WebhookService,
        removal: Removal,
        *,
        compress: bool = True,
        statuses: Subject[KeptStatus] | None = None,
    ) -> None:
        """`statuses`: copies of how far scans are."""
        self._database = database
        self._data = data
        self._blobs = blobs
        self._jobs = jobs
        self._accounts = accounts
        self._webhooks = webhooks
        self._removal = removal
        self._compress = compress
        self._statuses = statuses
        self._rescaling = asyncio.Lock()
        """Each rewrites all models of a scan: one at a time leaves threads to everybody else."""

    async def process(
        self,
        job_id: str,
        request: ProcessRequest,
        asker: Asker,
        process_key: str | None = None,
    ) -> Waiting:
        """Queue it and count it. Owns its transaction.

        Raises:
            GarazaError: 403 when the asker has no scans left, 404, 409, 422 for an engine that isn't installed, 503
                when too many wait.
        """
        if request.engine not in ENGINES:
            known = ", ".join(sorted(ENGINES))
            raise GarazaError(422, "unknown_engine", f"There is no such engine here. Available: {known}.")
        async with self._database.write() as session:
            asked = await self._jobs.ask(
                session,
                job_id,
                request.model_dump(mode="json", exclude={"webhook_url"}),
                viewer=asker.account,
                priority=asker.priority,
                process_key=process_key,
                webhook_url=None if request.webhook_url is None else self._webhooks.checked(request.webhook_url),
            )
            if not asked.already:
                await self._count(session, asked.job, asker)
            return Waiting(await self._jobs.queue_position(session, asked.job), asked.job.expires_at)

    async def _count(self, session: WriteSession, job: Job, asker: Asker) -> None:
        """Charge whoever asks. A scan is counted once, however often it is tried."""
        first = await self._jobs.count_once(session, job)
        if asker.account is None:
            if first:
                await self._accounts.quota.charge_guest(session, asker.guest)
            return
        if first:
            await self._accounts.quota.charge_scan(session, asker.account.user_id)
        details = {"job_id": job.id}
        text = f"Asked for a model of {job.original_name}"
        await self._accounts.activities.add(session, asker.account.user_id, "process", text, details)

    async def cancel(self, job_id: str, viewer: Principal | None) -> StatusAnswer:
        """Stop the work on a scan; what was uploaded stays, and it can be asked for again.

        Raises:
            GarazaError: 404; 409 where there is nothing to stop.
        """
        async with self._database.write() as session:
            job = await self._jobs.cancel(session, job_id, viewer)
            if viewer is not None:
                text = f"Cancelled the model of {job.original_name}"
                await self._accounts.activities.add(session, viewer.user_id, "cancel", text, {"job_id": job_id})
        await self._data.remove(self._data.checkpoints(job_id))
        return _status(job, None)

    async def status(self, job_id: str, viewer: Principal | None) -> StatusAnswer:
        """One scan, or a copy of how it was found last, if nothing has happened to it since. Owns its transaction.

        Raises:
            GarazaError: 404.
        """
        if self._statuses is None or not is_id(job_id):
            found = await self._look(job_id)
        else:
            found = await self._statuses.get_or_compute(job_id, [job_name(job_id)], lambda: self._look(job_id))
        if found is None or not may_know(viewer, found, self._accounts.clock()):
            raise not_found()
        return found.answer

    def status_at_hand(self, job_id: str, viewer: Principal | None) -> StatusAnswer | None:
        """The same, if it can be told at once; None: ask `status`. Of what hasn't changed it is the same object."""
        found = None if self._statuses is None else self._statuses.at_hand(job_id)
        return found.answer if found is not None and may_know(viewer, found, self._accounts.clock()) else None

    async def _look(self, job_id: str) -> KeptStatus | None:
        async with self._database.read() as session:
            try:
                job = await self._jobs.get(session, job_id, any=True)
            except GarazaError:
                return None
            return KeptStatus(job.user_id, _status(job, await self._jobs.queue_position(session, job)))

    async def statuses(self, session: ReadSession, job_ids: list[str], viewer: Principal | None) -> list[StatusAnswer]:
        """Those that there are, in one query; and in another one the places of those that wait."""
        jobs = await self._jobs.get_many(session, job_ids, viewer)
        positions = await self._jobs.queue_positions(session, jobs)
        return [_status(job, positions.get(job.id)) for job in jobs]

    async def own(
        self, session: ReadSession, user_id: int, wanted: Paging, status: str | None
    ) -> tuple[list[StatusAnswer], Page[Job]]:
        """An account's scans, newest first: one query, and one for the places of those that wait."""
        page = await self._jobs.list_own(session, user_id, wanted, status)
        positions = await self._jobs.queue_positions(session, page.rows)
        return [_status(job, positions.get(job.id)) for job in page.rows], page

    async def result(self, session: ReadSession, job_id: str, viewer: Principal | None) -> ResultAnswer:
        """RESULT of a completed scan.

        Raises:
            GarazaError: 404; 409 while there is none, or if there will be none.
        """
        for _ in range(_RESULT_ATTEMPTS):
            try:
                return await self._result(session, job_id, viewer)
            except FileNotFoundError:
                # Deleted, or replaced by another scale, between the row and the files: look at the row as it is now.
                session.expunge_all()
                await session.rollback()
        raise changed_meanwhile()

    async def _result(self, session: ReadSession, job_id: str, viewer: Principal | None) -> ResultAnswer:
        job = await self._completed(session, job_id, viewer)
        files = await self._jobs.files(session, job_id)
        place = result_key(job_id, job.result_version or "")
        result, cameras = await self._blobs.read(*(place / name for name in PARTS))
        return await asyncio.to_thread(build_result, job_id, result, cameras, files)

    async def set_scale(self, job_id: str, request: ScaleRequest, viewer: Principal | None) -> Scale:
        """Make a scan metric. Owns its transactions: none is open while files are rewritten.

        Raises:
            GarazaError: 404, 409, 422.
        """
        async with self._database.read() as reading:
            job = await self._completed(reading, job_id, viewer)
        async with self._rescaling:
            try:
                return await self._rescale(job, request)
            except FileNotFoundError:
                raise changed_meanwhile() from None

    async def _rescale(self, job: Job, request: ScaleRequest) -> Scale:
        version = new_id()
        old, new = result_key(job.id, job.result_version or ""), result_key(job.id, version)
        scratch = self._data.new_incoming()
        try:
            folder = await self._blobs.fetch_folder(old, scratch / "old")
            scale, rows = await asyncio.to_thread(self._rewrite, folder, scratch / "new", request)
            await self._blobs.publish(scratch / "new", new, Published(old, folder))
            async with self._database.write() as session:
                replaced = await self._jobs.new_result_version(session, job, version, rows)
        except BaseException:
            await self._forget(new)
            raise
        finally:
            await self._data.remove(scratch)
        if not replaced:
            await self._forget(new)
            raise changed_meanwhile()
        with contextlib.suppress(StorageUnavailableError):
            await self._removal.remove_version(job.id, job.result_version or "")
        return scale

    def _rewrite(self, old: Path, new: Path, request: ScaleRequest) -> tuple[Scale, list[dict[str, Any]]]:
        """The result in `old` with another scale in `new`. Blocks."""
        # Brings all that writes models along, numba among it, which a service needs for nothing else.
        from garaza.reconstruction.rescale import rescale  # noqa: PLC0415

        scale = _new_scale(Result.read(old).scale, request)
        result = rescale(old, new, scale)
        if self._compress:
            keep_compressed(new, result, old)
        return scale, file_rows(new, result)

    async def _forget(self, place: PurePosixPath) -> None:
        """Remove a version that no row names."""
        # If it stays where it is, it is swept.
        with contextlib.suppress(StorageUnavailableError):
            await self._blobs.remove(place)

    async def delete(self, job_id: str, viewer: Principal | None) -> None:
        """Forget a scan and its files. Work on it is stopped by the worker, which finds its claim void.

        Raises:
            GarazaError: 404.
        """
        async with self._database.write() as session:
            job = await self._jobs.get(session, job_id, viewer)
            if not await self._jobs.mark_deleted(session, job_id):
                # Somebody was faster.
                raise not_found()
            if viewer is not None:
                text = f"Deleted the scan {job.original_name}"
                await self._accounts.activities.add(session, viewer.user_id, "scan_delete", text, {"job_id": job_id})
        # It is deleted in any case: what stays where it is, the next round of housekeeping removes.
        with contextlib.suppress(StorageUnavailableError):
            await self._removal.remove_job(job_id)

    async def _completed(self, session: ReadSession, job_id: str, viewer: Principal | None) -> Job:
        job = await self._jobs.get(session, job_id, viewer)
        if job.state != JobState.COMPLETED.value:
            hint = {
                JobState.UPLOADED.value: "Nobody has asked for it to be processed yet.",
                JobState.FAILED.value: "It failed: its status says why.",
                JobState.CANCELLED.value: "It was cancelled; it can be asked for again.",
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
