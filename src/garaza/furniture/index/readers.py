"""A version that is ready, and can be asked: in this process, or in one of its own.

The engine holds the interpreter's lock as long as it works: half a millisecond of a search, but some hundred of opening
and closing, whatever else this process has to do. See docs/decisions/0035.
"""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
import threading
import time
import weakref
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from garaza.furniture.embedding.port import Vectors
from garaza.furniture.filters import Filters
from garaza.furniture.index.asking import Found, Said, count, nearest, opened
from garaza.furniture.index.conditions import Among, Is, Within, Without, conditions
from garaza.furniture.index.port import IndexUnavailableError, Nearest
from garaza.furniture.index.shard import ready_of, word
from garaza.furniture.index.stored_vectors import Ids, StoredVectors

logger = logging.getLogger(__name__)

OPENING_SECONDS = 600
"""That opening may take: of a million products, from a disk that is slow."""
ANSWER_SECONDS = 10
AGAIN_SECONDS = 5
"""After a process was started, before the next one is."""
_ENDING_SECONDS = 5


class Reader(Protocol):
    """Its files may be removed meanwhile. For any thread."""

    @property
    def count(self) -> int:
        """Of points."""

    @property
    def processes(self) -> list[int]:
        """Beside this one, that it takes."""

    def search(
        self, vector: Vectors, limit: int, filters: Filters, meanwhile: Callable[[], None] | None = None
    ) -> Nearest:
        """See LocalIndex."""

    def vectors(self, ids: Ids) -> Vectors:
        """See LocalIndex."""

    def close(self) -> None:
        """Let go of it. Whoever only forgets it needn't."""


class ReaderHere:
    """In this process.

    Raises:
        IndexUnavailableError: it isn't whole.
    """

    def __init__(self, folder: Path) -> None:
        _whole(folder)
        self._shard = opened(str(folder / "shard"))
        self._stored = StoredVectors(folder)
        self.count = count(self._shard)
        self.processes: list[int] = []

    def search(
        self, vector: Vectors, limit: int, filters: Filters, meanwhile: Callable[[], None] | None = None
    ) -> Nearest:
        """See Reader."""
        if meanwhile is not None:
            meanwhile()
        return _nearest(nearest(self._shard, _numbers(vector), limit, _plain(filters)))

    def vectors(self, ids: Ids) -> Vectors:
        """See Reader."""
        return self._stored.of(ids)

    def close(self) -> None:
        """See Reader."""


class ReaderApart:
    """In a process of its own, which is started again if it dies.

    Raises:
        IndexUnavailableError: it isn't whole, or can't be opened.
    """

    def __init__(self, folder: Path) -> None:
        _whole(folder)
        self._folder = folder
        self._stored = StoredVectors(folder)
        self._asking = threading.Lock()
        self._started = 0.0
        self._keeper: _Keeper | None = None
        self.count = self._open().count

    @property
    def processes(self) -> list[int]:
        """See Reader."""
        keeper = self._keeper
        return [] if keeper is None else [keeper.pid]

    def search(
        self, vector: Vectors, limit: int, filters: Filters, meanwhile: Callable[[], None] | None = None
    ) -> Nearest:
        """See Reader."""
        asked = Said({"limit": limit, "conditions": _plain(filters)}, [_numbers(vector).tobytes()])
        return self._ask(asked, meanwhile)

    def vectors(self, ids: Ids) -> Vectors:
        """See Reader. It needn't be asked for them: their file is mapped here."""
        return self._stored.of(ids)

    def close(self) -> None:
        """See Reader."""
        with self._asking:
            if self._keeper is not None:
                self._keeper.end()

    def _ask(self, asked: Said, meanwhile: Callable[[], None] | None) -> Nearest:
        with self._asking:
            keeper = self._keeper or self._open()
            try:
                said = keeper.ask(asked, meanwhile)
            except (OSError, EOFError) as error:
                self._keeper = None
                # It has had its time, and everybody who searches waits.
                keeper.kill()
                logger.warning(
                    "The process that has the index has ended, and is started again: %s", keeper.end_of(error)
                )
                raise IndexUnavailableError("the process that has the index has ended") from error
        ids, scores = said.parts
        return Nearest(np.frombuffer(ids, np.int64), np.frombuffer(scores, np.float32))

    def _open(self) -> _Keeper:
        now = time.monotonic()
        if self._started and now < self._started + AGAIN_SECONDS:
            raise IndexUnavailableError("the process that has the index has ended, and is started again in a moment")
        self._started = now
        self._keeper = keeper = _Keeper(self._folder / "shard")
        # Whoever still searches while another version is served may be the last one that has it.
        weakref.finalize(self, keeper.let_go).atexit = False
        return keeper


class _Keeper:
    """A process that has a version open: see the module of that name. For one thread at a time."""

    def __init__(self, place: Path) -> None:
        self._connection, theirs = socket.socketpair()
        command = (sys.executable, "-m", "garaza.furniture.index.keeper", str(place))
        with theirs:
            try:
                # Its own session: Ctrl-C is for this process, which still answers somebody.
                self._process = subprocess.Popen(
                    command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, start_new_session=True
                )
            except OSError:
                self._connection.close()
                raise
        self.pid = self._process.pid
        self._incoming = self._connection.makefile("rb")
        self._connection.settimeout(OPENING_SECONDS)
        try:
            self.count: int = _checked(Said.receive(self._incoming)).head["count"]
        except BaseException as error:
            self.end()
            if isinstance(error, (OSError, EOFError)):
                raise IndexUnavailableError(f"the index can't be opened: {self.end_of(error)}") from error
            raise
        self._connection.settimeout(ANSWER_SECONDS)

    def ask(self, asked: Said, meanwhile: Callable[[], None] | None = None) -> Said:
        """What it answers.

        Raises:
            OSError, EOFError: it doesn't.
            IndexUnavailableError: that something went wrong.
        """
        asked.send(self._connection)
        try:
            if meanwhile is not None:
                meanwhile()
        finally:
            # Whatever comes: the next answer is to be that to the next question.
            said = Said.receive(self._incoming)
        return _checked(said)

    def end(self) -> None:
        """Blocks for a moment."""
        self._hang_up()
        try:
            self._process.wait(_ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """At once: it writes nothing that could be left half done."""
        self._hang_up()
        self._process.kill()
        self._process.wait()

    def let_go(self) -> None:
        """The same, and doesn't block."""
        self._hang_up()
        threading.Thread(target=self.end, name="index-end", daemon=True).start()

    def end_of(self, error: BaseException) -> str:
        """How it ended, for people."""
        code = self._process.returncode
        return f"{type(error).__name__}, exit code {code}" if code else type(error).__name__

    def _hang_up(self) -> None:
        self._incoming.close()
        self._connection.close()


def _whole(folder: Path) -> None:
    if ready_of(folder) is None:
        raise IndexUnavailableError(f"{folder} isn't whole")


def _checked(said: Said) -> Said:
    if "error" in said.head:
        raise IndexUnavailableError(f"the index failed: {said.head['error']}")
    return said


def _numbers(vector: Vectors) -> array[float]:
    return array("f", np.ascontiguousarray(vector, np.float32).tobytes())


def _nearest(found: Found) -> Nearest:
    return Nearest(np.array(found.ids, np.int64), np.array(found.scores, np.float32))


def _plain(filters: Filters) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for condition in conditions(filters):
        match condition:
            case Among(field, values):
                found.append({"kind": "among", "field": field, "values": list(values)})
            case Without(field, values):
                found.append({"kind": "without", "field": field, "values": list(values)})
            case Within(field, span):
                found.append({"kind": "within", "field": field, "least": span.least, "most": span.most})
            case Is(field, value):
                found.append({"kind": "among", "field": field, "values": [word(value)]})
    return found
