"""The one place where the service is put together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from fastapi import APIRouter, Depends, FastAPI

import garaza
from garaza import page
from garaza.accounts.dependencies import identify
from garaza.accounts.routes import make_router as account_routes
from garaza.admin.routes import make_router as admin_routes
from garaza.browsers import add_headers
from garaza.compressing import add_compression
from garaza.departures.routes import make_router as departure_routes
from garaza.errors import PROBLEM_RESPONSES, UnexpectedErrors, add_handlers
from garaza.furniture.importing.routes import make_router as import_routes
from garaza.furniture.making import Furniture
from garaza.furniture.picture_routes import make_picture_router
from garaza.furniture.routes import make_router as furniture_routes
from garaza.health import make_router as health_routes
from garaza.jobs.models import Job
from garaza.jobs.queue import Dispatcher
from garaza.jobs.supervisor import Supervisor
from garaza.kit import migrate
from garaza.kit.acceleration import Acceleration
from garaza.kit.api_page import add_documentation
from garaza.kit.asgi import AnswerHeaders
from garaza.kit.conditional import PRIVATE, EntityTags
from garaza.kit.route_index import RouteIndex
from garaza.kit.tus import TusAnswers
from garaza.limits.stack import Limits
from garaza.live.routes import make_router as socket_routes
from garaza.live.streams import make_router as stream_routes
from garaza.migrations import PACKAGE
from garaza.observability.collectors import CacheFigures, DiskFigures, JobMetrics
from garaza.observability.furniture_figures import FurnitureFigures
from garaza.observability.import_figures import ImportFigures, ImportMetrics
from garaza.observability.job_figures import JobFigures
from garaza.observability.live_figures import figures_of
from garaza.observability.metrics import Gauge, Metrics
from garaza.observability.routes import make_router as metrics_routes
from garaza.observability.watch import Watch
from garaza.rooms.routes import make_router as room_routes
from garaza.rooms.routes import make_shared_router
from garaza.scans.at_once import AnswersAtOnce
from garaza.scans.history import make_router as history_routes
from garaza.scans.routes import make_router as scan_routes
from garaza.scans.schemas import ProcessRequest
from garaza.scans.service import Asker
from garaza.services import Services, make_services
from garaza.settings import Settings
from garaza.uploads.routes import make_router as upload_routes
from garaza.uploads.sender import Sender
from garaza.uploads.tus_calls import PATH as TUS_PATH
from garaza.uploads.tus_calls import TusCalls
from garaza.uploads.tus_routes import make_tus_router
from garaza.webhooks.routes import describe as describe_webhooks
from garaza.webhooks.routes import make_router as webhook_routes
from garaza.wiring import Parts, make_parts

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_app(settings: Settings, parts: Parts | None = None) -> FastAPI:
    """The service. Connects to nothing before its lifespan begins. `parts`: others than `settings` would give.

    Raises:
        CeleryMissingError, SigningKeysError, OSError: something that the settings ask for can't be had.
    """
    parts = parts or make_parts(settings)
    supervisor = parts.supervisor() if settings.jobs.embedded_worker else None
    watch = Watch(settings.monitoring, settings.logging, parts.database)
    dispatcher = parts.dispatcher()
    services = make_services(parts, None if supervisor is None else lambda: supervisor.worker_pid)
    limits = Limits(parts, services.accounts.tokens)
    app = FastAPI(
        title="Garaza",
        version=garaza.__version__,
        description=garaza.__doc__ or "",
        lifespan=_make_lifespan(parts, services, supervisor, watch, dispatcher),
        redoc_url=None,
        docs_url=None,
        openapi_url=None,
        responses=PROBLEM_RESPONSES,
        # Its own traces would name paths, and believe everybody: see `kit.tracing`.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.database = parts.database
    app.state.accounts = services.accounts
    app.state.machines = services.machines
    app.state.furniture = services.furniture
    app.state.limits = limits
    add_handlers(app)
    notes = {} if services.furniture is None else {"furniture": services.furniture.note}
    app.include_router(health_routes(parts, supervisor, dispatcher, notes))
    app.include_router(_make_metrics(parts, services, supervisor, watch, limits))
    app.include_router(webhook_routes(services.keys))
    for router in _api(parts, services):
        # Who asks is found out before anything else, in a transaction that has ended when the route's own begins.
        app.include_router(router, dependencies=[Depends(identify)])
    live = services.live
    app.state.live = live
    app.include_router(socket_routes(live.service, live.ways, settings.live.auth_seconds))
    describe_webhooks(app)
    add_documentation(app)
    page.mount(app, settings.security.ancestors)
    RouteIndex(app)
    # The last one added is the outermost. Answers to what nobody foresaw are to carry all that others do: a page of
    # another origin couldn't read them, and they would be missing in the figures.
    limits.add_inner(app)
    if settings.conditional.enabled:
        app.add_middleware(EntityTags)
    add_compression(app, settings.compression)
    app.add_middleware(
        AnswersAtOnce,
        service=app,
        accounts=services.accounts,
        scans=services.scans,
        files=services.files,
        cache_control=PRIVATE if settings.conditional.enabled else None,
        compressed_from=settings.compression.minimum_bytes if settings.compression.enabled else None,
    )
    if settings.files.accel_prefix:
        app.add_middleware(Acceleration, root=parts.data.root, prefix=settings.files.accel_prefix)
    limits.add_outer(app)
    app.add_middleware(UnexpectedErrors)
    app.add_middleware(TusAnswers, path=TUS_PATH)
    add_headers(app, settings.cors, settings.security)
    watch.add_to(app)
    app.add_middleware(AnswerHeaders)
    return app


def _api(parts: Parts, services: Services) -> list[APIRouter]:
    async def process(job: Job, sender: Sender, process_key: str | None) -> tuple[int | None, float | None]:
        asker = Asker(sender.account, sender.guest)
        waiting = await services.scans.process(job.id, ProcessRequest(), asker, process_key)
        return waiting.queue_position, waiting.expires_at

    live = services.live
    return [
        # Routes are tried in their order, each router twice: first those that are asked for most.
        scan_routes(services.scans, services.files, parts.jobs, parts.blobs),
        account_routes(services.accounts),
        departure_routes(services.departures),
        upload_routes(services.uploads, process),
        make_tus_router(TusCalls(services.resumable_uploads, process, parts.settings.uploads.max_bytes)),
        history_routes(services.scans, parts.jobs, parts.blobs, parts.webhooks),
        room_routes(services.rooms, services.shares, parts.database, parts.blobs, services.removal.remove_room),
        make_shared_router(services.shares, parts.blobs),
        admin_routes(services.admin, parts.clock),
        *([] if services.furniture is None else _furniture(services.furniture)),
        import_routes(services.importing.service, services.importing.uploads),
        stream_routes(live.service, live.ways, live.tickets, parts.settings.live.stream_seconds),
    ]


def _furniture(furniture: Furniture) -> list[APIRouter]:
    return [furniture_routes(furniture.service), make_picture_router(furniture.service, furniture.pictures)]


def _make_metrics(
    parts: Parts, services: Services, supervisor: Supervisor | None, watch: Watch, limits: Limits
) -> APIRouter:
    gauges = [*figures_of(services.live), *limits.figures()]
    if supervisor is not None:
        text = "Whether the worker beside the service runs."
        gauges.append(Gauge("garaza_worker_up", text, lambda: supervisor.worker_pid is not None))
    jobs = JobFigures(parts.database, parts.jobs, parts.clock)
    others = [*watch.collectors, JobMetrics(jobs), DiskFigures(parts.data.space)]
    if parts.caching is not None:
        others.append(CacheFigures(parts.caching.cache))
    updates = [jobs.update]
    if services.furniture is not None:
        imports = ImportFigures(parts.database, services.importing.service, parts.clock)
        others += [FurnitureFigures(services.furniture, parts.clock), ImportMetrics(imports)]
        updates.append(imports.update)
    return metrics_routes(Metrics(parts.database, gauges, others), parts.settings.metrics, updates)


def _make_lifespan(
    parts: Parts, services: Services, supervisor: Supervisor | None, watch: Watch, dispatcher: Dispatcher
) -> Lifespan:
    sweeper = parts.sweeper(dispatcher)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(prepare, parts)
        async with AsyncExitStack() as ending:
            # The last one that began is the first to end.
            ending.push_async_callback(parts.database.close)
            if parts.broadcaster is not None:
                ending.push_async_callback(parts.broadcaster.close)
            if parts.shared_limits is not None:
                ending.push_async_callback(parts.shared_limits.close)
            if parts.caching is not None:
                parts.caching.cache.start()
                ending.push_async_callback(parts.caching.stop)
            ending.push_async_callback(watch.close)
            ending.callback(services.accounts.close)
            # Uploads and new scales come through this process alone (`serve` holds the directory's lock), so that now,
            # before the first request, none is under way.
            await services.housekeeping.prepare()
            ending.push_async_callback(services.live.stop)
            if supervisor is not None:
                await supervisor.start()
                ending.push_async_callback(supervisor.stop)
            sweeper.start()
            ending.push_async_callback(sweeper.stop)
            services.housekeeping.start()
            ending.push_async_callback(services.housekeeping.stop)
            if parts.settings.furniture.enabled and parts.settings.furniture.embedded_imports:
                services.importing.runner.start()
                ending.push_async_callback(services.importing.runner.stop)
            if services.furniture is not None:
                services.furniture.shelf.start()
                ending.push_async_callback(services.furniture.stop)
            if parts.settings.webhooks.enabled:
                services.deliverer.start()
                ending.push_async_callback(services.deliverer.stop)
            yield

    return lifespan


def prepare(parts: Parts) -> None:
    """Make the data directory and bring the database up to date. Blocks.

    Raises:
        OSError: the data directory can't be written to, or the database server can't be reached.
        DatabaseMissingError: it holds scans without a database.
    """
    migrate.prepare(parts.data, parts.database.url, PACKAGE)
