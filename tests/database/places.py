"""Which functions of the application make SQL, and whether all their lines have run."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from tests.database.recorder import PACKAGE

_MAKES = {"select", "insert", "update", "delete", "exists", "read_page"}
_SENDS = {"execute", "scalar", "scalars", "stream", "stream_scalars", "get", "get_one", "flush", "refresh", "merge"}
_SESSIONS = {"session", "reading", "writing"}
_NOT_ASKED_BY_IT = (
    *("kit/migrate.py", "kit/long_statements.py", "migrations/"),
    *("kit/changes.py", "housekeeping/neighbours.py", "reconstruction/", "furniture/index/pgvector.py"),
)
"""Migrations have tests of their own; changes and neighbours are looked for without asking any table of ours; and
vectors are in PostgreSQL's tables only where that has pgvector, see tests/contract/test_vector_index.py.
"""


class Lines:
    """Notes which lines of those functions run inside the block. Made for few files, it costs little."""

    def __init__(self) -> None:
        self._wanted = {str(path): lines for path, lines in _lines_with_sql().items()}
        self._seen: dict[str, set[int]] = {path: set() for path in self._wanted}
        self._before: Any = None

    def __enter__(self) -> None:
        self._before = sys.gettrace()
        sys.settrace(self._enter_function)

    def __exit__(self, *failure: object) -> None:
        sys.settrace(self._before)

    def _enter_function(self, frame: FrameType, _event: str, _argument: object) -> Any:
        return self._note if frame.f_code.co_filename in self._seen else None

    def _note(self, frame: FrameType, event: str, _argument: object) -> Any:
        if event == "line":
            self._seen[frame.f_code.co_filename].add(frame.f_lineno)
        return self._note

    def missing(self) -> set[str]:
        """Lines that haven't run, as file:line."""
        return {
            f"{Path(path).relative_to(PACKAGE).as_posix()}:{line}"
            for path, lines in self._wanted.items()
            for line in lines - self._seen[path]
        }


def _lines_with_sql() -> dict[Path, set[int]]:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        if not path.relative_to(PACKAGE).as_posix().startswith(_NOT_ASKED_BY_IT):
            lines = set(_lines(ast.parse(path.read_text(encoding="utf-8"))))
            if lines:
                found[path] = lines
    return found


def _lines(module: ast.Module) -> Iterator[int]:
    imported = {name.name for part in module.body if isinstance(part, ast.ImportFrom) for name in part.names}
    functions = [part for part in ast.walk(module) if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)]
    makes, before = imported & _MAKES, -1
    # Those that call one which makes SQL do so too.
    while len(makes) != before:
        before = len(makes)
        makes |= {function.name for function in functions if any(_is_sql(node, makes) for node in ast.walk(function))}
    for function in functions:
        if function.name in makes - _called_at_import(module):
            yield from _of(function.body)


def _called_at_import(module: ast.Module) -> set[str]:
    """Functions that make statements once for all."""
    values = [part.value for part in module.body if isinstance(part, ast.Assign | ast.AnnAssign) and part.value]
    called = {name.id for value in values for name in ast.walk(value) if isinstance(name, ast.Name)}
    inner = [part for part in module.body if isinstance(part, ast.FunctionDef) and part.name in called]
    return called | {name.id for part in inner for name in ast.walk(part) if isinstance(name, ast.Name)}


def _is_sql(node: ast.AST, makes: set[str]) -> bool:
    if not isinstance(node, ast.Call):
        return False
    match node.func:
        case ast.Name(name):
            return name in makes
        case ast.Attribute(ast.Name(base), name):
            return (base in _SESSIONS and name in _SENDS) or (base == "self" and name in makes)
    return False


def _of(block: list[ast.stmt]) -> Iterator[int]:
    """First lines of the statements of a block, but for what is no code, and for blocks that end by refusing."""
    if isinstance(block[-1], ast.Raise):
        return
    for statement in block:
        is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if is_text or isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        yield statement.lineno
        for name in ("body", "orelse", "finalbody"):
            if inner := getattr(statement, name, None):
                yield from _of(inner)
        for part in [*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())]:
            yield from _of(part.body)
