"""Asking a sandboxed process whether a file is a video."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import math
import sys
from pathlib import Path
from typing import Any

from garaza.reconstruction.failures import NotAVideo, failure_from_reason
from garaza.settings import UploadSettings

logger = logging.getLogger(__name__)


class Prober:
    """Runs `probe_process`, a few at a time."""

    def __init__(self, settings: UploadSettings) -> None:
        self._settings = settings
        self._turns = asyncio.Semaphore(settings.concurrent_probes)

    async def probe(self, path: Path) -> dict[str, Any]:
        """The fields of `SourceInfo`.

        Raises:
            ReconstructionFailure: it is no video that can be used. One that makes the decoder crash, hang, or ask for
                more memory than a decoder may is none either.
        """
        limits = [str(self._settings.probe_memory_bytes), str(math.ceil(self._settings.probe_seconds))]
        async with self._turns:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "garaza.uploads.probe_process",
                str(path),
                *limits,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            try:
                output, errors = await asyncio.wait_for(process.communicate(), self._settings.probe_seconds)
            except TimeoutError:
                raise NotAVideo(cause="took too long") from None
            finally:
                if process.returncode is None:
                    with contextlib.suppress(ProcessLookupError):
                        process.kill()
                    await process.wait()
        if process.returncode != 0:
            logger.warning("the probe ended with %s: %s", process.returncode, errors[-2000:].decode(errors="replace"))
            raise NotAVideo(cause="the decoder gave up")
        answer: dict[str, Any] = json.loads(output)
        if "failure" in answer:
            raise failure_from_reason(answer["failure"]["reason"], answer["failure"]["details"])
        source: dict[str, Any] = answer["source"]
        return source
