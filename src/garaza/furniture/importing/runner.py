"""Has a process beside the service do the imports that came through it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import filelock

from garaza.furniture.importing.files import ImportFiles
from garaza.furniture.importing.service import ImportService
from garaza.kit.child_process import Child, end_child, pid_of, start_child
from garaza.kit.waiting import ended, first_of, unbroken

logger = logging.getLogger(__name__)

POLL_SECONDS = 30.0
"""Between looks for what others left behind."""
MOST_DEATHS = 4
"""Of processes in a row that one import kills: it takes more memory than there is, or finds a bug in a library."""
_FIRST_PAUSE_SECONDS = 0.5
_STOP_SECONDS = 5.0


class ImportRunner:
    """One process at a time; none where there is nothing to do.

    A process that dies is started again, and goes on where the one before was. It ends with this one.
    """

    def __init__(self, imports: ImportService, files: ImportFiles, command: Sequence[str]) -> None:
        """`command`: of the process, which does what there is to be done and ends."""
        self._imports = imports
        self._files = files
        self._command = command
        self._soon = asyncio.Event()
        self._process: Child | None = None
        self._task: asyncio.Task[None] | None = None
        self._deaths: tuple[str, int] = ("", 0)

    @property
    def pid(self) -> int | None:
        """Of the process, while there is one."""
        return pid_of(self._process)

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._go_on())

    def soon(self) -> None:
        """There may be something to do."""
        self._soon.set()

    async def stop(self) -> None:
        """End it; what it was doing is gone on with after the next start."""
        await ended(self._task)
        await end_child(self._process, _STOP_SECONDS)

    async def _go_on(self) -> None:
        while True:
            self._soon.clear()
            try:
                await unbroken(self._imports.sweep())
                await self._do_what_waits()
            except Exception:
                logger.exception("imports have to wait")
            await first_of(self._soon.wait(), timeout=POLL_SECONDS)

    async def _do_what_waits(self) -> None:
        while (import_id := await self._imports.waits()) is not None and await asyncio.to_thread(self._is_free):
            code = await self._run_one()
            if code == 0:
                self._deaths = ("", 0)
                continue
            if code > 0:
                # It said why; the next look tries again.
                return
            deaths = self._deaths[1] + 1 if self._deaths[0] == import_id else 1
            self._deaths = (import_id, deaths)
            logger.error("the process of import %s was killed by signal %d", import_id, -code)
            if deaths >= MOST_DEATHS:
                await self._imports.give_up(import_id, f"The process that does it was killed {deaths} times.")
            await asyncio.sleep(_FIRST_PAUSE_SECONDS * 2**deaths)

    def _is_free(self) -> bool:
        """Whether no command is at it, in the same data directory."""
        self._files.create()
        try:
            with filelock.FileLock(self._files.lock, timeout=0):
                return True
        except filelock.Timeout:
            return False

    async def _run_one(self) -> int:
        self._process = await start_child(self._command)
        return await self._process.wait()
