"""Stands in for the reconstruction, in the same process: does what a test says, and makes a result without files."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from garaza.reconstruction.cameras.scale import Scale
from garaza.reconstruction.options import Options
from garaza.reconstruction.progress import Cancelled, Progress, Stage
from garaza.reconstruction.result import RESULT_FILE, Result, describe_file
from garaza.reconstruction.source_info import SourceInfo
from tests.service.harness import PATIENCE_SECONDS

RESULT = Result(
    engine="none",
    quality="draft",
    source=SourceInfo("video", 320, 240, 1.0, 30.0, 30, "h264"),
    keyframes=0,
    frames=[],
    scale=Scale(metric=False, metres_per_unit=1.0, source="assumed_camera_height", uncertainty=0.15),
    floor_found=False,
    room=None,
    models=[],
    points=0,
    files=[],
    stages=[],
    warnings=[],
)


@dataclass
class Call:
    """One attempt, as the reconstruction sees it."""

    source: Path
    out: Path
    options: Options
    report: Callable[[Progress], None]
    cancelled: Callable[[], bool]
    checkpoints: Path
    log: Callable[[str], None]
    begun: threading.Event = field(default_factory=threading.Event)
    may_go_on: threading.Event = field(default_factory=threading.Event)

    def progress(self, stage: Stage, percent: float) -> None:
        self.report(Progress(stage, percent, f"In {stage.value}"))

    def wait(self) -> None:
        """Hold until the test lets go; stop where the worker says so."""
        self.begun.set()
        for _ in range(100 * PATIENCE_SECONDS):
            if self.cancelled():
                raise Cancelled
            if self.may_go_on.wait(0.01):
                return
        raise AssertionError("nobody let go")


class Double:
    """Called as `run_job.Reconstruct`. `act` is what each attempt does before it writes its result."""

    def __init__(self, act: Callable[[Call], None] = lambda _: None) -> None:
        self.act = act
        self.calls: list[Call] = []
        self.called = threading.Semaphore(0)

    def __call__(
        self,
        source: Path,
        out: Path,
        options: Options,
        on_progress: Callable[[Progress], None],
        cancelled: Callable[[], bool],
        *,
        checkpoints: Path,
        on_log: Callable[[str], None],
    ) -> Result:
        call = Call(source, out, options, on_progress, cancelled, checkpoints, on_log)
        self.calls.append(call)
        self.called.release()
        assert source.read_bytes(), "there is a video"
        checkpoints.mkdir(exist_ok=True)
        self.act(call)
        out.mkdir()
        (out / "model.glb").write_bytes(b"model")
        result = RESULT.with_files([describe_file(out, out / "model.glb")])
        (out / RESULT_FILE).write_text(result.to_json(), encoding="utf-8")
        return result
