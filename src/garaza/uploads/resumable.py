"""Uploads that go on where they broke off."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from garaza.accounts.principal import Principal
from garaza.errors import GarazaError, disk_full, not_found, unusable_video
from garaza.jobs.models import Job
from garaza.jobs.service import JobService
from garaza.kit.clock import Clock
from garaza.kit.database import Database, WriteSession
from garaza.kit.ids import is_id, new_id
from garaza.kit.multipart import clean_name
from garaza.kit.partial_files import PartialFile, PartialFileBusyError, PartialFiles
from garaza.kit.receiving import DiskFullError, TooLargeError, append_body
from garaza.kit.storage import DataDirectory
from garaza.kit.tus import CHECKSUM_MISMATCH, Checksum
from garaza.kit.waiting import in_thread
from garaza.reconstruction.failures import ReconstructionFailure, failure_from_reason
from garaza.settings import UploadSettings
from garaza.uploads.intake import Intake, Video
from garaza.uploads.metadata import Metadata
from garaza.uploads.models import Upload
from garaza.uploads.repository import UploadRepository
from garaza.uploads.sender import Sender
from garaza.uploads.turns import StillBusyError, Turn, Turns

_PROLONG_BELOW = 0.9
"""Of the time that an upload has: with more of it left, a part isn't worth a write."""
_TRIES, _BETWEEN_TRIES_SECONDS = 10, 0.1
_HARD_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV}
"""What file systems say that have none."""


@dataclass(frozen=True, slots=True)
class Part:
    """What comes in one request."""

    offset: int
    body: AsyncIterator[bytes]
    content_length: int | None
    checksum: Checksum | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an upload is."""

    upload: Upload
    offset: int
    job: Job | None = None
    """What it ended in, where that was asked for."""

    @property
    def is_refused(self) -> bool:
        return self.upload.refusal is not None


class ResumableUploads:
    """Owns its transactions: none is open while bytes arrive.

    `account`: who asks; None: nobody has signed in. An account's upload is there for nobody else; a guest's is there
    for whoever knows its id.
    """

    def __init__(
        self,
        settings: UploadSettings,
        data: DataDirectory,
        database: Database,
        jobs: JobService,
        intake: Intake,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._data = data
        self._files = PartialFiles(data.partial)
        self._database = database
        self._jobs = jobs
        self._intake = intake
        self._clock = clock
        self._uploads = UploadRepository()
        # Looking into a file may have to wait for others that are looked into.
        self._turns = Turns(2 * settings.probe_seconds)

    # What clients ask for ----------------------------------------------------------------------------------------

    async def create(self, length: int, told: str, sender: Sender, upload_key: str | None) -> Progress:
        """Begin one, or find the one that was begun before with the same key.

        Args:
            length: bytes of the whole video.
            told: its Upload-Metadata.

        Raises:
            GarazaError: it can't be let in; 409 the key was used for something else; 429 too many are unfinished.
        """
        wishes = Metadata.read(told).wishes(upload_key)
        self._intake.admit(sender, wishes)
        await self._intake.refuse_size(length)
        await self._intake.reach()
        # The file first: a row without one would be an upload that can't go on, a file without a row is swept.
        upload_id = new_id()
        await in_thread(self._files.create, upload_id)
        try:
            async with self._database.write() as session:
                upload = await self._begun(session, sender, upload_key) or await self._begin(
                    session, upload_id, length, told, sender, upload_key
                )
        except BaseException:
            await in_thread(self._files.remove, upload_id)
            raise
        if upload.id == upload_id:
            return Progress(upload, 0)
        await in_thread(self._files.remove, upload_id)
        if (upload.length, upload.told) != (length, told):
            detail = "This Idempotency-Key was used for another upload. Use a new one."
            raise GarazaError(409, "key_used", detail)
        return await self.look(upload.id, sender.account)

    async def look(self, upload_id: str, account: Principal | None) -> Progress:
        """How far it is. Whoever asks wants to go on: a request that still waits for more of it ends.

        Raises:
            GarazaError: 404; 423 somebody else is at it.
        """
        upload = await self._find(upload_id, account)
        if upload.ended_at is not None or self._turns.is_ending(upload_id):
            return Progress(upload, upload.length)
        async with self._turn(upload, account) as (upload, _):
            if upload.ended_at is not None:
                return Progress(upload, upload.length)
            async with self._opened(upload, account) as file:
                return Progress(upload, await in_thread(file.recover))

    async def append(self, upload_id: str, part: Part, sender: Sender) -> Progress:
        """Add a part to it; with the last one it becomes a scan. What arrived of one that broke off stays, unless
        there is a checksum for it, which can't be held against a piece.

        The last part again, or an empty one at the end, has the same answer as the first time.

        Raises:
            GarazaError: 404; 408; 409 it doesn't go on there; 413; 422 it is no video; 423; 460; 507.
            ClientDisconnect: whatever `part.body` raises.
        """
        upload = await self._find(upload_id, sender.account)
        async with self._turn(upload, sender.account) as (upload, turn):
            if upload.ended_at is not None:
                # Whether all of it comes again, or nothing: it was here.
                if part.offset > upload.length:
                    raise _wrong_offset(upload.length)
                return Progress(upload, upload.length, await self._outcome(upload, sender))
            async with self._opened(upload, sender.account) as file:
                here = await in_thread(file.recover)
                await self._refuse(part, upload, here)
                await self._prolong(upload)
                here += await self._add(file, here, upload, part, turn)
                if here < upload.length:
                    return Progress(upload, here)
                turn.is_ending = True
                return Progress(upload, here, await self._end(upload, sender))

    async def remove(self, upload_id: str, account: Principal | None) -> str | None:
        """Forget it. A scan that it has ended in stays.

        Returns:
            That scan's id.

        Raises:
            GarazaError: 404, 423.
        """
        upload = await self._find(upload_id, account)
        async with self._turn(upload, account) as (upload, _):
            async with self._database.write() as session:
                await self._uploads.remove(session, upload_id)
            await in_thread(self._files.remove, upload_id)
            return upload.job_id

    # -------------------------------------------------------------------------------------------------------------

    async def _begun(self, session: WriteSession, sender: Sender, upload_key: str | None) -> Upload | None:
        """The one that was begun with the key."""
        if upload_key is None:
            return None
        await self._uploads.free_key(session, sender.owner, upload_key, self._clock())
        begun = await self._uploads.by_key(session, sender.owner, upload_key)
        if begun is None or begun.ended_at is not None or await in_thread(self._files.path(begun.id).exists):
            return begun
        # Has it ended meanwhile, and its file gone with that?
        session.expire(begun)
        begun = await self._uploads.by_key(session, sender.owner, upload_key)
        if begun is not None and begun.ended_at is None:
            # Of another server's directory, or lost: whoever begins it here begins it again.
            await self._uploads.remove(session, begun.id)
            return None
        return begun

    async def _begin(
        self,
        session: WriteSession,
        upload_id: str,
        length: int,
        told: str,
        sender: Sender,
        upload_key: str | None,
    ) -> Upload:
        owner = sender.owner
        await self._intake.allow_storage(session, sender, length)
        # By now the sender is locked: who began the same at the same time is here already, or will find this one.
        if (begun := await self._begun(session, sender, upload_key)) is not None:
            return begun
        if await self._uploads.count_unfinished(session, owner) >= self._settings.max_unfinished:
            limit = self._settings.max_unfinished
            detail = f"{limit} uploads have begun and not ended. Finish or delete one of them first."
            raise GarazaError(429, "too_many_unfinished", detail, {"Retry-After": "600"}, limit=limit)
        upload = Upload(
            id=upload_id,
            user_id=owner.user_id,
            guest=owner.guest,
            length=length,
            told=told,
            upload_key=upload_key,
            created_at=self._clock(),
            expires_at=self._expiry(),
        )
        await self._uploads.add(session, upload)
        return upload

    def _expiry(self) -> float:
        return self._clock() + self._settings.unfinished_hours * 3600

    async def _find(self, upload_id: str, account: Principal | None) -> Upload:
        if is_id(upload_id):
            async with self._database.read() as session:
                upload = await self._uploads.get(session, upload_id)
            if upload is not None and upload.expires_at > self._clock() and _is_for(upload, account):
                return upload
        raise not_found("upload")

    @asynccontextmanager
    async def _turn(self, upload: Upload, account: Principal | None) -> AsyncIterator[tuple[Upload, Turn]]:
        """The right to change it, and how it is by then."""
        async with AsyncExitStack() as stack:
            try:
                turn = await stack.enter_async_context(self._turns.take(upload.id))
            except StillBusyError:
                raise _busy() from None
            # By now it may have ended, or gone.
            yield await self._find(upload.id, account), turn

    @asynccontextmanager
    async def _opened(self, upload: Upload, account: Principal | None) -> AsyncIterator[PartialFile]:
        stack = ExitStack()
        try:
            file = await self._open(stack, upload.id)
        except FileNotFoundError:
            if (await self._find(upload.id, account)).ended_at is not None:
                # In another process, just now.
                raise _busy() from None
            # Of another server's directory, or lost.
            raise not_found("upload") from None
        except PartialFileBusyError:
            raise _busy() from None
        try:
            yield file
        finally:
            await in_thread(stack.close)

    async def _open(self, stack: ExitStack, upload_id: str) -> PartialFile:
        # Another process may only be looking how much is here.
        for _ in range(_TRIES - 1):
            with contextlib.suppress(PartialFileBusyError):
                return await in_thread(stack.enter_context, self._files.open(upload_id))
            await asyncio.sleep(_BETWEEN_TRIES_SECONDS)
        return await in_thread(stack.enter_context, self._files.open(upload_id))

    async def _refuse(self, part: Part, upload: Upload, here: int) -> None:
        if part.offset != here:
            raise _wrong_offset(here)
        if part.content_length is not None and part.content_length > upload.length - here:
            raise _beyond_length()
        await self._intake.refuse_without_room(part.content_length or 0)

    async def _prolong(self, upload: Upload) -> None:
        time = self._settings.unfinished_hours * 3600
        if upload.expires_at - self._clock() < _PROLONG_BELOW * time:
            upload.expires_at = self._expiry()
            async with self._database.write() as session:
                await self._uploads.prolong(session, upload.id, upload.expires_at)

    async def _add(self, file: PartialFile, here: int, upload: Upload, part: Part, turn: Turn) -> int:
        """How many bytes came."""
        if part.content_length == 0:
            return 0
        digest = None
        if part.checksum is not None:
            digest = part.checksum.begin()
            # Taken back by whoever opens it next, if this ends before the checksum was seen to be right.
            await in_thread(file.doubt)
        body = self._intake.patiently(part.body, turn)
        try:
            added = await append_body(body, file.file, upload.length - here, self._intake.has_room, digest)
            if digest is None:
                await in_thread(file.sync)
        except TooLargeError:
            await in_thread(file.cut, here)
            raise _beyond_length() from None
        except (DiskFullError, OSError) as error:
            # The room is needed, and what was written last may not be there.
            await in_thread(file.cut, here)
            if isinstance(error, DiskFullError):
                raise disk_full() from None
            raise
        if digest is not None and part.checksum is not None:
            if digest.digest() != part.checksum.digest:
                await in_thread(file.recover)
                raise GarazaError(
                    CHECKSUM_MISMATCH, "checksum_mismatch", "This part was damaged on its way. Send it again."
                )
            await in_thread(file.trust)
        return added

    async def _end(self, upload: Upload, sender: Sender) -> Job:
        """All of it is here."""
        metadata = Metadata.read(upload.told)
        # Linked, and not moved: whatever ends the process before the row is there, the upload is still whole.
        path = self._data.new_incoming()
        await in_thread(_link, self._files.path(upload.id), path)
        video = Video(path, clean_name(metadata.name), upload.length)

        async def noted(session: WriteSession, job: Job) -> None:
            await self._note_end(session, upload, job_id=job.id)

        sender, wishes = _owner_of(upload, sender), metadata.wishes(upload.upload_key)
        try:
            job = await self._intake.keep(video, sender, wishes, noted, upload.id)
        except ReconstructionFailure as failure:
            async with self._database.write() as session:
                told = {"reason": failure.reason, "details": failure.details}
                await self._note_end(session, upload, refusal=told)
            await in_thread(self._files.remove, upload.id)
            raise unusable_video(failure) from failure
        finally:
            # Gone already, where it was kept.
            await self._data.remove(path)
        await in_thread(self._files.remove, upload.id)
        return job

    async def _note_end(self, session: WriteSession, upload: Upload, **how: object) -> None:
        values = {"ended_at": self._clock(), "expires_at": self._expiry(), **how}
        if not await self._uploads.end(session, upload.id, values):
            # Deleted meanwhile.
            raise not_found("upload")

    async def _outcome(self, upload: Upload, sender: Sender) -> Job:
        """What one ended in that has ended before."""
        if upload.refusal is not None:
            raise unusable_video(failure_from_reason(upload.refusal["reason"], upload.refusal["details"]))
        async with self._database.read() as session:
            return await self._jobs.get(session, upload.job_id or "", sender.account)


def _is_for(upload: Upload, account: Principal | None) -> bool:
    return upload.user_id is None or (account is not None and account.user_id == upload.user_id)


def _owner_of(upload: Upload, sender: Sender) -> Sender:
    """A guest's upload stays a guest's, whoever sends the rest of it."""
    return sender if upload.user_id is not None else Sender(None, upload.guest or "")


def _link(path: Path, place: Path) -> None:
    try:
        os.link(path, place)
    except OSError as error:
        if error.errno not in _HARD_LINKS:
            raise
        shutil.copyfile(path, place)


def _busy() -> GarazaError:
    detail = "Another request is at this upload. Try again in a moment."
    return GarazaError(423, "upload_busy", detail, {"Retry-After": "1"})


def _wrong_offset(here: int) -> GarazaError:
    detail = f"This upload goes on at byte {here}. Ask for its offset, and send what follows."
    return GarazaError(409, "wrong_offset", detail, {"Upload-Offset": str(here)}, offset=here)


def _beyond_length() -> GarazaError:
    return GarazaError(413, "beyond_length", "This is more than the upload was said to have when it was begun.")
