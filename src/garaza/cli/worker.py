"""`garaza worker`: does the jobs of a data directory, beside or without a service."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from garaza.cli.common import DataDir, configure_logging, data_errors_told, load_settings

if TYPE_CHECKING:
    from garaza.wiring import Parts


def worker(
    data_dir: DataDir = None,
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="Jobs to do at once.", show_default="1"),
    ] = None,
    owner: Annotated[str | None, typer.Option(hidden=True, help="Name to hold leases under.")] = None,
    supervised: Annotated[bool, typer.Option(hidden=True, help="End when standard input ends.")] = False,
) -> None:
    """Work on scans until stopped."""
    from garaza.app import prepare  # noqa: PLC0415 - `garaza --help` must not wait for it
    from garaza.wiring import make_parts  # noqa: PLC0415

    settings = load_settings(data_dir, jobs={} if concurrency is None else {"concurrency": concurrency})
    configure_logging()
    parts = make_parts(settings)
    with data_errors_told(parts.data.root):
        prepare(parts)
    asyncio.run(work(parts, owner, supervised=supervised))


async def work(parts: Parts, owner: str | None, *, supervised: bool) -> None:
    """Do the jobs of `parts` until told to stop."""
    from garaza.jobs.worker import Worker, stop_on_signals, stop_with_parent  # noqa: PLC0415
    from garaza.kit.ids import new_id  # noqa: PLC0415

    name = owner or f"worker-{new_id()}"
    worker_ = Worker(parts.database, parts.jobs, parts.runner(), parts.settings.jobs, name)
    stop_on_signals(worker_.stopping)
    if supervised:
        stop_with_parent(worker_.stopping)
    try:
        await worker_.run()
    finally:
        await parts.database.close()
