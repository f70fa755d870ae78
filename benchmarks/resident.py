"""What a process takes in memory, as Linux tells it. Needs nothing but Python: other interpreters run this, too."""

from __future__ import annotations

from pathlib import Path

ROLLUP = Path("/proc/self/smaps_rollup")


def resident() -> dict[str, int]:
    """Bytes of this process: `rss`, all that is in memory; `pss`, of what it shares with others its part only; `own`,
    what lies in no file, so that the system can't take it back; `peak`, the most that `rss` ever was.
    """
    found = _bytes(ROLLUP)
    peak = _bytes(Path("/proc/self/status"))["VmHWM"]
    return {"rss": found["Rss"], "pss": found["Pss"], "own": found["Anonymous"], "peak": peak}


def _bytes(file: Path) -> dict[str, int]:
    lines = (line.split() for line in file.read_text(encoding="ascii", errors="replace").splitlines())
    return {words[0].rstrip(":"): 1024 * int(words[1]) for words in lines if words[-1] == "kB"}
