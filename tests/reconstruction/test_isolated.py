"""A reconstruction in a child process: what it says comes through, and it can be stopped whatever it does."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from garaza.reconstruction.failures import EngineCrashed, OnlyRotation
from garaza.reconstruction.isolated import Work, reconstruct_isolated
from garaza.reconstruction.pipeline import Options
from garaza.reconstruction.progress import Cancelled, Progress, Stage
from tests.service.harness import eventually, is_gone

MakeWork = Callable[[str], Work]


@pytest.fixture
def make_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeWork]:
    """Makes a function that a spawned child can import, from its body."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(body: str) -> Work:
        source = "import os, signal, subprocess, sys, time\nfrom garaza.reconstruction import failures\n"
        source += "from garaza.reconstruction.partial import complete_or_nothing\n"
        source += "from garaza.reconstruction.progress import Stage\n\n"
        source += "def work(source, out, options, monitor, checkpoints):\n"
        source += textwrap.indent(textwrap.dedent(body), "    ")
        (tmp_path / "isolated_work.py").write_text(source)
        return importlib.import_module("isolated_work").work

    yield make
    sys.modules.pop("isolated_work", None)


def test_progress_comes_through(make_work: MakeWork, tmp_path: Path) -> None:
    seen: list[Progress] = []
    work = make_work("""
        with monitor.stage(Stage.FRAMES, "reading"):
            monitor.report(0.5, "half", current=3, total=6)
        raise failures.OnlyRotation(angle=3.5)
    """)
    with pytest.raises(OnlyRotation) as caught:
        reconstruct_isolated(tmp_path, tmp_path / "out", Options(), seen.append, work=work)
    assert caught.value.details == {"angle": 3.5}
    assert [(report.stage, report.current) for report in seen] == [(Stage.FRAMES, None), (Stage.FRAMES, 3)]


def test_lines_for_the_log_come_through_in_order(make_work: MakeWork, tmp_path: Path) -> None:
    told: list[str] = []
    work = make_work("""
        with monitor.stage(Stage.FRAMES, "reading"):
            monitor.log("60 of 240 pictures chosen")
        monitor.log(f"kept in {checkpoints.name}")
        raise failures.OnlyRotation()
    """)
    with pytest.raises(OnlyRotation):
        reconstruct_isolated(
            tmp_path,
            tmp_path / "out",
            Options(),
            lambda report: told.append(report.message),
            work=work,
            checkpoints=tmp_path / "checkpoints",
            on_log=told.append,
        )
    assert told == ["reading", "60 of 240 pictures chosen", "kept in checkpoints"]


def test_a_crash_is_an_ordinary_error(make_work: MakeWork, tmp_path: Path) -> None:
    work = make_work("""
        with complete_or_nothing(out):
            os.kill(os.getpid(), signal.SIGSEGV)
    """)
    with pytest.raises(EngineCrashed) as caught:
        reconstruct_isolated(tmp_path, tmp_path / "out", Options(), work=work)
    assert caught.value.details == {"exit_code": -signal.SIGSEGV}
    assert not list(tmp_path.glob(".out.*"))


def test_work_that_never_asks_is_stopped_with_its_helpers(make_work: MakeWork, tmp_path: Path) -> None:
    work = make_work("""
        with complete_or_nothing(out) as partial:
            helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            (source / "pid").write_text(str(helper.pid))
            monitor.report(0.1, "started")
            time.sleep(600)
    """)
    started: list[float] = []
    with pytest.raises(Cancelled):
        reconstruct_isolated(
            tmp_path,
            tmp_path / "out",
            Options(),
            lambda _: started.append(time.monotonic()),
            lambda: bool(started),
            work=work,
        )
    # Killed it is at once; gone when somebody has taken note.
    helper = int((tmp_path / "pid").read_text())
    eventually(lambda: is_gone(helper), "the helper is gone")
    assert not list(tmp_path.glob(".out.*"))


def test_it_ends_with_its_parent(make_work: MakeWork, tmp_path: Path) -> None:
    make_work("""
        (source / "pid").write_text(str(os.getpid()))
        monitor.report(0.1, "started")
        time.sleep(600)
    """)
    script = textwrap.dedent(f"""
        import os, signal, sys
        from pathlib import Path
        sys.path.insert(0, {str(tmp_path)!r})
        from isolated_work import work
        from garaza.reconstruction.isolated import reconstruct_isolated
        from garaza.reconstruction.pipeline import Options
        if __name__ == "__main__":
            folder = Path({str(tmp_path)!r})
            die = lambda _: os.kill(os.getpid(), signal.SIGKILL)
            reconstruct_isolated(folder, folder / "out", Options(), die, work=work)
    """)
    (tmp_path / "parent.py").write_text(script)
    assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, str(tmp_path / "parent.py")]) == -signal.SIGKILL
    pid = int((tmp_path / "pid").read_text())
    end = time.monotonic() + 60
    while not is_gone(pid):
        assert time.monotonic() < end, "the child outlived its parent"
        time.sleep(0.05)
