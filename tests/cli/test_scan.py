"""`garaza scan` with what can't become a model, and when it is stopped: a sentence, an exit code, and nothing left."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.command import PATIENCE_SECONDS, refused, run, started
from tests.service import clips

ROOM = Path(__file__).resolve().parents[2] / "samples" / "living-room.mp4"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder for what is filmed."""
    folder = tmp_path / "filmed"
    folder.mkdir()
    return folder


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """An empty folder, in which models are to be made."""
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# What can't become a model ---------------------------------------------------------------------------------------


def folder_of_texts(path: Path) -> None:
    path.mkdir()
    for name in ("notes.txt", "1.jpg", "2.jpg", "3.jpg"):
        (path / name).write_text("a photo it is not")


# macOS takes no names that aren't text.
NO_TEXT = "no text \udcff\udcfe.mp4" if sys.platform == "linux" else "no text.mp4"
# Each with a name that is only a name, whatever it says to shells, options and terminals.
BAD = {
    "empty": ("-o.mp4", lambda path: path.touch(), "not a video that can be read"),
    "text": ("new\nline.mp4", lambda path: path.write_text("once upon a time\n" * 99), "not a video that can be read"),
    "truncated": (
        "l" * 220 + ".mp4",
        lambda path: path.write_bytes(clips.video()[:2000]),
        "not a video that can be read",
    ),
    "sound": ("sala 🛋 [red]%s.mp4", lambda path: path.write_bytes(clips.sound_in_mp4()), "no picture, only sound"),
    "one frame": ("concat:a|b.mp4", lambda path: path.write_bytes(clips.video(frames=1)), "too short"),
    "huge": ("huge.avi", lambda path: path.write_bytes(clips.huge_picture()), "not a video that can be read"),
    "black": (NO_TEXT, lambda path: path.write_bytes(clips.still(light=0)), "too dark"),
    "still, called a text": ("still.txt", lambda path: path.write_bytes(clips.still()), "hardly moves"),
    "empty folder": ("nothing", lambda path: path.mkdir(), "not a video that can be read"),
    "folder of texts": (" texts ", folder_of_texts, "not a video that can be read"),
}


@pytest.mark.parametrize(("name", "make", "told"), BAD.values(), ids=BAD)
def test_it_says_what_is_wrong_and_what_to_do(
    name: str,
    make: Callable[[Path], object],
    told: str,
    source: Path,
    target: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make(source / name)
    monkeypatch.chdir(source)
    text = refused("scan", "-o", target / name, "--", name)
    # What happened, and what to do about it.
    assert re.search(rf"No model .*{told}[^.]*\. [A-Z].*\.", text), text
    assert names(target) == []


# What can't be asked for -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--max-frames", "3"], "--max-frames"),
        (["--quality", "perfect"], "'draft', 'standard', 'high'"),
        (["--known-length", "elephant:3"], 'write "ceiling:2.5"'),
        (["--known-length", "ceiling:nan"], "not a number"),
        (["--known-length", "camera:90"], "between"),
    ],
)
def test_bad_options_are_named(options: list[str], told: str, target: Path) -> None:
    assert told in refused("scan", ROOM, "-o", target / "room", *options, code=2)
    assert names(target) == []


def test_a_missing_video_is_named(source: Path, target: Path) -> None:
    assert "'gone.mp4' does not exist" in refused("scan", "gone.mp4", "-o", target / "room", code=2)
    assert names(target) == []


def test_an_unknown_engine_is_no_crash(target: Path) -> None:
    assert "is not installed here" in refused("scan", ROOM, "-o", target / "room", "--engine", "magic")
    assert names(target) == []


def test_files_of_others_are_left_alone(source: Path, target: Path) -> None:
    (target / "letter.txt").write_text("dear")
    (target / "result").mkdir()
    (target / "result" / "result.json").write_text("{}")
    (target / "result" / "video.mp4").write_text("the only copy")
    for out, told in (
        (target, "is not an earlier result"),
        (target / "letter.txt", "is not an earlier result"),
        (target / "letter.txt" / "room", "Not a directory"),
        (target / ("n" * 250), "File name too long"),
    ):
        assert told in refused("scan", ROOM, "-o", out, code=2)
    assert "would be lost" in refused("scan", target / "result" / "video.mp4", "-o", target / "result", code=2)
    assert names(target) == ["letter.txt", "result"]
    assert (target / "letter.txt").read_text() == "dear"
    assert (target / "result" / "video.mp4").read_text() == "the only copy"


# Ctrl-C ----------------------------------------------------------------------------------------------------------


def others_in_session(leader: int) -> list[int]:
    """Living processes that it has started, or that those have (Linux)."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != leader:
            try:
                state, _parent, _group, session = (folder / "stat").read_text().rsplit(")", 1)[1].split()[:4]
            except OSError:
                continue
            if int(session) == leader and state != "Z":
                found.append(int(folder.name))
    return found


def when_it_says(process: subprocess.Popen[str], words: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(f"it never said {words}")


def when_its_children_start(process: subprocess.Popen[str], words: str) -> None:
    """As soon as there is a second child beside Python's own helper: it has only begun to import."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(others_in_session(process.pid)) < 2:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.005)


def to_process(process: subprocess.Popen[str], number: int) -> None:
    process.send_signal(number)


def to_terminal(process: subprocess.Popen[str], number: int) -> None:
    """As a terminal does it: to all that runs in its foreground."""
    os.killpg(process.pid, number)


@pytest.mark.parametrize(
    ("wait", "words", "send", "number"),
    [
        (when_it_says, "frames:", to_process, signal.SIGTERM),
        # With COLMAP at work, in a process of its own.
        (when_it_says, "cameras:", to_terminal, signal.SIGINT),
        pytest.param(
            when_its_children_start,
            "",
            to_terminal,
            signal.SIGINT,
            marks=pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc"),
        ),
    ],
    ids=["while reading", "while matching", "while starting"],
)
def test_it_can_be_stopped_at_any_time(
    wait: Callable[[subprocess.Popen[str], str], None],
    words: str,
    send: Callable[[subprocess.Popen[str], int], None],
    number: int,
    target: Path,
) -> None:
    (target / "room").mkdir()
    (target / "room" / "result.json").write_text("an earlier one")
    with started("scan", ROOM, "-o", target / "room", "--quality", "draft", "--max-frames", "20") as process:
        wait(process, words)
        send(process, number)
        # Comes back only when nobody holds the pipes any more: no child is left.
        _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "Stopped. Nothing was written." in err
    assert names(target) == ["room"]
    assert names(target / "room") == ["result.json"]
    assert (target / "room" / "result.json").read_text() == "an earlier one"
    deadline = time.monotonic() + PATIENCE_SECONDS
    while Path("/proc/self/stat").exists() and others_in_session(process.pid):
        assert time.monotonic() < deadline, "a process was left behind"
        time.sleep(0.02)


# Help ------------------------------------------------------------------------------------------------------------


def test_no_argument_at_all_is_a_question() -> None:
    assert "Missing argument" in refused("scan", code=2)
    assert "No such command 'scna'" in refused("scna", code=2)
    assert "scan Turn a video" in " ".join(run().stdout.replace("│", " ").split())
