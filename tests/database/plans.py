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
    walked: frozenset[str]
    """Tables read in the order of an index, from its end on, until somebody has enough."""
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
        scanned, walked, indexes = set(), set(), set()
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
                walked |= {table} if found["how"] == "SCAN" else set()
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
            frozenset(walked),
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
_PLANNING_COST = 2.5
"""What the server adds for each table to the cost of a plan that has to be made anew (1000 × cpu_operator_cost)."""


class PostgresPlans:
    """Of a database that has statistics.

    A server plans a statement for the parameters that it comes with, and, after some executions, for whatever
    parameters, where it takes that to be as good and isn't told not to. It can be wrong about accounts that have much
    more than others: so that plan is executed, too.
    """

    def __init__(self, engine: AsyncEngine, *, small: bool) -> None:
        """`small`: reading the whole of a small table is the right thing to do, so that is made to look dear here; what
        is read so all the same has no index that could help.
        """
        self._engine = engine
        self._small = small

    async def plan(self, asked: Asked) -> Plan:
        values = ", ".join(map(_literal, asked.parameters))
        executed = f"EXECUTE asked({values})" if values else "EXECUTE asked"
        async with self._engine.connect() as connection:
            if self._small:
                await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            plan, root = await self._executed(connection, asked.statement, asked.parameters)
            if await _setting(connection, "plan_cache_mode") == "force_custom_plan":
                await connection.rollback()
                return plan
            await _send(connection, f"PREPARE asked AS {asked.statement}")
            try:
                await _send(connection, "SET LOCAL plan_cache_mode = force_generic_plan")
                general = await _explained(connection, "FORMAT JSON", executed)
                tables = sum("Relation Name" in node for node in _nodes(general))
                if general["Total Cost"] <= root["Total Cost"] + _PLANNING_COST * (tables + 1):
                    other, _ = await self._executed(connection, executed)
                    plan = _worse(plan, other)
            finally:
                await connection.rollback()
                await _send(connection, "DEALLOCATE asked")
        return plan

    async def _executed(
        self, connection: AsyncConnection, statement: str, parameters: Any = None
    ) -> tuple[Plan, dict[str, Any]]:
        """What executing it did, and the root of its plan."""
        try:
            async with connection.begin_nested():
                root = await _explained(connection, "ANALYZE, TIMING OFF, FORMAT JSON", statement, parameters)
        except IntegrityError:
            # What was added before is there already.
            root = await _explained(connection, "FORMAT JSON", statement, parameters)
        return _read(root, small=self._small), root


async def _explained(
    connection: AsyncConnection, options: str, statement: str, parameters: Any = None
) -> dict[str, Any]:
    rows = await connection.exec_driver_sql(f"EXPLAIN ({options}) {statement}", parameters)
    return dict(rows.scalar_one()[0]["Plan"])


async def _setting(connection: AsyncConnection, name: str) -> str:
    return str((await connection.exec_driver_sql(f"SHOW {name}")).scalar_one())


async def _send(connection: AsyncConnection, statement: str) -> None:
    """By the protocol that knows no parameters, so that those in the text are left alone."""
    driver: Any = (await connection.get_raw_connection()).driver_connection
    await driver.execute(statement)


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(value)


def _worse(one: Plan, other: Plan) -> Plan:
    return Plan(
        f"{one.text}\nfor any parameters:\n{other.text}",
        one.scanned | other.scanned,
        one.walked | other.walked,
        one.indexes | other.indexes,
        max(one.read, other.read),
        max(one.sorted, other.sorted),
        max(one.wasted, other.wasted),
    )


def _read(root: dict[str, Any], *, small: bool) -> Plan:
    scanned, walked, indexes = set(), set(), set()
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
            if "Index Cond" not in node:
                walked.add(table or node["Index Name"])
        wasted += int(left_out * loops)
        if table is not None and kind != "ModifyTable":
            read += seen
        if kind in {"Sort", "Incremental Sort"}:
            sorted_rows += int(max(part.get("Actual Rows", 0) * part.get("Actual Loops", 1) for part in node["Plans"]))
    text = json.dumps(_short(root), indent=1)
    return Plan(text, frozenset(scanned), frozenset(walked), frozenset(indexes), read, sorted_rows, wasted)


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for part in node.get("Plans", ()):
        yield from _nodes(part)


_TOLD = ("Node Type", "Relation Name", "Index Name", "Index Cond", "Filter", "Sort Key", "Actual Rows", "Plan Rows")


def _short(node: dict[str, Any]) -> dict[str, Any]:
    """What a person needs to see of a plan."""
    told = {name: node[name] for name in _TOLD if name in node}
    return told | ({"Plans": [_short(part) for part in node["Plans"]]} if "Plans" in node else {})
