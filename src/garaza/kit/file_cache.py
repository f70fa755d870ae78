"""Bytes that can be had again, kept in files up to a total size: what was used longest ago goes first."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import threading
import time
from pathlib import Path

_KEY = re.compile(r"[0-9a-z]{8,64}")
_TOUCHED_SECONDS = 3600
"""What was used within that time isn't marked again: a read shall not write each time."""
_LEFT_SHARE = 0.9
"""Of the size, after clearing up."""
_ABANDONED_SECONDS = 600
"""After which a file that was never finished goes."""


class FileCache:
    """For any thread, and for several processes with one folder. Everything blocks, for as long as the disk does.

    Raises nothing: what can't be read isn't there, and what can't be written isn't kept.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._written = max_bytes
        """Since it was last looked how much there is; at first nobody has looked."""

    def get(self, key: str) -> bytes | None:
        """What was put there, if it is still."""
        path = self._path(key)
        try:
            content = path.read_bytes()
            if time.time() - path.stat().st_mtime > _TOUCHED_SECONDS:
                os.utime(path)
        except OSError:
            return None
        # What was written just before the power went may have a name and no content.
        return content or None

    def put(self, key: str, content: bytes) -> None:
        """Keep it, whole or not at all; at the expense of others."""
        path = self._path(key)
        partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                partial.write_bytes(content)
                partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)
        except OSError:
            return
        with self._lock:
            self._written += len(content)
            # Others write too: now and then one has to look.
            if self._written * 20 < self._max_bytes:
                return
            self._written = 0
        self._clear_up()

    def _clear_up(self) -> None:
        files: list[tuple[float, int, Path]] = []
        with contextlib.suppress(OSError):
            for path in self._folder.glob("*/*"):
                with contextlib.suppress(OSError):
                    stat = path.stat()
                    if path.name.startswith(".") and time.time() - stat.st_mtime > _ABANDONED_SECONDS:
                        path.unlink()
                    else:
                        files.append((stat.st_mtime, stat.st_size, path))
        total = sum(size for _, size, _ in files)
        if total <= self._max_bytes:
            return
        for _, size, path in sorted(files):
            if total <= self._max_bytes * _LEFT_SHARE:
                return
            with contextlib.suppress(OSError):
                path.unlink()
                total -= size

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            msg = "keys are digits and small letters, 8 to 64 of them"
            raise ValueError(msg)
        return self._folder / key[:2] / key
