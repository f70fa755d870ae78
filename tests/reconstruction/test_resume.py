"""A reconstruction that was stopped or killed goes on from its last finished stage, and ends in the same model.

Cameras don't come out the same twice, to the last bit; from there on everything does. So what a resumed run makes of
the cameras that another one left must be what that one made of them itself, byte for byte.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from garaza.reconstruction.failures import EngineCrashed
from garaza.reconstruction.isolated import reconstruct_isolated
from garaza.reconstruction.options import Options
from garaza.reconstruction.pipeline import reconstruct
from garaza.reconstruction.progress import Cancelled, Monitor, Progress, Stage
from garaza.reconstruction.quality import Quality
from garaza.reconstruction.result import RESULT_FILE, Result
from tests.conftest import ROOT

OPTIONS = Options(Quality.DRAFT, max_frames=10)
CLIP_SECONDS = 4
STAGES = list(Stage)


@dataclass(frozen=True)
class Whole:
    """A run from the beginning to the end, and what it had kept when each stage began."""

    clip: Path
    out: Path
    result: Result
    lines: list[str]
    progress: dict[Stage, float]
    """With which each stage began."""
    kept: Path
    """A folder of checkpoints for each stage, by its name."""
    left: Path
    """Those that were there at the end."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    folder = tmp_path_factory.mktemp("whole")
    clip = beginning(ROOT / "samples" / "living-room.mp4", folder / "clip.mp4")
    progress: dict[Stage, float] = {}
    lines: list[str] = []

    def on_progress(report: Progress) -> None:
        if report.stage not in progress:
            progress[report.stage] = report.progress
            shutil.copytree(folder / "checkpoints", folder / "kept" / report.stage)

    monitor = Monitor(on_progress, on_log=lines.append)
    result = reconstruct(clip, folder / "out", OPTIONS, monitor, folder / "checkpoints")
    return Whole(clip, folder / "out", result, lines, progress, folder / "kept", folder / "checkpoints")


def beginning(source: Path, target: Path) -> Path:
    """The first seconds of a video, without encoding it again."""
    with av.open(str(source)) as whole, av.open(str(target), "w") as part:
        stream = part.add_stream_from_template(whole.streams.video[0])
        for packet in whole.demux(whole.streams.video[0]):
            if packet.dts is not None and packet.dts * packet.time_base < CLIP_SECONDS:
                packet.stream = stream
                part.mux(packet)
    return target


def kept_before(whole: Whole, stage: Stage, place: Path) -> Path:
    """The checkpoints that a run has left that was stopped as `stage` began."""
    return Path(shutil.copytree(whole.kept / stage, place / "checkpoints"))


class OneStage:
    """A monitor that stops the run as soon as a second stage begins."""

    def __init__(self) -> None:
        self.reports: list[Progress] = []
        self.lines: list[str] = []
        self.monitor = Monitor(self.reports.append, lambda: len(self.stages()) > 1, self.lines.append)

    def stages(self) -> list[Stage]:
        return list(dict.fromkeys(report.stage for report in self.reports))


# At the later two stages: see `test_a_killed_run_ends_in_the_same_model`.
@pytest.mark.parametrize("stage", [Stage.CAMERAS, Stage.DEPTH, Stage.FUSION, Stage.MESH])
def test_a_stopped_run_goes_on_where_it_was(whole: Whole, tmp_path: Path, stage: Stage) -> None:
    checkpoints = kept_before(whole, stage, tmp_path)
    number = STAGES.index(stage)
    run = OneStage()
    with pytest.raises(Cancelled):
        reconstruct(whole.clip, tmp_path / "out", OPTIONS, run.monitor, checkpoints)
    assert run.stages() == STAGES[number : number + 2], "what was finished before isn't done again"
    assert run.reports[0].message.startswith("Continuing after ")
    assert run.lines[0] == run.reports[0].message
    assert run.reports[0].progress == whole.progress[stage]
    assert run.monitor.costs[:number] == whole.result.stages[:number]
    assert list(tmp_path.iterdir()) == [checkpoints]
    if stage != Stage.CAMERAS:
        assert_same_checkpoint(checkpoints / f"{stage}.npz", whole.left / f"{stage}.npz")


def assert_same_checkpoint(found: Path, expected: Path) -> None:
    """All arrays of the values are equal."""
    ours, theirs = arrays_of(found), arrays_of(expected)
    assert list(ours) == list(theirs)
    assert len(ours) > 0
    for name in ours:
        assert np.array_equal(ours[name], theirs[name]), name


def arrays_of(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    with np.load(path) as saved:
        return {name: saved[name] for name in saved if name.startswith("value.")}


def test_only_what_is_needed_is_kept(whole: Whole) -> None:
    assert {stage: sorted(path.stem for path in (whole.kept / stage).iterdir()) for stage in STAGES} == {
        Stage.FRAMES: [],
        Stage.CAMERAS: ["frames"],
        Stage.DEPTH: ["cameras", "frames"],
        Stage.FUSION: ["depth"],
        Stage.MESH: ["depth", "fusion"],
        Stage.TEXTURE: ["depth", "fusion", "mesh"],
        Stage.EXPORT: ["depth", "fusion", "mesh", "texture"],
    }


def killed_while_writing(
    source: Path, out: Path, options: Options, monitor: Monitor, checkpoints: Path | None
) -> Result:
    """In the place of `pipeline.reconstruct`, in its process: that, until kill -9 in the middle of the last stage."""

    def kill(report: Progress) -> None:
        if report.stage == Stage.EXPORT and report.message == "Writing depth":
            os.kill(os.getpid(), signal.SIGKILL)

    return reconstruct(source, out, options, Monitor(kill, on_log=monitor.log), checkpoints)


def test_a_killed_run_ends_in_the_same_model(whole: Whole, tmp_path: Path) -> None:
    checkpoints, out = kept_before(whole, Stage.TEXTURE, tmp_path), tmp_path / "out"
    lines: list[str] = []
    with pytest.raises(EngineCrashed) as caught:
        reconstruct_isolated(
            whole.clip, out, OPTIONS, work=killed_while_writing, checkpoints=checkpoints, on_log=lines.append
        )
    assert caught.value.details == {"exit_code": -signal.SIGKILL}
    assert not out.exists()
    assert lines == ["Continuing after the surface was cleaned", whole.lines[-2]]
    seen: list[Progress] = []
    result = reconstruct_isolated(whole.clip, out, OPTIONS, seen.append, checkpoints=checkpoints, on_log=lines.append)
    assert {report.stage for report in seen} == {Stage.EXPORT}
    assert lines[2:] == ["Continuing after the model was painted", whole.lines[-1]]
    assert [cost.stage for cost in result.stages] == STAGES
    assert result.stages[:5] == whole.result.stages[:5], "costs of when it was really done"
    assert contents(out) == contents(whole.out)


def contents(folder: Path) -> dict[str, bytes]:
    """All but the two files that say how long everything took."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in {RESULT_FILE, "report.html"}]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_the_log_tells_what_came_out(whole: Whole) -> None:
    patterns = [
        r"10 of \d+ pictures chosen",
        r"\d+ of 10 pictures joined",
        r"Depth known for \d\d% of the pixels",
        r"Surface of [\d,]+ faces, with a floor",
        r"Model has [\d,]+ faces",
        r"Model painted with \d+ × \d+ pixels",
        r"\d+ files of [\d.]+ MB written",
    ]
    lines = [line for line in whole.lines if "fainter" not in line]
    assert len(lines) == len(patterns)
    for line, pattern in zip(lines, patterns, strict=True):
        assert re.fullmatch(pattern, line), line
