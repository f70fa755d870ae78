"""`garaza serve`: the service, with a worker beside it."""

from __future__ import annotations

import signal
import socket
import sys
from types import FrameType
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from garaza.cli.common import DataDir, configure_logging, data_errors_told, load_settings, refuse
from garaza.cli.listening import CannotListen, listen
from garaza.kit.garbage import built_to_stay

if TYPE_CHECKING:
    from filelock import BaseFileLock

    from garaza.cli.announcing_server import AnnouncingServer
    from garaza.settings import Settings
    from garaza.wiring import Parts


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port; 0 takes a free one.", show_default="8000"),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Start the service and say where it is."""
    given = {"host": host, "port": port}
    settings = load_settings(data_dir, server={name: value for name, value in given.items() if value is not None})
    configure_logging(settings.logging)
    run_service(settings)


def run_service(settings: Settings, parts: Parts | None = None) -> None:
    """Serve until told to stop. `parts`: others than `settings` would give."""
    with built_to_stay():
        # Who lets go of the lock lets another one serve.
        server, listener, _lock = _make_server(settings, parts)
    # Uvicorn stops in order and then sends itself the signal again, as if it had not been caught: being told to stop
    # would look like a crash.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    server.run(sockets=[listener])


def _make_server(settings: Settings, parts: Parts | None) -> tuple[AnnouncingServer, socket.socket, BaseFileLock]:
    """It, what it listens on, and the lock of its data directory."""
    import filelock  # noqa: PLC0415
    import uvicorn  # noqa: PLC0415

    from garaza.app import create_app, prepare  # noqa: PLC0415
    from garaza.cli.announcing_server import AnnouncingServer  # noqa: PLC0415
    from garaza.cli.bounded_http import BoundedHttp  # noqa: PLC0415
    from garaza.cli.bounded_sockets import BoundedSockets  # noqa: PLC0415
    from garaza.cli.descriptors import raise_limit  # noqa: PLC0415
    from garaza.jobs.celery_queue import CeleryMissingError  # noqa: PLC0415
    from garaza.kit.signing_keys import SigningKeysError  # noqa: PLC0415
    from garaza.observability.reporting import start_reporting  # noqa: PLC0415
    from garaza.wiring import make_parts  # noqa: PLC0415

    start_reporting(settings, "garaza")
    parts = parts or make_parts(settings)
    lock = filelock.FileLock(parts.data.root / "serve.lock")
    with data_errors_told(parts.data.root):
        parts.data.create()
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            refuse(f"Another Garaza is serving {parts.data.root} already. Choose another folder with --data-dir.")
        prepare(parts)
        try:
            app = create_app(settings, parts)
        except SigningKeysError as error:
            refuse(f"The keys that tokens are signed with can't be used: {error}")
        except CeleryMissingError as error:
            refuse(f"GARAZA_JOBS__BROKER_URL is set: {error}")
    if not settings.guests_allowed:
        accounts = (
            "Anybody who can reach it may make an account; GARAZA_ACCOUNTS__REGISTRATION=false leaves that to "
            "`garaza admin create`."
            if settings.accounts.registration
            else "Accounts are made by `garaza admin create`."
        )
        typer.echo(
            "Uploads without an account are off, as others can reach this address. "
            f"GARAZA_ACCOUNTS__GUESTS=true lets everybody who can reach it upload. {accounts}",
            err=True,
        )
    try:
        send_idle = settings.timeouts.send_idle_seconds if settings.timeouts.enabled else None
        listener = listen(settings.server.host, settings.server.port, send_idle)
    except CannotListen as error:
        refuse(str(error))
    raise_limit()
    config = uvicorn.Config(
        app,
        http=BoundedHttp,
        ws=BoundedSockets,
        # Messages are short, and what compressing them needs is more than all else that a connection needs.
        ws_per_message_deflate=False,
        ws_max_size=1 << 16,
        ws_ping_interval=settings.live.ping_seconds,
        ws_ping_timeout=settings.live.ping_seconds,
        timeout_keep_alive=settings.server.keep_alive_seconds,
        timeout_graceful_shutdown=int(settings.server.shutdown_seconds),
        log_config=None,
        access_log=False,
        server_header=False,
    )
    server = AnnouncingServer(config, _address(settings.server.host, listener), app.state.live.end_all)
    return server, listener, lock


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(0)


def _address(host: str, listener: socket.socket) -> str:
    shown = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{shown}:{listener.getsockname()[1]}"
