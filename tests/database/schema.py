"""What a database's tables are like, as values that can be compared."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import closing
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, NullPool, create_engine, inspect
from sqlalchemy.ext.asyncio import create_async_engine

T = TypeVar("T")


def ask(url: URL, question: Callable[[Connection], T]) -> T:
    """What a function makes of a connection, which is committed. Blocks."""
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url.set(drivername="sqlite"), poolclass=NullPool)
        with closing(engine.connect()) as connection:
            answer = question(connection)
            connection.commit()
            return answer

    async def asked() -> T:
        server = create_async_engine(url.set(drivername="postgresql+asyncpg"), poolclass=NullPool)
        async with server.begin() as connection:
            return await connection.run_sync(question)

    return asyncio.run(asked())


def described(url: URL) -> dict[str, Any]:
    """Columns, keys, constraints and indexes of every table, whatever order they were made in."""
    return ask(url, _described)


def _described(connection: Connection) -> dict[str, Any]:
    seen = inspect(connection)
    return {
        table: {
            "columns": {
                column["name"]: (str(column["type"]), column["nullable"], _plain(column["default"]))
                for column in seen.get_columns(table)
            },
            "primary key": seen.get_pk_constraint(table)["constrained_columns"],
            "foreign keys": sorted(
                (key["constrained_columns"], key["referred_table"], key["referred_columns"], key["options"])
                for key in seen.get_foreign_keys(table)
            ),
            "unique": sorted((key["name"], key["column_names"]) for key in seen.get_unique_constraints(table)),
            "checks": {check["name"]: _plain(check["sqltext"]) for check in seen.get_check_constraints(table)},
            "indexes": {
                index["name"]: (index["column_names"], index["unique"], _where(index.get("dialect_options", {})))
                for index in seen.get_indexes(table)
            },
        }
        for table in seen.get_table_names()
        if table != "alembic_version"
    }


def _where(options: dict[str, Any]) -> str:
    """The condition of an index of some rows."""
    return next((_plain(str(value)) for name, value in options.items() if name.endswith("_where")), "")


def _plain(text: str | None) -> str:
    return re.sub(r"\s+|[()'\"]|::\w+(\[\])?", "", text or "").lower()
