"""How long work tells where it stands, and how it is told to stop.

Every stage of a reconstruction gets one `Monitor`. It reports progress, measures what each stage costs, and is
asked by every long loop (at least twice a second) whether the work is still wanted.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from garaza.reconstruction.memory import PeakMemory


class Stage(StrEnum):
    """The stages of a reconstruction, in order. The values are stable: clients see them."""

    FRAMES = "frames"
    CAMERAS = "cameras"
    DEPTH = "depth"
    FUSION = "fusion"
    MESH = "mesh"
    TEXTURE = "texture"
    EXPORT = "export"


# Share of the whole each stage takes, from measured runs at standard quality on two cores. Only the bar's smoothness
# hangs on these; an engine with another balance stays correct.
_SHARE: dict[Stage, float] = {
    Stage.FRAMES: 6,
    Stage.CAMERAS: 24,
    Stage.DEPTH: 48,
    Stage.FUSION: 6,
    Stage.MESH: 4,
    Stage.TEXTURE: 8,
    Stage.EXPORT: 4,
}
_DONE: dict[Stage, str] = {
    Stage.FRAMES: "the pictures were chosen",
    Stage.CAMERAS: "the camera's path was found",
    Stage.DEPTH: "the depth was measured",
    Stage.FUSION: "the depth maps were joined",
    Stage.MESH: "the surface was cleaned",
    Stage.TEXTURE: "the model was painted",
    Stage.EXPORT: "the files were written",
}
"""What a stage that is over has done."""
_MAX_LOG_LENGTH, _MAX_LOG_LINES = 300, 100
"""Characters of a line, and lines of a run; what is beyond is cut, or dropped."""


class Cancelled(Exception):
    """Raised from `Monitor.checkpoint` when the work is no longer wanted. Only `isolated` catches it."""


@dataclass(frozen=True, slots=True)
class Progress:
    """One report of where the work stands."""

    stage: Stage
    progress: float
    """Of the whole job, 0 to 100; never decreases."""
    message: str
    """For a person, without jargon."""
    current: int | None = None
    """Items (mostly frames) done in this stage, where it has items."""
    total: int | None = None


@dataclass(frozen=True, slots=True)
class StageCost:
    """What one stage took."""

    stage: Stage
    seconds: float
    """Wall clock."""
    cpu_seconds: float
    """User + system time of this process and of the children it has waited for."""
    peak_rss_bytes: int
    """Highest resident memory of the process, or of its largest child, within the stage. Where the system can't reset
    its high-water mark (macOS), since the start of the process."""


class Monitor:
    """Carries progress out of a reconstruction and cancellation into it.

    Args:
        on_progress: called from the thread that does the work, at each report; must be quick.
        cancelled: asked at each checkpoint; True means stop now.
        on_log: called like `on_progress`, with each line for the log.
    """

    def __init__(
        self,
        on_progress: Callable[[Progress], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
        on_log: Callable[[str], None] | None = None,
    ) -> None:
        self._on_progress = on_progress
        self._cancelled = cancelled
        self._on_log = on_log
        self._log_lines = 0
        self._continued_after: Stage | None = None
        self._stage = Stage.FRAMES
        self._highest = 0.0
        self._window = (0.0, 1.0)
        self.costs: list[StageCost] = []

    @contextmanager
    def stage(self, stage: Stage, message: str) -> Iterator[None]:
        """Everything done inside counts as `stage`; its cost is appended to `costs` at the end, also after an error."""
        self._stage = stage
        self.checkpoint()
        if self._continued_after is not None:
            text = f"Continuing after {_DONE[self._continued_after]}"
            self._continued_after = None
            self.report(0.0, text)
            self.log(text)
        self.report(0.0, message)
        memory = PeakMemory()
        wall, cpu = time.perf_counter(), _cpu_seconds()
        try:
            yield
        finally:
            self.costs.append(
                StageCost(stage, time.perf_counter() - wall, _cpu_seconds() - cpu, memory.peak_bytes()),
            )

    @contextmanager
    def part(self, begin: float, end: float) -> Iterator[None]:
        """What is reported inside as 0 to 1 counts as `begin` to `end` of the stage."""
        outer = self._window
        self._window = (begin, end)
        try:
            yield
        finally:
            self._window = outer

    def report(self, fraction: float, message: str, current: int | None = None, total: int | None = None) -> None:
        """Say that `fraction` (0 to 1) of the current stage, or of its current part, is done. Also a checkpoint."""
        self.checkpoint()
        stages = list(Stage)
        before = sum(_SHARE[s] for s in stages[: stages.index(self._stage)])
        begin, end = self._window
        percent = before + _SHARE[self._stage] * (begin + (end - begin) * min(max(fraction, 0.0), 1.0))
        self._highest = max(self._highest, percent)
        if self._on_progress is not None:
            self._on_progress(Progress(self._stage, round(self._highest, 2), message, current, total))

    def resume(self, after: Stage, costs: list[StageCost]) -> None:
        """`after` and the stages before it were done by an earlier run, at these costs. The next to begin says so."""
        self.costs[:] = costs
        self._continued_after = after

    def log(self, text: str) -> None:
        """Give out a line that says what came out, with figures: one short sentence, for a person."""
        if self._on_log is not None and self._log_lines < _MAX_LOG_LINES:
            self._log_lines += 1
            self._on_log(" ".join(text.split())[:_MAX_LOG_LENGTH])

    def checkpoint(self) -> None:
        """Raise `Cancelled` if the work is no longer wanted. Cheap: call it in every loop that may last."""
        if self._cancelled is not None and self._cancelled():
            raise Cancelled


def _cpu_seconds() -> float:
    total = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        total += usage.ru_utime + usage.ru_stime
    return total
