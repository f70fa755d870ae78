"""What holds for all tables: nothing is loaded unasked, nothing that refers to a row is looked for in a whole table."""

from __future__ import annotations

from sqlalchemy import Index, Table
from sqlalchemy.orm import configure_mappers

from garaza.kit.models import Base
from garaza.migrations.tables import metadata
from tests.database.seed import SMALL, Rows

TABLES = list(metadata.tables.values())


def test_no_relationship_loads_by_itself() -> None:
    """There is none now. One that is added has to be asked for, or it costs a query for each row of a list."""
    configure_mappers()
    lazy = [
        str(relationship)
        for mapper in Base.registry.mappers
        for relationship in mapper.relationships
        if relationship.lazy not in {"raise", "raise_on_sql"}
    ]
    assert lazy == []


def test_whoever_is_referred_to_finds_the_references_by_an_index() -> None:
    """Removing a row looks for those that refer to it, in a statement that no plan shows."""
    missing = [
        key.name
        for table in TABLES
        for key in table.foreign_key_constraints
        if not any(begins[: len(key.columns)] == list(key.columns.keys()) for begins in _searchable(table))
    ]
    assert missing == []


def test_no_index_is_the_beginning_of_another() -> None:
    """The longer one does what the shorter one would."""
    needless = [
        one.name
        for table in TABLES
        for one in table.indexes
        for other in table.indexes
        if one is not other and not one.unique and _condition(one) == _condition(other)
        if _columns(other)[: len(one.columns)] == _columns(one)
    ]
    assert needless == []


def test_every_table_has_rows_in_the_seed() -> None:
    assert {name for name, _, _ in Rows(SMALL).all()} == set(metadata.tables)


def _searchable(table: Table) -> list[list[str]]:
    """The columns of indexes of all rows, and of the primary key."""
    whole = [index for index in table.indexes if not _condition(index)]
    return [table.primary_key.columns.keys(), *map(_columns, whole)]


def _columns(index: Index) -> list[str]:
    return [column.name for column in index.columns]


def _condition(index: Index) -> str:
    where = index.dialect_options["sqlite"]["where"]
    return "" if where is None else str(where)
