"""A process that works for another one ends with it, even while it can't listen."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys

from garaza.kit.child_process import child_for

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
