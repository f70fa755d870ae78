"""Bringing a database to the tables that this version of the code knows."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from filelock import FileLock
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from garaza.kit.storage import DataDirectory

LOCK_SECONDS = 60


class DatabaseMissingError(Exception):
    """There are scans, and no database that knows of them."""


def _config(package: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files(package)).replace("%", "%%"))
    return config


def prepare(data: DataDirectory, package: str) -> str:
    """Make the data directory where there is none, and `upgrade` its database. Blocks.

    Raises:
        OSError: the place can't be written to.
        DatabaseMissingError: a new database would know none of the scans that are there, and all would be swept away.
    """
    data.create()
    if data.holds_scans() and (not data.database.exists() or current(data.database) is None):
        raise DatabaseMissingError
    return upgrade(data.database, package)


def upgrade(database: Path, package: str) -> str:
    """Run what is missing. Blocks; processes that start at the same time wait for each other.

    Args:
        database: the SQLite file; made if it isn't there.
        package: name of the package that holds the migrations.

    Returns:
        The revision it is at afterwards.

    Raises:
        filelock.Timeout: somebody else has been migrating for a minute.
        alembic.util.CommandError: the database was made by a newer version.
    """
    engine = create_engine(f"sqlite:///{database}", poolclass=NullPool)

    # As in `database`: pysqlite's own idea of transactions commits tables one by one; a migration is all or nothing.
    @event.listens_for(engine, "connect")
    def own_transactions(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None
        connection.cursor().execute("PRAGMA journal_mode=WAL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    config = _config(package)
    with FileLock(f"{database}.lock", timeout=LOCK_SECONDS), engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
        return MigrationContext.configure(connection).get_current_revision() or "none"


def head(package: str) -> str | None:
    """The revision that this version of the code wants."""
    return ScriptDirectory.from_config(_config(package)).get_current_head()


def known(package: str) -> set[str]:
    """All revisions that this version of the code has heard of."""
    return {script.revision for script in ScriptDirectory.from_config(_config(package)).walk_revisions()}


def current(database: Path) -> str | None:
    """The revision that the SQLite file `database`, which is there, is at. Changes nothing."""
    engine = create_engine(f"sqlite:///{database}", poolclass=NullPool)
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()
