"""Asking a sandboxed process whether a file is a video."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import sys
from pathlib import Path
from typing import Any

from garaza.kit.child_process import child_for
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
        command = [sys.executable, "-m", "garaza.uploads.probe_process", str(path), *limits]
        async with self._turns, child_for(command, output_here=True, errors_here=True) as process:
            try:
                code = await asyncio.wait_for(process.wait(), self._settings.probe_seconds)
            except TimeoutError:
                raise NotAVideo(cause="took too long") from None
        if code != 0:
            logger.warning("the probe ended with %s: %s", code, process.errors[-2000:].decode(errors="replace"))
            raise NotAVideo(cause="the decoder gave up")
        answer: dict[str, Any] = json.loads(process.output)
        if "failure" in answer:
            raise failure_from_reason(answer["failure"]["reason"], answer["failure"]["details"])
        source: dict[str, Any] = answer["source"]
        return source
