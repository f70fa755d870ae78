"""Counting the queries that something makes::

with Queries(database) as seen:
    await client.get("/api/profile")
assert len(seen) <= 2, seen
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from sqlalchemy import event

from garaza.kit.database import Database

_NOT_COUNTED = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "PRAGMA", "SET ", "EXPLAIN")
"""The last: of what was slow on a busy machine the plan is asked for."""
_READS = ("SELECT", "WITH")


class Queries:
    """Statements that a database was sent inside the block, but for those that begin, end or set up transactions."""

    def __init__(self, database: Database) -> None:
        self._engine = database.engine.sync_engine
        self.statements: list[str] = []

    def __enter__(self) -> Self:
        event.listen(self._engine, "before_cursor_execute", self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        event.remove(self._engine, "before_cursor_execute", self._note)

    def _note(self, _connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.lstrip().upper().startswith(_NOT_COUNTED):
            self.statements.append(statement)

    @property
    def reads(self) -> list[str]:
        return [statement for statement in self.statements if statement.lstrip().upper().startswith(_READS)]

    @property
    def writes(self) -> list[str]:
        return [statement for statement in self.statements if not statement.lstrip().upper().startswith(_READS)]

    def __len__(self) -> int:
        return len(self.statements)

    def __repr__(self) -> str:
        return "\n".join(self.statements) or "no queries"
