"""What nobody asks for: removing resumable uploads that nobody goes on with."""

from __future__ import annotations

import asyncio

from garaza.kit.clock import Clock
from garaza.kit.database import Database
from garaza.kit.ids import is_id
from garaza.kit.partial_files import PartialFiles
from garaza.kit.storage import DataDirectory
from garaza.uploads.repository import UploadRepository

_GRACE_SECONDS = 3600
"""A file is here for a moment before its row is; this is a long moment."""
_AT_ONCE = 100
_IN_ROUND = 1000


class UploadUpkeep:
    """Owns its transactions; none is open while files are removed."""

    def __init__(self, database: Database, data: DataDirectory, clock: Clock) -> None:
        self._database = database
        self._files = PartialFiles(data.partial)
        self._clock = clock
        self._uploads = UploadRepository()

    async def tidy(self) -> int:
        """Remove what has expired, and files that no row knows of; how many there were."""
        return await self._expire() + await self._sweep(self._clock() - _GRACE_SECONDS)

    async def prepare(self) -> int:
        """Before the first request, while nobody can be adding anything: files that no row knows of."""
        return await self._sweep(float("inf"))

    async def _expire(self) -> int:
        count = 0
        while count < _IN_ROUND:
            async with self._database.write() as session:
                expired = await self._uploads.remove_expired(session, self._clock(), _AT_ONCE)
            for upload_id in expired:
                await asyncio.to_thread(self._files.remove, upload_id)
            count += len(expired)
            if len(expired) < _AT_ONCE:
                break
        return count

    async def _sweep(self, changed_before: float) -> int:
        here = (await asyncio.to_thread(self._files.ids, changed_before))[:_IN_ROUND]
        count = 0
        for begin in range(0, len(here), _AT_ONCE):
            some = here[begin : begin + _AT_ONCE]
            async with self._database.read() as session:
                known = await self._uploads.unfinished_among(session, [one for one in some if is_id(one)])
            for upload_id in set(some) - known:
                await asyncio.to_thread(self._files.remove, upload_id)
                count += 1
        return count
