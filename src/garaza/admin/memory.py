"""The memory of this process: what it takes, and giving back what it can."""

from __future__ import annotations

import gc
import os
import resource
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from garaza.kit.memory import trim

_PS_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Memory:
    """Of a process; None where this system doesn't say."""

    rss_bytes: int | None
    """Resident now."""
    peak_bytes: int | None
    """Resident at its highest."""


def memory_of(pid: int | None = None) -> Memory:
    """Of a process, or of this one. Blocks."""
    if Path("/proc/self/status").exists():
        return _from_proc("self" if pid is None else str(pid))
    peak = _own_peak() if pid is None else None
    return Memory(_from_ps(os.getpid() if pid is None else pid), peak)


def open_files() -> int | None:
    """How many files and sockets this process has open. Blocks."""
    for folder in ("/proc/self/fd", "/dev/fd"):
        try:
            return len(os.listdir(folder))  # noqa: PTH208 - names of descriptors, one of which is this listing's
        except OSError:
            continue
    return None


def thread_count() -> int:
    """Threads that Python knows of."""
    return threading.active_count()


def give_back() -> tuple[int, bool]:
    """Collect garbage, and have the allocator give free pages to the system. Blocks.

    Returns:
        How many objects were collected, and whether the allocator could be told (glibc).
    """
    return gc.collect(), trim()


def _from_proc(name: str) -> Memory:
    try:
        lines = Path(f"/proc/{name}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        # Ended meanwhile.
        return Memory(None, None)
    found = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.startswith(("VmRSS:", "VmHWM:"))}
    return Memory(found.get("VmRSS"), found.get("VmHWM"))


def _from_ps(pid: int) -> int | None:
    command = ["ps", "-o", "rss=", "-p", str(pid)]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=_PS_SECONDS, check=True)
        return int(answer.stdout) * 1024
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def _own_peak() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
