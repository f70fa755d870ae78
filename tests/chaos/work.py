"""The real reconstruction, which also says in a file when it comes to which stage, so that it can be killed there.

A job that has a file named <job>.double beside that is done by the double instead, in no time.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from garaza.reconstruction.options import Options
from garaza.reconstruction.progress import Monitor, Progress

if TYPE_CHECKING:
    from garaza.reconstruction.result import Result

# What computes is imported where it is used: workers, who import this too, begin without.
# ruff: noqa: PLC0415

CONTROL, SIZE = "GARAZA_TEST_CONTROL", "GARAZA_TEST_CHAOS_SIZE"
END = "end"


def work(source: Path, out: Path, options: Options, monitor: Monitor, checkpoints: Path | None = None) -> Result:
    """As `pipeline.reconstruct`."""
    control = Path(os.environ[CONTROL])
    trace = control / f"{source.name}.trace"
    _note(trace, "")
    _trace(monitor, trace)
    if (control / f"{source.name}.double").exists():
        from tests.service import double

        result = double.work(source, out, options, monitor, checkpoints)
    else:
        from garaza.reconstruction.pipeline import reconstruct

        if os.environ.get(SIZE) != "full":
            _make_small()
        result = reconstruct(source, out, options, monitor, checkpoints)
    _note(trace, END)
    return result


def _make_small() -> None:
    """Everything is done, but with less of it: of a draft's 16 seconds of computing for the tiny clip, 3 remain."""
    from garaza.reconstruction.export import pictures, poster
    from garaza.reconstruction.quality import QUALITIES, Quality

    QUALITIES[Quality.DRAFT] = replace(
        QUALITIES[Quality.DRAFT],
        image_size=384,
        depth_size=128,
        depth_hypotheses=32,
        voxel_size=0.06,
        full_faces=3000,
        medium_faces=1500,
        preview_faces=800,
        texture_size=1024,
    )
    pictures.POSTER_SIZE, pictures._SIDE_SIZE, pictures._FRAME_WIDTH = (320, 200), (160, 100), 100
    poster._AZIMUTHS = 3


def _trace(monitor: Monitor, trace: Path) -> None:
    told = monitor._on_progress
    assert told is not None
    stage = ""

    def tell(progress: Progress) -> None:
        nonlocal stage
        if progress.stage.value != stage:
            stage = progress.stage.value
            _note(trace, stage)
        told(progress)

    monitor._on_progress = tell


def _note(trace: Path, stage: str) -> None:
    mark = {"stage": stage, "pid": os.getpid(), "worker": os.getppid(), "at": time.time()}
    # In one write, so that one who is killed has said it or not.
    with trace.open("a") as file:
        file.write(json.dumps(mark) + "\n")


@dataclass(frozen=True, slots=True)
class Mark:
    """An attempt at a job came to a stage: "" at its beginning, and `END`."""

    job_id: str
    stage: str
    pid: int
    worker: int
    at: float


def marks(control: Path, job_id: str) -> list[Mark]:
    """All of a job's, in their order."""
    trace = control / f"{job_id}.trace"
    lines = trace.read_text().splitlines() if trace.exists() else []
    return [Mark(job_id, **json.loads(line)) for line in lines]


def runs(control: Path, job_id: str) -> list[list[Mark]]:
    """The same, by attempt."""
    found: dict[int, list[Mark]] = {}
    for mark in marks(control, job_id):
        found.setdefault(mark.pid, []).append(mark)
    return list(found.values())
