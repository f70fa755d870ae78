"""Catalogues that operators send: straight to the disk, and then to whoever imports them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from garaza.accounts.activities import ActivityLog
from garaza.accounts.principal import NOBODY, Principal
from garaza.errors import GarazaError, disk_full
from garaza.furniture.importing.port import NoCatalogueError
from garaza.furniture.importing.service import ImportService
from garaza.furniture.importing.states import Options
from garaza.furniture.models import CatalogueImport
from garaza.kit.database import Database, WriteSession
from garaza.kit.multipart import FORM_OVERHEAD_BYTES, MultipartError, clean_name, receive_file
from garaza.kit.receiving import DiskFullError, TooLargeError, append_body, new_file
from garaza.kit.storage import DataDirectory
from garaza.uploads.intake import Intake

_FORM = "multipart/form-data"


@dataclass(frozen=True, slots=True)
class Body:
    """Of a request."""

    parts: AsyncIterator[bytes]
    media_type: str
    length: int | None
    """As declared."""
    name: str
    """Of the file, where it is no form that says it."""


class CatalogueUploads:
    """Owns its transactions: none is open while bytes arrive."""

    def __init__(
        self,
        imports: ImportService,
        database: Database,
        data: DataDirectory,
        intake: Intake,
        activities: ActivityLog,
        max_bytes: int,
        soon: Callable[[], None],
    ) -> None:
        """`soon`: told that there is something to do."""
        self._imports = imports
        self._database = database
        self._data = data
        self._intake = intake
        self._activities = activities
        self._max_bytes = max_bytes
        self._soon = soon

    async def receive(self, admin: Principal, body: Body, options: Options) -> CatalogueImport:
        """Take in a file, or give the import that goes on with the same one.

        Raises:
            GarazaError: 400, 408, 409, 413, 415, 507; nothing is left behind.
        """
        is_form = body.media_type.lower().startswith(_FORM)
        await self._refuse_size(body.length, FORM_OVERHEAD_BYTES if is_form else 0)
        path = self._data.new_incoming()
        receive = self._receive_form if is_form else self._receive_plain
        try:
            name = await receive(body, path)
        except TooLargeError:
            raise self._too_large() from None
        except DiskFullError:
            raise disk_full() from None
        except MultipartError as error:
            raise GarazaError(400, "bad_form", str(error)) from error
        try:
            begun = await self._imports.begin(path, name, options, None if admin.user_id == NOBODY else admin.user_id)
        except NoCatalogueError as error:
            raise GarazaError(415, "no_catalogue", str(error)) from None
        async with self._database.write() as session:
            await self._note(session, admin, "admin_catalogue_import", f"Sent the catalogue {begun.name}", begun.id)
        self._soon()
        return begun

    async def _receive_form(self, body: Body, path: Path) -> str:
        parts = self._intake.patiently(body.parts)
        received = await receive_file(parts, body.media_type, "file", path, self._max_bytes, self._intake.has_room)
        return received.name

    async def _receive_plain(self, body: Body, path: Path) -> str:
        async with new_file(path) as file:
            await append_body(self._intake.patiently(body.parts), file, self._max_bytes, self._intake.has_room)
        return clean_name(body.name)

    async def _refuse_size(self, length: int | None, overhead: int) -> None:
        if length is not None and length > self._max_bytes + overhead:
            raise self._too_large()
        await self._intake.refuse_without_room(length or 0)

    def _too_large(self) -> GarazaError:
        detail = f"Catalogues may have {self._max_bytes / 1e9:.1f} GB at most. Send it in parts, or raise the limit."
        return GarazaError(413, "file_too_large", detail, max_bytes=self._max_bytes)

    async def cancel(self, admin: Principal, import_id: str) -> CatalogueImport:
        """See `ImportService.cancel`.

        Raises:
            GarazaError: 404, 409.
        """
        async with self._database.write() as session:
            found = await self._imports.cancel(session, import_id)
            await self._note(
                session, admin, "admin_catalogue_cancel", f"Cancelled the import of {found.name}", found.id
            )
        self._soon()
        return found

    async def _note(self, session: WriteSession, admin: Principal, action: str, text: str, import_id: str) -> None:
        await self._activities.add(session, admin.user_id, action, text, admin.signed({"import_id": import_id}))
