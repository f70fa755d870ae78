"""What a process takes in memory, as Linux tells it. Needs nothing but Python: other interpreters run this, too."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

ROLLUP = Path("/proc/self/smaps_rollup")


def resident(others: Iterable[int] = ()) -> dict[str, int]:
    """Bytes of this process, and of others by their number: `rss`, all that is in memory; `pss`, of what is shared with
    others their part only; `own`, what lies in no file, so that the system can't take it back; `peak`, the most that
    `rss` ever was.
    """
    told = [_told(Path("/proc", str(process))) for process in ("self", *others)]
    return {name: sum(one[name] for one in told) for name in told[0]}


def _told(process: Path) -> dict[str, int]:
    found = _bytes(process / ROLLUP.name)
    peak = _bytes(process / "status")["VmHWM"]
    return {"rss": found["Rss"], "pss": found["Pss"], "own": found["Anonymous"], "peak": peak}


def _bytes(file: Path) -> dict[str, int]:
    lines = (line.split() for line in file.read_text(encoding="ascii", errors="replace").splitlines())
    return {words[0].rstrip(":"): 1024 * int(words[1]) for words in lines if words[-1] == "kB"}
