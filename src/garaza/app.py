"""The one place where the service is put together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

import garaza
from garaza import page
from garaza.errors import PROBLEM_RESPONSES, UnexpectedErrors, add_handlers
from garaza.health import make_router as health_routes
from garaza.kit import migrate
from garaza.kit.api_page import add_documentation
from garaza.kit.asgi import AnswerHeaders
from garaza.live.hub import Hub
from garaza.live.routes import make_router as live_routes
from garaza.migrations import PACKAGE
from garaza.scans.routes import make_router as scan_routes
from garaza.scans.service import ScanService
from garaza.settings import Settings
from garaza.uploads.routes import make_router as upload_routes
from garaza.uploads.service import UploadService
from garaza.wiring import Parts, make_parts

logger = logging.getLogger(__name__)

_CLEAN_UP_SECONDS = 600


def create_app(settings: Settings, parts: Parts | None = None) -> FastAPI:
    """The service. Opens nothing before its lifespan begins. `parts`: others than `settings` would give."""
    parts = parts or make_parts(settings)
    scans = ScanService(parts.database, parts.data, parts.jobs)
    uploads = UploadService(settings, parts.data, parts.database, parts.jobs, parts.clock)
    hub = Hub(parts.database, parts.jobs, settings.live.poll_seconds)
    supervisor = parts.supervisor() if settings.jobs.embedded_worker else None

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(prepare, parts)
        # Uploads and new scales come through this process alone (`serve` holds the directory's lock), so that now,
        # before the first request, none is under way.
        await asyncio.to_thread(parts.data.empty_trash)
        await _sweep(parts, parts.data.inventory)
        await scans.delete_expired()
        hub.start()
        if supervisor is not None:
            await supervisor.start()
        cleaning = asyncio.create_task(_clean_up(parts, scans))
        try:
            yield
        finally:
            cleaning.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await cleaning
            await hub.stop()
            if supervisor is not None:
                await supervisor.stop()
            await parts.database.close()

    app = FastAPI(
        title="Garaza",
        version=garaza.__version__,
        description=garaza.__doc__ or "",
        lifespan=lifespan,
        redoc_url=None,
        docs_url=None,
        responses=PROBLEM_RESPONSES,
    )
    app.state.database = parts.database
    add_handlers(app)
    app.include_router(health_routes(parts, supervisor))
    app.include_router(upload_routes(uploads))
    app.include_router(scan_routes(scans, parts.jobs, parts.data))
    app.include_router(live_routes(hub, parts.database, parts.jobs, scans.result, settings.live))
    add_documentation(app)
    page.mount(app)
    # The last one added is the outermost.
    app.add_middleware(UnexpectedErrors)
    app.add_middleware(AnswerHeaders)
    return app


def prepare(parts: Parts) -> None:
    """Make the data directory and bring the database up to date. Blocks.

    Raises:
        OSError: the data directory can't be written to.
        DatabaseMissingError: it holds scans without a database.
    """
    migrate.prepare(parts.data, parts.database.url, PACKAGE)


async def _sweep(parts: Parts, inventory: Callable[[], list[Path]]) -> None:
    """Remove what a crash left. Workers of this data directory may be at work meanwhile."""
    seen = await asyncio.to_thread(inventory)
    async with parts.database.read() as session:
        known = await parts.jobs.known(session)
    removed = await asyncio.to_thread(parts.data.remove_unknown, seen, known)
    if removed:
        logger.info("removed %d leftover(s)", len(removed))


async def _clean_up(parts: Parts, scans: ScanService) -> None:
    while True:
        await asyncio.sleep(_CLEAN_UP_SECONDS)
        try:
            if deleted := await scans.delete_expired():
                logger.info("deleted %d expired scan(s)", deleted)
            await _sweep(parts, parts.data.in_work)
        except Exception:
            logger.exception("could not clean up")
