"""A log that nobody reads keeps nobody waiting, and loses nothing before its bound."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, TextIO

import pytest

from garaza.kit import patient_log
from garaza.kit.patient_log import PatientHandler, handler_for

_FILLS_A_PIPE = """
import logging
from garaza.cli.common import configure_logging

configure_logging()
for number in range(3000):
    logging.getLogger("garaza").info("%d %s", number, 100 * "x")
print("done", flush=True)
"""


@dataclass
class Pipe:
    """What is logged here is read, or isn't."""

    reading: BinaryIO
    writing: TextIO
    handler: PatientHandler

    def say(self, text: str) -> None:
        self.handler.handle(logging.LogRecord("log", logging.INFO, "", 0, text, (), None))

    def lines(self, count: int) -> list[str]:
        return [self.reading.readline().decode().rstrip("\n") for _ in range(count)]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    reading, writing = (os.fdopen(end, mode) for end, mode in zip(os.pipe(), ("rb", "w"), strict=True))
    yield Pipe(reading, writing, PatientHandler(writing))
    reading.close()
    writing.close()


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "log"]


def test_a_line_is_there_at_once_where_there_is_room(pipe: Pipe) -> None:
    before = threads()
    pipe.say("one")
    os.set_blocking(pipe.reading.fileno(), False)
    assert pipe.lines(1) == ["one"]
    assert threads() == before


def test_nobody_waits_and_all_comes_in_its_order(pipe: Pipe) -> None:
    said = [f"{number} {100 * 'x'}" for number in range(3000)]
    for text in said:
        pipe.say(text)
    assert pipe.lines(3000) == said
    pipe.handler.flush()
    pipe.say("and again")
    assert pipe.lines(1) == ["and again"]


def test_a_line_longer_than_a_pipe_is_whole(pipe: Pipe) -> None:
    long = 200_000 * "y"
    pipe.say(long)
    pipe.say("after it")
    assert pipe.lines(2) == [long, "after it"]


def test_what_is_too_much_is_lost_and_that_is_told(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patient_log, "MOST_BYTES", 1000)
    pipe.say(100_000 * "z")
    assert pipe.handler._lost == 1
    said, came, lost = 1, 0, 0
    # Some still fit into the pipe's last page, and what was lost before them is told then.
    while pipe.handler._lost < 10:
        pipe.say(99 * "x")
        said += 1
    while came + lost < said:
        (line,) = pipe.lines(1)
        if line == 99 * "x":
            came += 1
        else:
            count, _, rest = line.partition(" ")
            assert rest == "lines of this log were lost, as nobody took them"
            lost += int(count)
    assert lost >= 10


def test_a_reader_that_is_gone_harms_nobody(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    while not pipe.handler._lines:
        pipe.say(99 * "x")
    pipe.reading.close()
    pipe.handler.flush()
    assert not pipe.handler._lines
    pipe.say("to nobody")


def test_what_is_no_file_is_written_as_ever() -> None:
    stream = io.StringIO()
    handler = handler_for(stream)
    handler.handle(logging.LogRecord("log", logging.INFO, "", 0, "one", (), None))
    assert stream.getvalue() == "one\n"


def test_a_process_goes_on_and_ends_though_nobody_reads_its_log() -> None:
    command = [sys.executable, "-c", _FILLS_A_PIPE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "done\n"
        # It gives the last lines a moment, and no more.
        assert process.wait(60) == 0
        assert process.stderr.readline().endswith(f"garaza: 0 {100 * 'x'}\n")
