"""What all tables share."""

from __future__ import annotations

from sqlalchemy import BigInteger, Float, Index, Integer, MetaData, text
from sqlalchemy.orm import DeclarativeBase

# SQLite makes only a plain INTEGER primary key count by itself.
Sequence = BigInteger().with_variant(Integer(), "sqlite")

# Unix seconds: exact to the microsecond, portable, and ordered without knowing a time zone.
Seconds = Float(53)


class Base(DeclarativeBase):
    """Base of all tables. Constraints have names, so that migrations can change them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        },
    )


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """An index of only those rows for which `where` holds: as small as what is looked for."""
    condition = text(where)
    return Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)
