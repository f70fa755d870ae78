"""The rules of uploads: what is let in, and where it is put."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from garaza.accounts.principal import Principal
from garaza.accounts.service import AccountService
from garaza.errors import GarazaError, disk_full, unusable_video
from garaza.jobs.models import Job
from garaza.jobs.service import JobService
from garaza.kit.blobs.port import Blobs, StorageUnavailableError, upload_key
from garaza.kit.clock import Clock
from garaza.kit.database import Database, ReadSession, WriteSession
from garaza.kit.ids import new_id
from garaza.kit.multipart import (
    FORM_OVERHEAD_BYTES,
    DiskFullError,
    MultipartError,
    ReceivedFile,
    TooLargeError,
    receive_file,
)
from garaza.kit.storage import DataDirectory
from garaza.reconstruction.failures import ReconstructionFailure
from garaza.settings import Settings
from garaza.uploads.probe import Prober
from garaza.webhooks.service import WebhookService


@dataclass(frozen=True, slots=True)
class Sender:
    """Who uploads."""

    account: Principal | None
    guest: str
    """Digest of the address that it comes from; counts where there is no account."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the client wants beside the upload itself."""

    upload_key: str | None = None
    """Idempotency key: the same one again, from the same sender, is the same upload."""
    webhook_url: str | None = None


class UploadService:
    """See the module."""

    def __init__(
        self,
        settings: Settings,
        data: DataDirectory,
        blobs: Blobs,
        database: Database,
        jobs: JobService,
        accounts: AccountService,
        webhooks: WebhookService,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._data = data
        self._blobs = blobs
        self._database = database
        self._jobs = jobs
        self._accounts = accounts
        self._webhooks = webhooks
        self._clock = clock
        self._prober = Prober(settings.uploads)

    async def receive(
        self,
        body: AsyncIterator[bytes],
        content_type: str,
        content_length: int | None,
        sender: Sender,
        wishes: Wishes,
    ) -> Job:
        """Take a video in: receive, probe, keep, note. Owns its transactions: none is open while bytes arrive.

        Raises:
            GarazaError: what is wrong with it; nothing is left behind.
        """
        if sender.account is None and not self._settings.guests_allowed:
            raise GarazaError(
                401,
                "guests_off",
                "Uploads without an account are off on this server. Sign in first.",
                {"WWW-Authenticate": "Bearer"},
            )
        if wishes.webhook_url is not None:
            wishes = replace(wishes, webhook_url=self._webhooks.checked(wishes.webhook_url))
        self._refuse_size(content_length)
        # Before a gigabyte is sent in vain.
        await self._blobs.check()
        async with self._database.write() as session:
            if (earlier := await self._earlier(session, sender, wishes)) is not None:
                return earlier
            # A form is a little larger than its file; who has room for the one and not for the other is full.
            await self._allow_storage(session, sender, content_length or 0)
        path = self._data.new_incoming()
        received = await self._receive(body, content_type, path)
        try:
            return await self._keep(path, received, sender, wishes)
        except BaseException:
            await self._data.remove(path)
            raise

    async def _earlier(self, session: ReadSession, sender: Sender, wishes: Wishes) -> Job | None:
        if wishes.upload_key is None:
            return None
        user_id = sender.account.user_id if sender.account is not None else None
        return await self._jobs.by_upload_key(session, wishes.upload_key, user_id=user_id, guest=sender.guest)

    async def _allow_storage(self, session: WriteSession, sender: Sender, more: int) -> None:
        quota = self._accounts.quota
        if sender.account is not None:
            await quota.allow_storage(session, sender.account.user_id, more)
        else:
            used = await self._jobs.lock_guest_storage(session, sender.guest)
            quota.allow_guest_storage(used, more)

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

    async def _keep(self, path: Path, received: ReceivedFile, sender: Sender, wishes: Wishes) -> Job:
        try:
            source: dict[str, Any] = await self._prober.probe(path)
        except ReconstructionFailure as failure:
            raise unusable_video(failure) from failure
        source["size_bytes"] = received.size_bytes
        job_id = new_id()
        # The file first: a row without a file would be a job that can't be done, a file without a row is swept.
        try:
            await self._blobs.put(path, upload_key(job_id))
            job = await self._note(job_id, received, source, sender, wishes)
        except BaseException:
            await self._forget(job_id)
            raise
        if job.id != job_id:
            await self._forget(job_id)
        return job

    async def _forget(self, job_id: str) -> None:
        """Remove a video that there is no row of."""
        # If it stays where it is, it is swept.
        with contextlib.suppress(StorageUnavailableError):
            await self._blobs.remove(upload_key(job_id))

    async def _note(
        self,
        job_id: str,
        received: ReceivedFile,
        source: dict[str, Any],
        sender: Sender,
        wishes: Wishes,
    ) -> Job:
        """The row of the upload, or of the earlier one that it repeats."""
        user_id = sender.account.user_id if sender.account is not None else None
        name = received.name or "video"
        async with self._database.write() as session:
            await self._allow_storage(session, sender, received.size_bytes)
            # The same upload may have been sent twice at once. The sender is locked by now, so that the other one is
            # either here already or will find this one.
            if (earlier := await self._earlier(session, sender, wishes)) is not None:
                return earlier
            job = await self._jobs.create(
                session,
                job_id,
                name,
                source,
                None if user_id else self._clock() + self._settings.accounts.guest_hours * 3600,
                user_id=user_id,
                guest=None if user_id else sender.guest,
                upload_bytes=received.size_bytes,
                upload_key=wishes.upload_key,
                webhook_url=wishes.webhook_url,
            )
            if user_id is not None:
                await self._accounts.activities.add(session, user_id, "upload", f"Uploaded {name}", {"job_id": job_id})
        return job


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
