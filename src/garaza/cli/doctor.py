"""`garaza doctor`: looks at what a scan needs, and says what is missing."""

from __future__ import annotations

import platform
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from garaza.cli.common import DataDir, load_settings

_CODECS = ("h264", "hevc", "vp9", "av1")


def doctor(data_dir: DataDir = None) -> None:
    """Check that this machine can reconstruct and serve."""
    settings = load_settings(data_dir)
    checks: dict[str, Callable[[], str]] = {
        "Python": platform.python_version,
        "video decoders": _decoders,
        "structure from motion": lambda: _version_in_child("pycolmap"),
        "compiled kernels": lambda: _version_in_child("numba"),
        "data directory": lambda: _data_directory(settings.data_dir.absolute(), settings.uploads.min_free_bytes),
        "database": lambda: _database(settings.data_dir),
        "port": lambda: _port(settings.server.host, settings.server.port),
    }
    table = Table(show_header=False)
    healthy = True
    for name, check in checks.items():
        try:
            table.add_row("[green]✓[/]", name, check())
        except Exception as error:  # noqa: BLE001 - whatever is wrong is what was asked for
            healthy = False
            table.add_row("[red]✗[/]", name, f"{type(error).__name__}: {error}")
    Console().print(table)
    if not healthy:
        raise typer.Exit(1)


def _decoders() -> str:
    import av  # noqa: PLC0415

    missing = [name for name in _CODECS if not _has_decoder(name)]
    if missing:
        msg = f"no decoder for {', '.join(missing)}"
        raise RuntimeError(msg)
    return f"{', '.join(_CODECS)} (PyAV {av.__version__})"


def _has_decoder(name: str) -> bool:
    import av  # noqa: PLC0415
    import av.codec.codec  # noqa: PLC0415

    try:
        av.codec.Codec(name, "r")
    except av.codec.codec.UnknownCodecError:
        return False
    return True


def _version_in_child(module: str) -> str:
    # In a child: a wheel that doesn't fit this processor kills its process instead of raising.
    script = f"import {module}; print({module}.__version__)"
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    if child.returncode != 0:
        msg = (child.stderr.strip().splitlines() or [f"exit code {child.returncode}"])[-1]
        raise RuntimeError(msg)
    return f"{module} {child.stdout.strip()}"


def _data_directory(folder: Path, needed_bytes: int) -> str:
    from garaza.kit.storage import DataDirectory  # noqa: PLC0415

    existing = next(path for path in [folder, *folder.parents] if path.exists())
    with tempfile.NamedTemporaryFile(dir=existing):
        pass
    free = DataDirectory(existing).free_bytes()
    if free < needed_bytes:
        msg = f"only {free / 1e9:.1f} GB free below {folder}; uploads are refused under {needed_bytes / 1e9:.1f} GB"
        raise RuntimeError(msg)
    return f"{folder}, {free / 1e9:.0f} GB free"


def _database(folder: Path) -> str:
    from garaza.kit.migrate import current, head  # noqa: PLC0415
    from garaza.kit.storage import DataDirectory  # noqa: PLC0415
    from garaza.migrations import PACKAGE  # noqa: PLC0415

    path = DataDirectory(folder).database
    if not path.exists():
        return "none yet; made at the first start"
    found, wanted = current(path), head(PACKAGE)
    return f"at revision {found}" if found == wanted else f"at revision {found}; goes to {wanted} at the next start"


def _port(host: str, port: int) -> str:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            msg = f"{host}, port {port}: {error.strerror}; choose another with --port, or look who has it"
            raise RuntimeError(msg) from None
    return f"{port} on {host} is free"
