"""The rules of uploads: what is let in, and where it is put."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from garaza.errors import GarazaError, disk_full, unusable_video
from garaza.jobs.models import Job
from garaza.jobs.service import JobService
from garaza.kit.clock import Clock
from garaza.kit.database import Database
from garaza.kit.ids import new_id
from garaza.kit.multipart import (
    FORM_OVERHEAD_BYTES,
    DiskFullError,
    MultipartError,
    ReceivedFile,
    TooLargeError,
    receive_file,
)
from garaza.kit.storage import DataDirectory, sync_directory
from garaza.reconstruction.failures import ReconstructionFailure
from garaza.settings import Settings
from garaza.uploads.probe import Prober


class UploadService:
    """See the module."""

    def __init__(
        self,
        settings: Settings,
        data: DataDirectory,
        database: Database,
        jobs: JobService,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._data = data
        self._database = database
        self._jobs = jobs
        self._clock = clock
        self._prober = Prober(settings.uploads)

    async def receive(self, body: AsyncIterator[bytes], content_type: str, content_length: int | None) -> Job:
        """Take a video in: receive, probe, keep, note. Owns its transaction: none is open while bytes arrive.

        Raises:
            GarazaError: what is wrong with it; nothing is left behind.
        """
        if not self._settings.guests_allowed:
            raise GarazaError(
                401,
                "guests_off",
                "Uploads without an account are off on this server. Whoever runs it can allow them.",
            )
        self._refuse_size(content_length)
        path = self._data.new_incoming()
        received = await self._receive(body, content_type, path)
        try:
            return await self._keep(path, received)
        except BaseException:
            await self._data.remove(path)
            raise

    def _refuse_size(self, content_length: int | None) -> None:
        if content_length is not None and content_length > self._settings.uploads.max_bytes + FORM_OVERHEAD_BYTES:
            raise self._too_large()
        if not self._has_room(content_length or 0):
            raise disk_full()

    def _has_room(self, more: int = 0) -> bool:
        return self._data.free_bytes() - more >= self._settings.uploads.min_free_bytes

    def _too_large(self) -> GarazaError:
        limit = self._settings.uploads.max_bytes
        detail = f"Videos may have {limit / 1e9:.1f} GB at most. Film a shorter one, or in a lower resolution."
        return GarazaError(413, "file_too_large", detail, max_bytes=limit)

    async def _receive(self, body: AsyncIterator[bytes], content_type: str, path: Path) -> ReceivedFile:
        try:
            patient = _patiently(body, self._settings.uploads.stall_seconds)
            max_bytes = self._settings.uploads.max_bytes
            return await receive_file(patient, content_type, "file", path, max_bytes, self._has_room)
        except MultipartError as error:
            raise GarazaError(400, "bad_form", str(error)) from error
        except TooLargeError:
            raise self._too_large() from None
        except DiskFullError:
            raise disk_full() from None

    async def _keep(self, path: Path, received: ReceivedFile) -> Job:
        try:
            source: dict[str, Any] = await self._prober.probe(path)
        except ReconstructionFailure as failure:
            raise unusable_video(failure) from failure
        source["size_bytes"] = received.size_bytes
        job_id = new_id()
        place = self._data.upload(job_id)
        # The file first: a row without a file would be a job that can't be done, a file without a row is swept.
        await asyncio.to_thread(_move, path, place)
        expires_at = self._clock() + self._settings.accounts.guest_hours * 3600
        try:
            async with self._database.write() as session:
                return await self._jobs.create(session, job_id, received.name or "video", source, expires_at)
        except BaseException:
            await self._data.remove(place)
            raise


def _move(path: Path, place: Path) -> None:
    path.rename(place)
    sync_directory(place.parent)


async def _patiently(body: AsyncIterator[bytes], stall_seconds: float) -> AsyncIterator[bytes]:
    parts = aiter(body)
    while True:
        try:
            async with asyncio.timeout(stall_seconds):
                part = await anext(parts)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise GarazaError(408, "upload_stalled", "The upload came to a halt. Send the file again.") from None
        yield part
