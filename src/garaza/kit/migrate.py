"""Bringing a database to the tables that this version of the code knows."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from filelock import FileLock
from sqlalchemy import URL, create_engine, event
from sqlalchemy.engine import Connection
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from garaza.kit.long_statements import DatabaseUnreachableError, run_on_postgresql
from garaza.kit.storage import DataDirectory

LOCK_SECONDS = 60
_ADVISORY_LOCK = 0x67617261
"""Any number that nobody else uses in the same database."""
_LOCK_NOT_AVAILABLE = "55P03"

T = TypeVar("T")


class DatabaseMissingError(Exception):
    """There are scans, and no database that knows of them."""


def _config(package: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files(package)).replace("%", "%%"))
    return config


def prepare(data: DataDirectory, url: URL, package: str) -> str:
    """Make the data directory where there is none, and `upgrade` the database. Blocks.

    Raises:
        OSError: the place can't be written to.
        DatabaseUnreachableError: the server of the database can't be reached.
        DatabaseMissingError: a new database would know none of the scans that are there, and all would be swept away.
    """
    data.create()
    if data.holds_scans() and current(url) is None:
        raise DatabaseMissingError
    return upgrade(url, package)


def upgrade(url: URL, package: str, revision: str = "head") -> str:
    """Run what is missing, all of it or nothing. Blocks; processes that start at the same time wait for each other.

    Args:
        url: of the database; a SQLite file is made if it isn't there.
        package: name of the package that holds the migrations.
        revision: where to stop.

    Returns:
        The revision it is at afterwards.

    Raises:
        filelock.Timeout: somebody else has been migrating a file for a minute.
        DatabaseUnreachableError: a server can't be used, be it because somebody else has been migrating for so long.
        alembic.util.CommandError: the database was made by a newer version.
    """
    config = _config(package)

    def migrate(connection: Connection) -> str:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.commit()
        return MigrationContext.configure(connection).get_current_revision() or "none"

    if url.get_backend_name() != "sqlite":
        return _on_postgresql(url, migrate, lock=True)
    with FileLock(f"{url.database}.lock", timeout=LOCK_SECONDS):
        return _on_sqlite(url, migrate)


def current(url: URL) -> str | None:
    """The revision that a database is at; None where there is none. Changes nothing."""

    def ask(connection: Connection) -> str | None:
        return MigrationContext.configure(connection).get_current_revision()

    if url.get_backend_name() != "sqlite":
        return _on_postgresql(url, ask, lock=False)
    # Connecting would make the file.
    return _on_sqlite(url, ask) if exists(url) else None


def exists(url: URL) -> bool:
    """Whether the file of a SQLite database is there; of a server that is for the server to say."""
    return url.get_backend_name() != "sqlite" or Path(url.database or "").exists()


def _on_sqlite(url: URL, use: Callable[[Connection], T]) -> T:
    engine = create_engine(url.set(drivername="sqlite"), poolclass=NullPool)

    # As in `database`: pysqlite's own idea of transactions commits tables one by one; a migration is all or nothing.
    @event.listens_for(engine, "connect")
    def own_transactions(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    with engine.connect() as connection:
        return use(connection)


def _on_postgresql(url: URL, use: Callable[[Connection], T], *, lock: bool) -> T:
    if not lock:
        return run_on_postgresql(url, use)
    # Of the transaction, so that it goes with it whatever happens.
    waiting = (f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'", f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")
    try:
        return run_on_postgresql(url, use, *waiting)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        text = f"for {LOCK_SECONDS} s another process has been bringing it up to date, or has held a table of it"
        raise DatabaseUnreachableError(text) from error


def head(package: str) -> str | None:
    """The revision that this version of the code wants."""
    return ScriptDirectory.from_config(_config(package)).get_current_head()


def known(package: str) -> set[str]:
    """All revisions that this version of the code has heard of."""
    return {script.revision for script in ScriptDirectory.from_config(_config(package)).walk_revisions()}
