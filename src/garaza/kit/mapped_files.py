"""Files that are mapped into memory, and what of them counts as this process's."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator
from pathlib import Path

_DONTNEED = 4
"""MADV_DONTNEED of Linux."""


def let_go_of(folder: Path) -> None:
    """What is mapped of the files below a folder, and was read ahead, is no longer this process's memory.

    It stays in the system's cache of files, and what is touched comes back from there. For libraries that read all of
    a file when they open it. Where there is no Linux, nothing is done.
    """
    with contextlib.suppress(OSError, AttributeError):
        advise = ctypes.CDLL(None, use_errno=True).madvise
        advise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        for start, end in _shared_ranges(folder):
            # What it refuses (locked memory) stays as it is.
            advise(start, end - start, _DONTNEED)


def _shared_ranges(folder: Path) -> Iterator[tuple[int, int]]:
    """Of files that are mapped as they are: of a private mapping, what was changed would be lost."""
    prefix = f"{folder.resolve()}/"
    for line in Path("/proc/self/maps").read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        # Addresses, what is allowed, three numbers, the path.
        fields = line.split(maxsplit=5)
        if len(fields) == 6 and fields[1].endswith("s") and fields[5].startswith(prefix):
            start, _, end = fields[0].partition("-")
            yield int(start, 16), int(end, 16)
