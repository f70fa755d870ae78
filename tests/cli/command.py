"""`garaza` as somebody at a terminal starts it: a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE_SECONDS = 90
"""For things that must happen, on however slow a machine; passing tests never wait for it."""
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("GARAZA_")},
    # Wide, so that sentences stay in one piece.
    "COLUMNS": "300",
    "NO_COLOR": "1",
    "TERM": "dumb",
}


@contextmanager
def started(*arguments: str | Path, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """The process, in a session of its own as a terminal's would be; killed at the end of the block if need be."""
    with subprocess.Popen(
        [sys.executable, "-m", "garaza", *map(str, arguments)],
        env={**ENVIRONMENT, **settings},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="backslashreplace",
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def run(*arguments: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """What came of it."""
    with started(*arguments, **settings) as process:
        # Also waits for the children: they hold the other ends of the same pipes.
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def refused(*arguments: str | Path, code: int = 1, **settings: str) -> str:
    """What the command said on standard error when it said no, in one line. It may not just have crashed."""
    done = run(*arguments, **settings)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr, done.stderr
    return re.sub(r"[\s│╭╮╰╯─]+", " ", done.stderr).strip()
