"""What the application asks a database, with what parameters, and from which of its functions."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import greenlet

import garaza
from garaza.kit.pagination import DEEPEST_ROW
from tests.queries import Queries

PACKAGE = Path(garaza.__file__).parent
_WORD = re.compile(r"[a-z_]{2,16}")
"""States, plans, actions."""
_FOR_ALL = {PACKAGE / "live" / "hub.py", PACKAGE / "live" / "keeper.py"}
_LIST = re.compile(r"\((\?|\$\d+)(::\w+)?(, (\?|\$\d+)(::\w+)?)+\)")


@dataclass(frozen=True, slots=True)
class Asked:
    """A statement, as the driver got it."""

    statement: str
    parameters: Any
    place: str
    """Which function asked: that of a feature, not the tools that it used."""
    who: str

    @property
    def shape(self) -> tuple[Any, ...]:
        """The same for statements that differ only by which rows they want, and not by how many those can be."""
        words = tuple(value for value in self.parameters if isinstance(value, str) and _WORD.fullmatch(value))
        return _LIST.sub("(…)", self.statement), words, self.place, self.who

    @property
    def weight(self) -> int:
        """More for longer lists, larger pages, deeper ones."""
        numbers = [value for value in self.parameters if isinstance(value, int) and value <= DEEPEST_ROW]
        return len(self.statement) + max(numbers, default=0)


class Recorder(Queries):
    """Keeps one of each shape, the heaviest."""

    def __init__(self, database: Any) -> None:
        super().__init__(database)
        self.asked: dict[tuple[Any, ...], Asked] = {}
        self.who = "nobody"
        """On whose behalf things are asked now: what has few rows for one has many for another."""

    def _note(self, connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        before = len(self.statements)
        super()._note(connection, cursor, statement, *rest)
        if len(self.statements) == before:
            return
        if _is_for_all():
            # Whoever calls at the time doesn't pay for it.
            self.statements.pop()
        parameters, _, many = rest
        asked = Asked(statement, parameters[0] if many else parameters, _place(), self.who)
        known = self.asked.get(asked.shape)
        if known is None or known.weight < asked.weight:
            self.asked[asked.shape] = asked


def _place() -> str:
    for frame in _frames():
        file = Path(frame.f_code.co_filename)
        if file.is_relative_to(PACKAGE) and not file.is_relative_to(PACKAGE / "kit"):
            return f"{file.relative_to(PACKAGE).as_posix()}:{frame.f_code.co_name}"
    return "nowhere"


def _is_for_all() -> bool:
    """Whether it is asked once for all who listen, whenever their time comes."""
    return any(Path(frame.f_code.co_filename) in _FOR_ALL for frame in _frames())


def _frames() -> Iterator[FrameType]:
    """Those that led here. SQLAlchemy goes on in a greenlet of its own; who waits for it is in the one around it."""
    frame: FrameType | None = sys._getframe(1)
    current = greenlet.getcurrent()
    while True:
        while frame is not None:
            yield frame
            frame = frame.f_back
        if current.parent is None:
            return
        current = current.parent
        frame = current.gr_frame
