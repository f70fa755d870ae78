"""What the disk holds, measured by walking it, and therefore not for everybody who asks."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass, replace

from garaza.kit.blobs.port import Blobs, StorageUnavailableError
from garaza.kit.clock import Clock
from garaza.kit.storage import DataDirectory

FRESH_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class DiskState:
    """At one moment."""

    total_bytes: int
    used_bytes: int
    free_bytes: int
    by_kind: dict[str, int]
    measured_at: float
    elsewhere: dict[str, int] | None = None
    """Uploads and results, where they are not on this disk. None: they are, or can't be asked for now."""


class DiskUsage:
    """Measures when it has to. Those who ask while somebody measures wait for the same figures."""

    def __init__(self, data: DataDirectory, blobs: Blobs, clock: Clock) -> None:
        self._data = data
        self._blobs = blobs
        self._clock = clock
        self._measuring = asyncio.Lock()
        self._latest: DiskState | None = None

    async def state(self) -> DiskState:
        """As it was some seconds ago at most."""
        async with self._measuring:
            # A clock that was set back makes figures from the future.
            if self._latest is None or not 0 <= self._clock() - self._latest.measured_at < FRESH_SECONDS:
                self._latest = replace(await asyncio.to_thread(self._measure), elsewhere=await self._elsewhere())
            return self._latest

    async def _elsewhere(self) -> dict[str, int] | None:
        try:
            return await self._blobs.usage()
        except StorageUnavailableError:
            return None

    def _measure(self) -> DiskState:
        disk = shutil.disk_usage(self._data.root)
        return DiskState(disk.total, disk.used, disk.free, self._data.usage(), self._clock())
