"""What a database does for a statement: which tables it reads without an index's help, and how much it reads and sorts.

Both databases also execute it, in a transaction that is rolled back, so that this is what was done and no estimate.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from garaza.kit.pagination import DEEPEST_ROW
from garaza.migrations.tables import metadata
from tests.database.recorder import Asked

STEPS_OF_A_ROW = 10
"""SQLite counts steps of its virtual machine: what counting a row takes. Handing it on takes more."""
STEPS_OF_AN_ANSWER = 100
"""What handing on, or changing, a row of many columns takes, with what hangs on it."""
SORTING = 10
"""SQLite always sorts where it has to, and never because that would be cheaper: few rows are too many already."""


@dataclass(frozen=True, slots=True)
class Plan:
    """See the module. Numbers are of rows."""

    text: str
    scanned: frozenset[str]
    """Tables read from one end to the other."""
    indexes: frozenset[str]
    """Those that it uses."""
    read: int
    sorted: int
    wasted: int
    """Read, and thrown away again by a condition that no index helped with."""


# SQLite -----------------------------------------------------------------------------------------------------------

_STEP = re.compile(
    r"(?P<how>SCAN|SEARCH) (?P<name>\w+)(?P<used> USING.*?(?P<automatic>AUTOMATIC)?.*?INDEX (?P<index>\w+))?"
)


class SqlitePlans:
    """Of a file that nobody else uses now."""

    def __init__(self, url: URL) -> None:
        self._connection = sqlite3.connect(str(url.database), isolation_level=None)
        self._connection.execute("PRAGMA foreign_keys=ON")
        rows = self._connection.execute("SELECT name, tbl_name FROM sqlite_master WHERE type = 'index'")
        self._table_of: dict[str, str] = dict(rows)

    def close(self) -> None:
        self._connection.close()

    def plan(self, asked: Asked) -> Plan:
        # Each row: its number, that of what it is a part of, and what it says.
        with closing(self._connection.execute(f"EXPLAIN QUERY PLAN {asked.statement}", asked.parameters)) as rows:
            lines = [(row[1], row[3]) for row in rows]
        scanned, indexes = set(), set()
        with_tables = set()
        for part, line in lines:
            found = _STEP.match(line)
            table = found and self._table(found["name"], found["index"], asked.statement)
            if found is None or table is None:
                continue
            if "(rowid=?)" not in line:
                with_tables.add(part)
            if found["automatic"]:
                # An index made for this one execution: it reads everything first.
                scanned.add(table)
            elif found["index"]:
                indexes.add(found["index"])
            elif found["how"] == "SCAN":
                scanned.add(table)
        steps, changed = self._execute(asked)
        read = steps // STEPS_OF_A_ROW
        limits = sum(value for value in asked.parameters if isinstance(value, int) and value <= DEEPEST_ROW + 1)
        # Not the sorting of what a subquery has cut to a page.
        sorts = any("TEMP B-TREE" in line and part in with_tables for part, line in lines)
        return Plan(
            "\n".join(line for _, line in lines),
            frozenset(scanned),
            frozenset(indexes),
            read=read,
            # Where it sorts a page of few it has read few.
            sorted=SORTING * read if sorts else 0,
            # It doesn't say: what is neither handed on, nor skipped or counted up to a limit.
            wasted=max(read - limits - STEPS_OF_AN_ANSWER // STEPS_OF_A_ROW * changed - 3 * len(asked.parameters), 0),
        )

    def _table(self, name: str, index: str | None, statement: str) -> str | None:
        """A table of ours by what the plan calls it; None for subqueries and the like."""
        if index is not None and index in self._table_of:
            return self._table_of[index]
        if name in metadata.tables:
            return name
        aliased = re.search(rf"\b(\w+) AS {name}\b", statement)
        return aliased[1] if aliased and aliased[1] in metadata.tables else None

    def _execute(self, asked: Asked) -> tuple[int, int]:
        """How many steps it takes, in tens, and how many rows it gives or changes."""
        steps = rows = 0

        def more() -> None:
            nonlocal steps
            steps += 10

        self._connection.execute("BEGIN")
        changed_before = self._connection.total_changes
        self._connection.set_progress_handler(more, 10)
        try:
            rows = len(self._connection.execute(asked.statement, asked.parameters).fetchall())
        except sqlite3.IntegrityError:
            # What was added before is there already.
            pass
        finally:
            self._connection.set_progress_handler(None, 0)
            self._connection.execute("ROLLBACK")
        return steps, max(rows, self._connection.total_changes - changed_before)


# PostgreSQL -------------------------------------------------------------------------------------------------------

_INDEXED = {"Index Scan", "Index Only Scan", "Bitmap Index Scan"}
FEW = 1000
"""Rows that a server with statistics may rightly read one after the other: it knows that it won't read more."""


class PostgresPlans:
    """Of a database that has statistics.

    The sessions of the application have every statement planned for the parameters that it comes with: a plan for
    whatever parameters can be wrong about accounts that have much more than others, and would have to be tried, too.
    """

    def __init__(self, engine: AsyncEngine, *, small: bool) -> None:
        """`small`: reading the whole of a small table is the right thing to do, so that is made to look dear here; what
        is read so all the same has no index that could help.
        """
        self._engine = engine
        self._small = small

    async def plan(self, asked: Asked) -> Plan:
        async with self._engine.connect() as connection:
            assert await _setting(connection, "plan_cache_mode") == "force_custom_plan"
            if self._small:
                await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            root = await self._executed(connection, asked)
            await connection.rollback()
        return _read(root, small=self._small)

    @staticmethod
    async def _executed(connection: AsyncConnection, asked: Asked) -> dict[str, Any]:
        """The root of its plan, with what executing it did."""
        try:
            async with connection.begin_nested():
                return await _explained(connection, "ANALYZE, TIMING OFF, FORMAT JSON", asked)
        except IntegrityError:
            # What was added before is there already.
            return await _explained(connection, "FORMAT JSON", asked)


async def _explained(connection: AsyncConnection, options: str, asked: Asked) -> dict[str, Any]:
    rows = await connection.exec_driver_sql(f"EXPLAIN ({options}) {asked.statement}", asked.parameters)
    return dict(rows.scalar_one()[0]["Plan"])


async def _setting(connection: AsyncConnection, name: str) -> str:
    return str((await connection.exec_driver_sql(f"SHOW {name}")).scalar_one())


def _read(root: dict[str, Any], *, small: bool) -> Plan:
    scanned, indexes = set(), set()
    read = sorted_rows = wasted = 0
    for node in _nodes(root):
        kind, table = node["Node Type"], node.get("Relation Name")
        loops = node.get("Actual Loops", 1)
        if loops == 0:
            # Another way that was open to it, and wasn't taken.
            continue
        left_out = sum(node.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck", "Join Filter"))
        seen = int((node.get("Actual Rows", 0) + left_out) * loops)
        if kind == "Seq Scan" and (small or seen > FEW):
            scanned.add(table)
        if kind in _INDEXED:
            indexes.add(node["Index Name"])
        wasted += int(left_out * loops)
        if table is not None and kind != "ModifyTable":
            read += seen
        if kind in {"Sort", "Incremental Sort"}:
            sorted_rows += int(max(part.get("Actual Rows", 0) * part.get("Actual Loops", 1) for part in node["Plans"]))
    text = json.dumps(_short(root), indent=1)
    return Plan(text, frozenset(scanned), frozenset(indexes), read, sorted_rows, wasted)


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for part in node.get("Plans", ()):
        yield from _nodes(part)


_TOLD = ("Node Type", "Relation Name", "Index Name", "Index Cond", "Filter", "Sort Key", "Actual Rows", "Plan Rows")


def _short(node: dict[str, Any]) -> dict[str, Any]:
    """What a person needs to see of a plan."""
    told = {name: node[name] for name in _TOLD if name in node}
    return told | ({"Plans": [_short(part) for part in node["Plans"]]} if "Plans" in node else {})
