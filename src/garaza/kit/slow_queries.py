"""Statements that take long are written to the log without their parameters, those that only read with their plan."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from typing import Any

from garaza.kit.current_request import current_request
from garaza.kit.database import Database
from garaza.kit.logs import FIELDS

logger = logging.getLogger("garaza.slow_query")

_MOST_TEXT = 4000
_MOST_PLAN = 4000
_MOST_LINES_A_SECOND = 10
_REMEMBERED = 500
_PLAN_SECONDS = 5.0
_EXPLAIN = {"sqlite": "EXPLAIN QUERY PLAN ", "postgresql": "EXPLAIN "}
_QUOTED = re.compile(r"'(?:[^']|'')*'")
_NUMBER = re.compile(r"(?<![\w$])-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?!\w)")
# "  Filter: (user_id = 17)": of what a plan says, these lines hold what was asked for.
_CONDITION = re.compile(r"^\s*(?:->\s*)?(?:[A-Z][A-Za-z ]*)?(?:Cond|Filter|Key|Output|Group|Check|Cache)[A-Za-z ]*:")


class SlowQueries:
    """Hears of every statement, see `QueryTimes`.

    Args:
        seconds: what a statement may take.
        explain_every: pause between two plans; a plan is asked for afterwards, on another connection, once for each
            statement in an hour. None: ask for none.
    """

    def __init__(self, database: Database, seconds: float, explain_every: float | None = 10.0) -> None:
        self._database = database
        self._seconds = seconds
        self._explain_every = explain_every
        self._explained: dict[str, float] = {}
        self._next_plan_at = 0.0
        self._second = self._lines = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self.count = 0
        """How many have been slow."""

    def __call__(self, text: str, given: Any, _began: float, seconds: float) -> None:
        """A statement has ended."""
        if seconds < self._seconds or text.startswith("EXPLAIN"):
            return
        self.count += 1
        # A database in trouble makes all of them slow.
        second = int(time.monotonic())
        self._lines = self._lines + 1 if second == self._second else 1
        self._second = second
        if self._lines <= _MOST_LINES_A_SECOND:
            fields = {"seconds": round(seconds, 4), "statement": one_line(text), "parameters": kinds_of(given)}
            logger.warning("a statement took %.3f s", seconds, extra={FIELDS: fields})
        if self._may_explain(text, given):
            # In the context of the request, so that the line names it; the statements that it makes are not for it.
            task = asyncio.get_running_loop().create_task(self._explain(text, given))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up plans that are being asked for."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _may_explain(self, text: str, given: Any) -> bool:
        # Only what reads. A statement for many rows at once has a list of parameters, and is none.
        if self._explain_every is None or not text.lstrip()[:7].upper().startswith("SELECT") or isinstance(given, list):
            return False
        now = time.monotonic()
        if now < self._next_plan_at or now - self._explained.get(text, -3600.0) < 3600:
            return False
        self._next_plan_at = now + self._explain_every
        if len(self._explained) >= _REMEMBERED:
            self._explained.pop(next(iter(self._explained)))
        self._explained[text] = now
        return True

    async def _explain(self, text: str, given: Any) -> None:
        request = current_request.get()
        current_request.set(None)
        with contextlib.suppress(Exception):
            async with asyncio.timeout(_PLAN_SECONDS), self._database.read() as session:
                connection = await session.connection()
                rows = await connection.exec_driver_sql(_EXPLAIN[self._database.dialect] + text, given)
                plan = "\n".join(redacted(str(row[-1])) for row in rows)[:_MOST_PLAN]
            current_request.set(request)
            logger.warning("its plan", extra={FIELDS: {"statement": one_line(text), "plan": plan}})


def one_line(text: str) -> str:
    """A statement, shortened."""
    return " ".join(text.split())[:_MOST_TEXT]


def kinds_of(given: Any) -> str:
    """What kinds of values were handed over, and how long texts were; never what they are."""
    if isinstance(given, list) and given and isinstance(given[0], tuple | dict):
        return f"{len(given)} times {kinds_of(given[0])}"
    values = list(given.values()) if isinstance(given, dict) else list(given or ())
    return ", ".join(
        f"{type(one).__name__}({len(one)})" if isinstance(one, str | bytes) else type(one).__name__ for one in values
    )


def redacted(line: str) -> str:
    """A line of a plan without the values that were asked for."""
    line = _QUOTED.sub("'…'", line)
    found = _CONDITION.match(line)
    return line if found is None else line[: found.end()] + _NUMBER.sub("…", line[found.end() :])
