"""A checkpoint is used only if it is whole and belongs to this very run; nothing about it makes a run fail."""

from __future__ import annotations

import dataclasses
import os
import resource
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from numpy.typing import NDArray

import garaza
from garaza.reconstruction.cameras.scale import KnownLength
from garaza.reconstruction.checkpoints import Checkpoints, folder, open_checkpoints
from garaza.reconstruction.options import Options
from garaza.reconstruction.progress import Monitor, Progress, Stage
from garaza.reconstruction.quality import Quality

OPTIONS = Options(Quality.DRAFT, known_length=KnownLength("ceiling", 2.5))


@dataclass(frozen=True, slots=True)
class Value:
    """What stages make here."""

    numbers: NDArray[np.float32]
    text: str = "text"


def value(seed: int, count: int = 40) -> Value:
    return Value(np.random.default_rng(seed).normal(size=count).astype(np.float32))


class Run:
    """One attempt, and what it says."""

    def __init__(self, place: Path, source: Path, options: Options = OPTIONS) -> None:
        self.reports: list[Progress] = []
        self.lines: list[str] = []
        self.monitor = Monitor(self.reports.append, on_log=self.lines.append)
        self.checkpoints: Checkpoints = open_checkpoints(place, source, options, self.monitor)
        self.worked: list[Stage] = []

    def once(self, stage: Stage, made: Value) -> Value:
        """The stage's value: kept, or else `made`."""

        def work() -> Value:
            self.worked.append(stage)
            return made

        return self.checkpoints.once(stage, Value, stage.value, work)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "room.mp4"
    path.write_bytes(b"a video" * 1000)
    return path


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "not" / "yet" / "there"


NewRun = Callable[..., Run]


@pytest.fixture
def new_run(place: Path, source: Path) -> NewRun:
    def make(options: Options = OPTIONS) -> Run:
        return Run(place, source, options)

    return make


def assert_same(found: Value, expected: Value) -> None:
    assert np.array_equal(found.numbers, expected.numbers)
    assert found.text == expected.text


def test_finished_stages_are_not_done_again(new_run: NewRun, place: Path) -> None:
    first, second = new_run(), new_run()
    first.once(Stage.FRAMES, value(1))
    first.once(Stage.CAMERAS, value(2))
    assert first.lines == []
    assert_same(second.once(Stage.FRAMES, value(8)), value(1))
    assert_same(second.once(Stage.CAMERAS, value(9)), value(2))
    assert_same(second.once(Stage.DEPTH, value(3)), value(3))
    assert second.worked == [Stage.DEPTH]
    assert second.monitor.costs[:2] == first.monitor.costs
    assert [report.message for report in second.reports] == ["Continuing after the camera's path was found", "depth"]
    assert sorted(path.name for path in place.iterdir()) == ["cameras.npz", "depth.npz", "frames.npz"]


def test_without_a_folder_nothing_is_kept(source: Path) -> None:
    for _ in range(2):
        monitor = Monitor()
        checkpoints = open_checkpoints(None, source, OPTIONS, monitor)
        assert_same(checkpoints.once(Stage.FRAMES, Value, "reading", lambda: value(1)), value(1))
        assert [cost.stage for cost in monitor.costs] == [Stage.FRAMES]
    assert list(source.parent.iterdir()) == [source]


def test_a_stage_that_fails_leaves_nothing(new_run: NewRun, place: Path) -> None:
    def fail() -> Value:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        new_run().checkpoints.once(Stage.FRAMES, Value, "reading", fail)
    assert list(place.iterdir()) == []


@pytest.mark.parametrize(
    "options",
    [
        dataclasses.replace(OPTIONS, quality=Quality.HIGH),
        dataclasses.replace(OPTIONS, max_frames=36),
        dataclasses.replace(OPTIONS, engine="other"),
        dataclasses.replace(OPTIONS, known_length=None),
        dataclasses.replace(OPTIONS, known_length=KnownLength("ceiling", 2.6)),
    ],
)
def test_other_options_start_from_zero(new_run: NewRun, place: Path, options: Options) -> None:
    new_run().once(Stage.FRAMES, value(1))
    other = new_run(options)
    assert_same(other.once(Stage.FRAMES, value(2)), value(2))
    assert other.worked == [Stage.FRAMES]
    assert_same(new_run(options).once(Stage.FRAMES, value(3)), value(2))


def test_another_video_starts_from_zero(new_run: NewRun, source: Path) -> None:
    new_run().once(Stage.FRAMES, value(1))
    before = source.stat()
    source.write_bytes(source.read_bytes()[:-1] + b"x")
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert_same(new_run().once(Stage.FRAMES, value(2)), value(2))


def test_the_same_video_fetched_again_goes_on(new_run: NewRun, place: Path, source: Path, tmp_path: Path) -> None:
    new_run().once(Stage.FRAMES, value(1))
    other = tmp_path / "elsewhere"
    other.write_bytes(source.read_bytes())
    os.utime(other, (1, 1))
    assert Run(place, other).once(Stage.FRAMES, value(2)).numbers[0] == value(1).numbers[0]


def test_other_photos_start_from_zero(place: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "1.jpg").write_bytes(b"one")
    (photos / "2.jpg").write_bytes(b"two")
    Run(place, photos).once(Stage.FRAMES, value(1))
    assert_same(Run(place, photos).once(Stage.FRAMES, value(2)), value(1))
    (photos / "1.jpg").rename(photos / "3.jpg")
    assert_same(Run(place, photos).once(Stage.FRAMES, value(2)), value(2))


def test_another_version_starts_from_zero(new_run: NewRun, monkeypatch: pytest.MonkeyPatch) -> None:
    new_run().once(Stage.FRAMES, value(1))
    monkeypatch.setattr(garaza, "__version__", "0.0.0")
    assert_same(new_run().once(Stage.FRAMES, value(2)), value(2))


def test_a_stage_is_continued_only_on_what_it_was_made_from(new_run: NewRun, place: Path) -> None:
    first = new_run()
    first.once(Stage.FRAMES, value(1))
    first.once(Stage.CAMERAS, value(2))
    (place / "frames.npz").unlink()
    second = new_run()
    assert_same(second.once(Stage.FRAMES, value(3)), value(3))
    assert_same(second.once(Stage.CAMERAS, value(4)), value(4))
    assert second.worked == [Stage.FRAMES, Stage.CAMERAS]


def test_a_late_attempt_that_writes_too_does_no_harm(new_run: NewRun) -> None:
    late, current = new_run(), new_run()
    late.once(Stage.FRAMES, value(1))
    # The other one has looked before, and found nothing.
    with current.monitor.stage(Stage.FRAMES, "reading"):
        pass
    current.checkpoints.save(Stage.FRAMES, value(2))
    late.once(Stage.CAMERAS, value(3))
    third = new_run()
    assert_same(third.once(Stage.FRAMES, value(4)), value(2))
    assert_same(third.once(Stage.CAMERAS, value(5)), value(5))


def test_a_complete_one_replaces_those_before_it(new_run: NewRun, place: Path) -> None:
    first = new_run()
    first.once(Stage.FRAMES, value(1))
    first.once(Stage.CAMERAS, value(2))
    with first.monitor.stage(Stage.DEPTH, "measuring"):
        pass
    first.checkpoints.save(Stage.DEPTH, value(3), complete=True)
    assert [path.name for path in place.iterdir()] == ["depth.npz"]
    first.once(Stage.FUSION, value(4))
    second = new_run()
    found = second.checkpoints.load(Stage.DEPTH, Value)
    assert found is not None
    assert_same(found, value(3))
    assert_same(second.once(Stage.FUSION, value(5)), value(4))
    assert [cost.stage for cost in second.monitor.costs] == list(Stage)[:4]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_what_a_power_cut_has_truncated_is_ignored(new_run: NewRun, place: Path, share: float) -> None:
    new_run().once(Stage.FRAMES, value(1, 10_000))
    path = place / "frames.npz"
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    run = new_run()
    assert run.checkpoints.load(Stage.FRAMES, Value) is None
    assert not path.exists()
    assert_same(run.once(Stage.FRAMES, value(2)), value(2))


@pytest.mark.parametrize("begin", [0, 4096, 20_000])
def test_what_a_power_cut_has_left_empty_is_ignored(new_run: NewRun, place: Path, begin: int) -> None:
    """A block that was never written, inside a file that has its whole length."""
    new_run().once(Stage.FRAMES, value(1, 10_000))
    path = place / "frames.npz"
    content = path.read_bytes()
    path.write_bytes(content[:begin] + bytes(4096) + content[begin + 4096 :])
    assert new_run().checkpoints.load(Stage.FRAMES, Value) is None


def test_no_wrong_byte_is_believed(new_run: NewRun, place: Path) -> None:
    new_run().once(Stage.FRAMES, value(1))
    path = place / "frames.npz"
    content = path.read_bytes()
    refused = 0
    run = new_run()
    for at in range(len(content)):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :])
        run.checkpoints = Checkpoints(place, run.checkpoints._key, run.monitor)
        found = run.checkpoints.load(Stage.FRAMES, Value)
        if found is None:
            refused += 1
        else:
            # Archives have dates and attributes, which mean nothing here.
            assert_same(found, value(1))
    assert refused > 0.8 * len(content)


def test_nothing_is_unpickled(new_run: NewRun, place: Path) -> None:
    new_run().once(Stage.FRAMES, value(1))
    path = place / "frames.npz"
    with np.load(path) as saved:
        arrays = dict(saved)
    (name,) = (name for name in arrays if name.endswith("numbers"))
    arrays[name] = np.array([Bomb()], dtype=object)
    np.savez(path, **arrays)
    assert new_run().checkpoints.load(Stage.FRAMES, Value) is None
    assert not Bomb.went_off


class Bomb:
    went_off = False

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return _go_off, ()


def _go_off() -> None:
    Bomb.went_off = True


def test_a_kill_while_writing_leaves_no_checkpoint(
    new_run: NewRun, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """Nothing of ours runs after a kill."""

    def write_half(file: BinaryIO, **_: object) -> None:
        file.write(b"PK")
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(folder.np, "savez", write_half)
        with pytest.raises(Killed):
            new_run().once(Stage.FRAMES, value(1))
    (half,) = place.iterdir()
    assert half.suffix == ".partial"
    run = new_run()
    assert list(place.iterdir()) == []
    assert_same(run.once(Stage.FRAMES, value(2)), value(2))


def test_a_full_disk_costs_the_checkpoint_and_not_the_run(new_run: NewRun, place: Path) -> None:
    run = new_run()
    run.once(Stage.FRAMES, value(1))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        assert_same(run.once(Stage.CAMERAS, value(2, 1 << 20)), value(2, 1 << 20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    run.once(Stage.DEPTH, value(3))
    assert [path.name for path in place.iterdir()] == ["frames.npz"]
    assert run.lines == ["What is done from here on can't be kept in case of an interruption: File too large"]
    assert_same(new_run().once(Stage.FRAMES, value(4)), value(1))


def test_room_is_left_for_the_result(new_run: NewRun, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "_KEPT_FREE_BYTES", 1 << 62)
    run = new_run()
    assert_same(run.once(Stage.FRAMES, value(1)), value(1))
    assert list(place.iterdir()) == []
    assert run.lines == ["What is done from here on can't be kept in case of an interruption: No space left on device"]


def test_a_folder_that_was_removed_is_not_made_again(new_run: NewRun, place: Path) -> None:
    run = new_run()
    place.rmdir()
    assert_same(run.once(Stage.FRAMES, value(1)), value(1))
    assert not place.exists()
    assert len(run.lines) == 1
    assert str(place) not in run.lines[0]


def test_a_folder_that_can_t_be_made_keeps_nothing(source: Path) -> None:
    run = Run(source / "inside a file", source)
    assert_same(run.once(Stage.FRAMES, value(1)), value(1))
    assert len(run.lines) == 1


def test_a_source_that_isn_t_there_is_the_stage_s_business(place: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for source in (tmp_path / "nothing", tmp_path / "pipe"):
        run = Run(place, source)
        assert_same(run.once(Stage.FRAMES, value(1)), value(1))
    assert list(place.iterdir()) == []
