"""A process that makes a snapshot of what is in the database: reading all texts would hold up a service for seconds.

python -m garaza.furniture.search.child, which reads what to do from its standard input and ends when that ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from garaza.furniture.products import Product
from garaza.furniture.repository import CatalogueRepository
from garaza.furniture.search.building import build
from garaza.kit.child_process import child_for, step_aside, when_parent_ends
from garaza.kit.database import Database, PoolOptions

_AT_ONCE = 500
_POOL = PoolOptions(
    size=1,
    overflow=0,
    timeout=30,
    recycle=-1,
    pre_ping=False,
    connect_timeout=10,
    statement_timeout=60,
    busy_timeout=30,
)


class SnapshotNotMadeError(Exception):
    """The process ended without. Its text is for operators."""


async def build_apart(url: str, folder: Path, version: int) -> None:
    """Make a snapshot in a process of its own, which ends when this is cancelled.

    Args:
        url: of the database, with its password: it is told through a pipe, so that nobody sees it among the processes.

    Raises:
        SnapshotNotMadeError: why is in the log.
    """
    command = [sys.executable, "-m", __spec__.name]
    async with child_for(command) as process:
        await process.tell(json.dumps({"url": url, "folder": str(folder), "version": version}).encode() + b"\n")
        code = await process.wait()
    if code:
        msg = f"the process that makes version {version} ready to be searched ended with {code}"
        raise SnapshotNotMadeError(msg)


def main() -> None:
    """See the module."""
    step_aside()
    wanted: dict[str, Any] = json.loads(sys.stdin.readline())
    when_parent_ends(lambda: os._exit(1))
    build(_products(wanted["url"], wanted["version"]), Path(wanted["folder"]), wanted["version"])


def _products(url: str, version: int) -> Iterator[tuple[int, Product]]:
    """All of a version, some at a time, in the order of their ids."""
    with asyncio.Runner() as runner:
        database = Database(make_url(url), _POOL)
        after = 0
        while found := runner.run(_some(database, version, after)):
            yield from found
            after = found[-1][0]
        runner.run(database.close())


async def _some(database: Database, version: int, after: int) -> list[tuple[int, Product]]:
    async with database.read() as session:
        return await CatalogueRepository(session).products(version, after, _AT_ONCE)


if __name__ == "__main__":
    main()
