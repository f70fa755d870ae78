"""How much memory a stretch of work took at its highest, as the operating system counts it."""

from __future__ import annotations

import resource
import sys
from pathlib import Path


class PeakMemory:
    """Measures from its creation on. One at a time: the high-water mark belongs to the whole process."""

    def __init__(self) -> None:
        self._children_before = _children_peak_bytes()
        try:
            # Linux: 5 resets the high-water mark of resident memory (VmHWM).
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        except OSError:
            self._resettable = False
        else:
            self._resettable = True

    def peak_bytes(self) -> int:
        """Highest resident memory of this process, or of a child that ended since, whichever is larger."""
        own = _high_water_mark_bytes() if self._resettable else _maxrss_bytes(resource.RUSAGE_SELF)
        children = _children_peak_bytes()
        # The children's mark is of all that ever ended: only when it rose was it set within this stretch.
        return max(own, children) if children > self._children_before else own


def _high_water_mark_bytes() -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return _maxrss_bytes(resource.RUSAGE_SELF)


def _children_peak_bytes() -> int:
    return _maxrss_bytes(resource.RUSAGE_CHILDREN)


def _maxrss_bytes(who: int) -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(who).ru_maxrss * unit
