"""Progress never runs backwards, costs are kept, and a wish to stop is heard."""

from __future__ import annotations

import pytest

from garaza.reconstruction.progress import Cancelled, Monitor, Progress, Stage, StageCost


def test_progress_rises_from_0_to_100_over_all_stages() -> None:
    seen: list[Progress] = []
    monitor = Monitor(seen.append)
    for stage in Stage:
        with monitor.stage(stage, stage.value):
            monitor.report(0.5, "half", current=1, total=2)
            monitor.report(1.0, "done", current=2, total=2)
    values = [report.progress for report in seen]
    assert values == sorted(values)
    assert values[0] == 0
    assert values[-1] == pytest.approx(100)


def test_progress_does_not_fall_when_a_stage_starts_again() -> None:
    seen: list[Progress] = []
    monitor = Monitor(seen.append)
    with monitor.stage(Stage.CAMERAS, "first try"):
        monitor.report(0.9, "almost")
    with monitor.stage(Stage.CAMERAS, "second try"):
        monitor.report(0.1, "again")
    assert seen[-1].progress == seen[-3].progress


def test_each_stage_is_billed_even_when_it_fails() -> None:
    monitor = Monitor()
    with monitor.stage(Stage.FRAMES, "reading"):
        block = bytearray(64 << 20)
        block[::4096] = b"x" * len(block[::4096])
    with pytest.raises(RuntimeError), monitor.stage(Stage.CAMERAS, "failing"):
        raise RuntimeError
    assert [cost.stage for cost in monitor.costs] == [Stage.FRAMES, Stage.CAMERAS]
    assert monitor.costs[0].peak_rss_bytes > 64 << 20
    assert monitor.costs[0].cpu_seconds > 0


def test_a_wish_to_stop_is_heard_at_the_next_report() -> None:
    wanted = True
    monitor = Monitor(cancelled=lambda: not wanted)
    with pytest.raises(Cancelled), monitor.stage(Stage.DEPTH, "measuring"):
        monitor.report(0.1, "still wanted")
        wanted = False
        monitor.report(0.2, "no longer")


def test_what_an_earlier_run_did_counts_as_done_and_is_told_once() -> None:
    seen: list[Progress] = []
    lines: list[str] = []
    costs = [StageCost(Stage.FRAMES, 3.0, 4.0, 5), StageCost(Stage.CAMERAS, 6.0, 7.0, 8)]
    monitor = Monitor(seen.append, on_log=lines.append)
    monitor.resume(Stage.FRAMES, costs[:1])
    monitor.resume(Stage.CAMERAS, costs)
    for stage in (Stage.DEPTH, Stage.FUSION):
        with monitor.stage(stage, stage.value):
            monitor.report(1.0, "done")
    whole: list[Progress] = []
    before = Monitor(whole.append)
    for stage in (Stage.FRAMES, Stage.CAMERAS):
        with before.stage(stage, stage.value):
            before.report(1.0, "done")
    assert [report.message for report in seen][1:] == ["depth", "done", "fusion", "done"]
    assert seen[0].message == lines[0] == "Continuing after the camera's path was found"
    assert (seen[0].stage, seen[0].progress) == (Stage.DEPTH, whole[-1].progress)
    assert len(lines) == 1
    assert monitor.costs[:2] == costs
    assert [cost.stage for cost in monitor.costs] == list(Stage)[:4]


def test_the_log_is_bounded_and_each_line_is_one() -> None:
    lines: list[str] = []
    monitor = Monitor(on_log=lines.append)
    monitor.log("two\nlines,\ttwo  spaces")
    for _ in range(1000):
        monitor.log("x" * 1000)
    assert lines[0] == "two lines, two spaces"
    assert {len(line) for line in lines[1:]} == {300}
    assert len(lines) == 100
    Monitor().log("nobody listens")
