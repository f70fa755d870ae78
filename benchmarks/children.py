"""What it costs everybody else that a process is started: an upload is looked into by one, an index made by one.

Before: asyncio's own, which is uvloop's in a server. That is forked with a copy of the service's tables of memory, and
the loop stands still meanwhile. After: `kit.child_process`, whose processes share the memory until the other program
runs, and are started by a thread. Both in a process as large as a small service, and as one with 43,000 products.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from benchmarks.processes import ROOT
from benchmarks.report import Promise, Report, Row
from garaza.kit.child_process import child_for

_SIZES_MIB = (50, 700)
_WAIT_MS = 2.0
_TICK_SECONDS = 0.001
_PAGE_BYTES = 4096
_PROGRAM = ("/bin/sh", "-c", "")


def run(*, quick: bool, place: Path) -> Report:
    """See the module."""
    del place
    rows, after = [], []
    for mib in _SIZES_MIB[:1] if quick else _SIZES_MIB:
        plain, own = (_lateness_ms(way, mib, 5 if quick else 40) for way in WAYS)
        rows.append(Row(f"loop late, in a process of {mib} MiB", plain, own, "ms"))
        after.append(own)
    return Report(
        measured="processes started one after the other; the median of how late the loop was by each of them",
        rows=rows,
        promises=[Promise(f"{_WAIT_MS:.0f} ms at most, on Linux", max(after) <= _WAIT_MS)],
        notes=["How late: of a task that sleeps for a millisecond, again and again, the longest wait."],
    )


async def _plain() -> None:
    process = await asyncio.create_subprocess_exec(*_PROGRAM, stdin=subprocess.PIPE)
    await process.wait()


async def _own() -> None:
    async with child_for(_PROGRAM) as child:
        await child.wait()


WAYS: dict[str, Callable[[], Awaitable[None]]] = {"plain": _plain, "own": _own}


def _lateness_ms(way: str, mib: int, times: int) -> float:
    command = [sys.executable, "-m", "benchmarks.children", way, str(mib), str(times)]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return statistics.median(json.loads(said))


async def _measured(start: Callable[[], Awaitable[None]], times: int) -> list[float]:
    latest = 0.0

    async def tick() -> None:
        nonlocal latest
        while True:
            began = time.perf_counter()
            await asyncio.sleep(_TICK_SECONDS)
            latest = max(latest, time.perf_counter() - began - _TICK_SECONDS)

    ticking = asyncio.create_task(tick())
    found = []
    for _ in range(times):
        await asyncio.sleep(10 * _TICK_SECONDS)
        latest = 0.0
        await start()
        await asyncio.sleep(2 * _TICK_SECONDS)
        found.append(1000 * latest)
    ticking.cancel()
    return found


def main() -> None:
    """As the process that starts them: arguments are the way, MiB of memory, how many."""
    way, mib, times = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    ballast = bytearray(mib << 20)
    # Memory that nobody has written to has no tables.
    ballast[::_PAGE_BYTES] = b"\1" * len(ballast[::_PAGE_BYTES])
    found = uvloop.run(_measured(WAYS[way], times))
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
