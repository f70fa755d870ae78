"""`garaza worker`: does the jobs of a data directory, beside or without a service."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from garaza.cli.common import DataDir, configure_logging, data_errors_told, load_settings, refuse

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
    from garaza.kit.migrate import prepare  # noqa: PLC0415 - `garaza --help` must not wait for it
    from garaza.migrations import PACKAGE  # noqa: PLC0415
    from garaza.wiring import make_parts  # noqa: PLC0415

    settings = load_settings(data_dir, jobs={} if concurrency is None else {"concurrency": concurrency})
    configure_logging(settings.logging)
    parts = make_parts(settings)
    with data_errors_told(parts.data.root):
        prepare(parts.data, parts.database.url, PACKAGE)
    run_worker(parts, owner, supervised=supervised)


def run_worker(parts: Parts, owner: str | None, *, supervised: bool) -> None:
    """Do the jobs of `parts` until told to stop; a broker says which, if there is one. Blocks, in the main thread."""
    from garaza.kit.ids import new_id  # noqa: PLC0415 - `garaza --help` must not wait for it
    from garaza.kit.query_times import QueryTimes  # noqa: PLC0415
    from garaza.kit.tracing import is_used, statement_spans  # noqa: PLC0415
    from garaza.observability.reporting import start_reporting  # noqa: PLC0415

    start_reporting(parts.settings, "garaza-worker")
    if is_used():
        QueryTimes(parts.database.engine, [statement_spans(parts.database.dialect)])
    name = owner or f"worker-{new_id()}"
    if parts.settings.jobs.broker_url is None:
        asyncio.run(work(parts, name, supervised=supervised))
    else:
        _work_for_broker(parts, name, supervised=supervised)


def _work_for_broker(parts: Parts, owner: str, *, supervised: bool) -> None:
    from garaza.jobs.celery_queue import CeleryMissingError  # noqa: PLC0415
    from garaza.jobs.celery_worker import CeleryWorker  # noqa: PLC0415
    from garaza.wiring import make_broker  # noqa: PLC0415

    concurrency = parts.settings.jobs.concurrency
    try:
        app = make_broker(parts.settings.jobs)
    except CeleryMissingError as error:
        refuse(f"GARAZA_JOBS__BROKER_URL is set: {error}")
    CeleryWorker(app, parts.database, parts.jobs, parts.runner(), concurrency, owner).run(supervised=supervised)


async def work(parts: Parts, owner: str, *, supervised: bool) -> None:
    """Do the jobs of `parts` until told to stop, and look into the database for them."""
    from garaza.jobs.channels import QUEUE_CHANNEL  # noqa: PLC0415
    from garaza.jobs.scratch import remove_scratch  # noqa: PLC0415
    from garaza.jobs.worker import Worker, stop_on_signals, stop_with_parent  # noqa: PLC0415
    from garaza.kit.changes import changes_of  # noqa: PLC0415

    settings = parts.settings.jobs
    changes = changes_of(parts.database, QUEUE_CHANNEL, settings.poll_seconds)
    worker_ = Worker(parts.database, parts.jobs, parts.runner(), changes, settings, owner)
    stop_on_signals(worker_.stopping)
    if supervised:
        stop_with_parent(worker_.stopping)
    try:
        if not parts.blobs.on_disk:
            await remove_scratch(parts.database, parts.data, parts.jobs)
        await worker_.run()
    finally:
        if parts.broadcaster is not None:
            await parts.broadcaster.close()
        if parts.caching is not None:
            await parts.caching.stop()
        await parts.database.close()
