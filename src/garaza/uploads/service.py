"""Uploads in one request: a form, or the video itself as the body."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from garaza.errors import GarazaError, disk_full, unusable_video
from garaza.jobs.models import Job
from garaza.kit.database import Database
from garaza.kit.multipart import FORM_OVERHEAD_BYTES, MultipartError, clean_name, receive_file
from garaza.kit.receiving import DiskFullError, TooLargeError, append_body, new_file
from garaza.kit.storage import DataDirectory
from garaza.reconstruction.failures import ReconstructionFailure
from garaza.settings import UploadSettings
from garaza.uploads.intake import Intake, Video
from garaza.uploads.sender import Sender, Wishes

Receive = Callable[[Path], Awaitable[Video]]
"""Writes what comes to a place."""


class UploadService:
    """Receives, probes, keeps, notes. Owns its transactions: none is open while bytes arrive.

    Raises:
        GarazaError: what is wrong with it; nothing is left behind.
    """

    def __init__(self, settings: UploadSettings, data: DataDirectory, database: Database, intake: Intake) -> None:
        self._settings = settings
        self._data = data
        self._database = database
        self._intake = intake

    async def receive_form(
        self,
        body: AsyncIterator[bytes],
        content_type: str,
        content_length: int | None,
        sender: Sender,
        wishes: Wishes,
    ) -> Job:
        """A video in the field `file` of a form."""

        async def receive(path: Path) -> Video:
            has_room, max_bytes = self._intake.has_room, self._settings.max_bytes
            try:
                received = await receive_file(body, content_type, "file", path, max_bytes, has_room)
            except MultipartError as error:
                raise GarazaError(400, "bad_form", str(error)) from error
            return Video(path, received.name, received.size_bytes)

        body = self._intake.patiently(body)
        # A form is a little larger than its file; who has room for the one and not for the other is full.
        return await self._take(receive, content_length, FORM_OVERHEAD_BYTES, sender, wishes)

    async def receive_plain(
        self,
        body: AsyncIterator[bytes],
        name: str,
        content_length: int | None,
        sender: Sender,
        wishes: Wishes,
    ) -> Job:
        """A video that is the body."""

        async def receive(path: Path) -> Video:
            async with new_file(path) as file:
                size = await append_body(body, file, self._settings.max_bytes, self._intake.has_room)
            return Video(path, clean_name(name), size)

        body = self._intake.patiently(body)
        return await self._take(receive, content_length, 0, sender, wishes)

    async def _take(
        self, receive: Receive, content_length: int | None, overhead: int, sender: Sender, wishes: Wishes
    ) -> Job:
        wishes = self._intake.admit(sender, wishes)
        await self._intake.refuse_size(content_length, overhead)
        await self._intake.reach()
        async with self._database.write() as session:
            if (earlier := await self._intake.earlier(session, sender, wishes)) is not None:
                return earlier
            await self._intake.allow_storage(session, sender, content_length or 0)
        path = self._data.new_incoming()
        try:
            video = await receive(path)
        except TooLargeError:
            raise self._intake.too_large() from None
        except DiskFullError:
            raise disk_full() from None
        try:
            return await self._intake.keep(video, sender, wishes)
        except ReconstructionFailure as failure:
            await self._data.remove(path)
            raise unusable_video(failure) from failure
        except BaseException:
            await self._data.remove(path)
            raise
