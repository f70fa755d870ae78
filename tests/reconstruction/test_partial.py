"""A result's folder is there whole or not at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from garaza.reconstruction.partial import check_place, complete_or_nothing
from garaza.reconstruction.result import RESULT_FILE


def write_result(folder: Path, text: str) -> None:
    (folder / RESULT_FILE).write_text(text, encoding="utf-8")


def dead_pid() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
        return process.pid


def test_the_folder_appears_when_it_is_complete(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    with complete_or_nothing(out) as partial:
        write_result(partial, "new")
        assert not out.exists()
    assert (out / RESULT_FILE).read_text() == "new"
    assert list(out.parent.iterdir()) == [out]


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), complete_or_nothing(tmp_path / "out") as partial:
        write_result(partial, "half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_earlier_result(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    write_result(out, "old")
    with pytest.raises(RuntimeError), complete_or_nothing(out) as partial:
        write_result(partial, "half")
        raise RuntimeError
    assert (out / RESULT_FILE).read_text() == "old"
    assert list(tmp_path.iterdir()) == [out]


def test_an_earlier_result_is_replaced(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    write_result(out, json.dumps({"files": [{"path": "depth/only-in-old"}]}))
    (out / "depth").mkdir()
    (out / "depth" / "only-in-old").touch()
    (out / ".DS_Store").touch()
    with complete_or_nothing(out) as partial:
        write_result(partial, "new")
    assert [path.name for path in out.iterdir()] == [RESULT_FILE]
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("old", ["old", "{}", '{"files": [{"path": "model.glb"}]}'])
def test_what_somebody_put_beside_an_earlier_result_is_not_lost(tmp_path: Path, old: str) -> None:
    out = tmp_path / "out"
    (out / "notes").mkdir(parents=True)
    write_result(out, old)
    (out / "notes" / "precious").touch()
    with pytest.raises(FileExistsError, match="notes/precious"), complete_or_nothing(out):
        pytest.fail("must not get this far")
    assert (out / "notes" / "precious").exists()


@pytest.mark.parametrize("kind", ["file", "folder", "broken link"])
def test_what_is_not_ours_is_left_alone(tmp_path: Path, kind: str) -> None:
    out = tmp_path / "out"
    if kind == "file":
        out.write_text("precious")
    elif kind == "folder":
        out.mkdir()
        (out / "precious").touch()
    else:
        out.symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileExistsError), complete_or_nothing(out):
        pytest.fail("must not get this far")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    stale = tmp_path / f".out.{dead_pid()}.partial"
    stale.mkdir()
    write_result(stale, "half")
    with complete_or_nothing(tmp_path / "out") as partial:
        write_result(partial, "new")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_process_number_that_comes_again_is_no_obstacle(tmp_path: Path) -> None:
    """As in a container that was killed and started anew."""
    stale = tmp_path / f".out.{os.getpid()}.partial"
    stale.mkdir()
    write_result(stale, "half")
    check_place(tmp_path / "out")
    with complete_or_nothing(tmp_path / "out") as partial:
        assert list(partial.iterdir()) == []
        write_result(partial, "new")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_result_set_aside_by_a_killed_process_comes_back(tmp_path: Path) -> None:
    aside = tmp_path / f".out.{dead_pid()}.old"
    aside.mkdir()
    write_result(aside, "old")
    with pytest.raises(RuntimeError), complete_or_nothing(tmp_path / "out"):
        raise RuntimeError
    assert (tmp_path / "out" / RESULT_FILE).read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
