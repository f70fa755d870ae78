"""`garaza catalogue` at a terminal: stopped half-way and called off, and the catalogue is as it was."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.cli.command import PATIENCE_SECONDS, run, started

ENOUGH = 20_000
"""Rows that no machine reads before it hears of Ctrl-C."""


def write(file: Path, rows: int, title: str) -> Path:
    lines = [f"B{number},{title} {number}" for number in range(rows)]
    file.write_text("\n".join(["asin,title", *lines]))
    return file


def ask(data: Path, question: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(data / "garaza.db")) as connection:
        return connection.execute(question).fetchall()


def stopped(file: Path, data: Path) -> str:
    """What a command says that is stopped while it reads."""
    with started("catalogue", "import", file, "--replace", "--data-dir", data) as process:
        assert process.stderr is not None
        said = ""
        while "reading rows" not in said:
            line = process.stderr.readline()
            assert line, said
            said += line
        # As a terminal does it at Ctrl-C.
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130, (process.returncode, out, err)
    assert "Traceback" not in err
    return err


def test_ctrl_c_leaves_the_catalogue_as_it_was(tmp_path: Path) -> None:
    data = tmp_path / "data"
    done = run("catalogue", "import", write(tmp_path / "chairs.csv", 3, "Chair"), "--data-dir", data)
    assert done.returncode == 0, done.stderr
    stools = write(tmp_path / "stools.csv", ENOUGH, "Stool")
    said = stopped(stools, data)
    ((import_id, rows_read),) = ask(data, "SELECT id, rows_read FROM catalogue_imports WHERE ended_at IS NULL")
    assert f"Stopped. The same command goes on; `garaza catalogue cancel {import_id}` ends it." in said
    assert 0 < int(str(rows_read)) < ENOUGH
    served = "SELECT title FROM products WHERE since <= 1 AND (until IS NULL OR until > 1) ORDER BY id"
    assert ask(data, "SELECT version, ready_version FROM catalogue") == [(1, 1)]
    assert ask(data, served) == [("Chair 0",), ("Chair 1",), ("Chair 2",)]
    cancelled = run("catalogue", "cancel", str(import_id), "--data-dir", data)
    assert (cancelled.returncode, cancelled.stdout) == (
        0,
        "The import of stools.csv is cancelled. The catalogue stays as it is.\n",
    )
    # Nobody else comes by who would.
    assert ask(data, "SELECT count(*) FROM products WHERE since > 1 OR until IS NOT NULL") == [(0,)]
    assert ask(data, "SELECT count(*) FROM catalogue_imports WHERE ended_at IS NULL") == [(0,)]
