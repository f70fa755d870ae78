"""What every way of uploading has in common: who is let in, how much, and how a whole file becomes a scan."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from garaza.accounts.service import AccountService
from garaza.errors import GarazaError, disk_full
from garaza.jobs.models import Job
from garaza.jobs.service import JobService
from garaza.kit.blobs.port import Blobs, StorageUnavailableError, upload_key
from garaza.kit.clock import Clock
from garaza.kit.database import Database, ReadSession, WriteSession
from garaza.kit.ids import new_id
from garaza.kit.storage import DataDirectory
from garaza.kit.waiting import in_thread
from garaza.settings import Settings
from garaza.uploads.probe import Prober
from garaza.uploads.repository import UploadRepository
from garaza.uploads.sender import Sender, Wishes
from garaza.uploads.turns import Turn
from garaza.webhooks.service import WebhookService

Noted = Callable[[WriteSession, Job], Awaitable[None]]
"""Is told of the scan in the transaction that makes it."""


@dataclass(frozen=True, slots=True)
class Video:
    """A file that has arrived whole."""

    path: Path
    name: str
    size_bytes: int


class Intake:
    """See the module."""

    def __init__(
        self,
        settings: Settings,
        blobs: Blobs,
        data: DataDirectory,
        database: Database,
        jobs: JobService,
        accounts: AccountService,
        webhooks: WebhookService,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._blobs = blobs
        self._data = data
        self._database = database
        self._jobs = jobs
        self._accounts = accounts
        self._webhooks = webhooks
        self._clock = clock
        self._prober = Prober(settings.uploads)

    # Before a byte is read ---------------------------------------------------------------------------------------

    def admit(self, sender: Sender, wishes: Wishes) -> Wishes:
        """The wishes as they can be fulfilled.

        Raises:
            GarazaError: 401, guests are not let in; 422, a webhook that can't be.
        """
        if sender.account is None and not self._settings.guests_allowed:
            raise GarazaError(
                401,
                "guests_off",
                "Uploads without an account are off on this server. Sign in first.",
                {"WWW-Authenticate": "Bearer"},
            )
        if wishes.webhook_url is None:
            return wishes
        return replace(wishes, webhook_url=self._webhooks.checked(wishes.webhook_url))

    async def refuse_size(self, size: int | None, overhead: int = 0) -> None:
        """Of a file, or of a body that has so much around it.

        Raises:
            GarazaError: 413, 507.
        """
        if size is not None and size > self._settings.uploads.max_bytes + overhead:
            raise self.too_large()
        await self.refuse_without_room(size or 0)

    async def refuse_without_room(self, more: int) -> None:
        """
        Raises:
            GarazaError: 507, the disk has no room for so much more.
        """
        if not await in_thread(self.has_room, more):
            raise disk_full()

    async def reach(self) -> None:
        """Before a gigabyte is sent in vain.

        Raises:
            StorageUnavailableError: there is nowhere to put it now.
        """
        await self._blobs.check()

    def has_room(self, more: int = 0) -> bool:
        """Whether the disk has room for so much more, and for what is to stay free. Blocks."""
        return self._data.free_bytes() - more >= self._settings.uploads.min_free_bytes

    def too_large(self) -> GarazaError:
        """More than a video may have."""
        limit = self._settings.uploads.max_bytes
        detail = f"Videos may have {limit / 1e9:.1f} GB at most. Film a shorter one, or in a lower resolution."
        return GarazaError(413, "file_too_large", detail, max_bytes=limit)

    async def earlier(self, session: ReadSession, sender: Sender, wishes: Wishes) -> Job | None:
        """What an upload with the same key became."""
        if wishes.upload_key is None:
            return None
        owner = sender.owner
        return await self._jobs.by_upload_key(session, wishes.upload_key, user_id=owner.user_id, guest=owner.guest)

    async def allow_storage(self, session: WriteSession, sender: Sender, more: int, but: str | None = None) -> None:
        """Whether the sender may store so much more, beside what unfinished uploads (`but` this one) will take. Others
        who ask for the same sender wait until this transaction ends.

        Raises:
            GarazaError: 403.
        """
        quota, owner = self._accounts.quota, sender.owner
        promised = UploadRepository.promised_bytes(owner, but)
        if owner.user_id is not None:
            await quota.allow_storage(session, owner.user_id, more, promised)
        else:
            used = await self._jobs.lock_guest_storage(session, sender.guest, promised)
            quota.allow_guest_storage(used, more)

    # While it comes ----------------------------------------------------------------------------------------------

    async def patiently(self, body: AsyncIterator[bytes], turn: Turn | None = None) -> AsyncIterator[bytes]:
        """The body, as long as something comes, and nobody newer wants the turn.

        Raises:
            GarazaError: 408, 423.
        """
        turn = turn or Turn()
        parts = aiter(body)
        while True:
            try:
                async with asyncio.timeout(self._settings.uploads.stall_seconds) as timeout:
                    with turn.waiting(timeout):
                        part = await anext(parts)
            except StopAsyncIteration:
                return
            except TimeoutError:
                if turn.unwanted:
                    detail = "Another request goes on with this upload. Ask for its offset."
                    raise GarazaError(423, "upload_taken_over", detail) from None
                raise GarazaError(408, "upload_stalled", "The upload came to a halt. Send the file again.") from None
            yield part

    # When it is here ---------------------------------------------------------------------------------------------

    async def keep(
        self,
        video: Video,
        sender: Sender,
        wishes: Wishes,
        noted: Noted | None = None,
        unfinished: str | None = None,
    ) -> Job:
        """Look into it, put it where it stays, note it; or what was noted before under the same key. Its file is gone
        from where it was, unless something is raised.

        Args:
            unfinished: the upload that it is, whose size is promised already.

        Raises:
            ReconstructionFailure: it is no video that can be used.
            GarazaError: there is no room for it any more.
            StorageUnavailableError
        """
        source: dict[str, Any] = await self._prober.probe(video.path)
        source["size_bytes"] = video.size_bytes
        job_id = new_id()
        # The file first: a row without a file would be a job that can't be done, a file without a row is swept.
        try:
            await self._blobs.put(video.path, upload_key(job_id))
            async with self._database.write() as session:
                await self.allow_storage(session, sender, video.size_bytes, unfinished)
                job = await self._note(session, job_id, video, source, sender, wishes)
                if noted is not None:
                    await noted(session, job)
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
        session: WriteSession,
        job_id: str,
        video: Video,
        source: dict[str, Any],
        sender: Sender,
        wishes: Wishes,
    ) -> Job:
        # The same upload may have been sent twice at once. The sender is locked by now, so that the other one is either
        # here already or will find this one.
        if (earlier := await self.earlier(session, sender, wishes)) is not None:
            return earlier
        owner, name = sender.owner, video.name or "video"
        job = await self._jobs.create(
            session,
            job_id,
            name,
            source,
            None if owner.user_id else self._clock() + self._settings.accounts.guest_hours * 3600,
            user_id=owner.user_id,
            guest=owner.guest,
            upload_bytes=video.size_bytes,
            upload_key=wishes.upload_key,
            webhook_url=wishes.webhook_url,
        )
        if owner.user_id is not None:
            await self._accounts.activities.add(
                session, owner.user_id, "upload", f"Uploaded {name}", {"job_id": job_id}
            )
        return job
