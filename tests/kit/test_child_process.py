"""A process that works for another one ends with it, even while it can't listen."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from garaza.kit import child_process
from garaza.kit.child_process import child_for, end_child, start_child
from garaza.kit.waiting import ended
from tests.disk_touches import DiskTouches

# Matching this holds the interpreter's lock for longer than anybody lives.
_CHILD = """
import re
from garaza.kit.child_process import end_with_parent
end_with_parent()
print("busy", flush=True)
re.match("(a+)+$", "a" * 64 + "b")
"""
_PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdin=subprocess.PIPE)
print(child.pid, flush=True)
child.wait()
"""


def test_a_child_that_holds_the_interpreters_lock_ends_with_its_parent() -> None:
    command = [sys.executable, "-c", _PARENT, _CHILD]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        told = {parent.stdout.readline().strip(), parent.stdout.readline().strip()}
        (pid,) = map(int, told - {"busy"})
        assert "busy" in told
        parent.kill()
        try:
            # To the end: both had it open.
            parent.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            os.kill(pid, signal.SIGKILL)
            raise


def test_a_parent_that_is_gone_already_is_noticed() -> None:
    command = [sys.executable, "-c", _CHILD]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")


def test_who_leaves_before_a_child_is_done_leaves_none_behind() -> None:
    async def leave() -> int | None:
        with contextlib.suppress(ZeroDivisionError):
            async with child_for([sys.executable, "-c", "import sys; sys.stdin.read()"]) as process:
                _ = 1 // 0
        return process.returncode

    assert asyncio.run(leave()) == -signal.SIGKILL


_DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
_ECHO = "import sys; sys.stderr.write('said'); print(sys.stdin.readline().upper(), end='')"


def test_what_it_says_is_there_when_it_has_ended() -> None:
    async def run() -> tuple[int, bytes, bytes]:
        async with child_for([sys.executable, "-c", _ECHO], output_here=True, errors_here=True) as child:
            await child.tell(b"told\n")
            code = await child.wait()
            # Too late, and nobody's fault.
            await child.tell(b"again\n")
            child.terminate()
            child.kill()
        return code, child.output, child.errors

    assert asyncio.run(run()) == (0, b"TOLD\n", b"said")


def test_the_loop_starts_none_itself() -> None:
    async def run() -> list[str]:
        with DiskTouches() as touches:
            async with child_for([sys.executable, "-c", ""]) as child:
                assert await child.wait() == 0
        return touches.seen

    assert asyncio.run(run()) == []


@pytest.mark.parametrize(("first", "patience", "code"), [("", 60, signal.SIGTERM), (_DEAF, 1, signal.SIGKILL)])
def test_one_that_doesnt_end_when_it_is_told_to_is_killed(tmp_path: Path, first: str, patience: int, code: int) -> None:
    program = f"import pathlib, signal, sys; {first}\npathlib.Path(sys.argv[1]).touch(); sys.stdin.read()"
    ready = tmp_path / "ready"

    async def run() -> int | None:
        child = await start_child([sys.executable, "-c", program, str(ready)])
        while not ready.exists():  # noqa: ASYNC110 - another process's
            await asyncio.sleep(0.01)
        await end_child(child, patience)
        return child.returncode

    assert asyncio.run(run()) == -code


@pytest.mark.parametrize("times", [1, 3])
def test_who_is_told_to_end_while_one_starts_leaves_none_behind(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    may_start, started = threading.Event(), []
    start = child_process._start

    def slowly(*arguments: object) -> subprocess.Popen[bytes]:
        may_start.wait()
        started.append(start(*arguments))
        return started[0]

    monkeypatch.setattr(child_process, "_start", slowly)

    async def run() -> None:
        starting = asyncio.create_task(start_child([sys.executable, "-c", "import sys; sys.stdin.read()"]))
        for _ in range(times):
            await asyncio.sleep(0)
            starting.cancel()
        await asyncio.sleep(0)
        may_start.set()
        await ended(starting)
        assert starting.cancelled()

    asyncio.run(run())
    assert started[0].wait(60) == -signal.SIGKILL


def test_where_no_thread_is_left_none_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[object] = []
    begin = threading.Thread.start

    def no_more(thread: threading.Thread) -> None:
        if thread.name == "child":
            raise RuntimeError("can't start new thread")
        begin(thread)

    monkeypatch.setattr(threading.Thread, "start", no_more)
    monkeypatch.setattr(child_process, "_start", lambda *arguments: started.append(arguments))
    with pytest.raises(OSError, match="can't start new thread"):
        asyncio.run(start_child([sys.executable, "-c", "import sys; sys.stdin.read()"]))
    assert started == []


def test_one_whose_output_cant_be_taken_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_much(_process: object) -> None:
        raise MemoryError

    monkeypatch.setattr(subprocess.Popen, "communicate", too_much)

    async def run() -> int:
        async with child_for([sys.executable, "-c", "import sys; sys.stdin.read()"]) as child:
            return await child.wait()

    assert asyncio.run(run()) == -signal.SIGKILL
