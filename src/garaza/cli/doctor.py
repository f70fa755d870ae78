"""`garaza doctor`: looks at what a scan needs, and says what is missing."""

from __future__ import annotations

import asyncio
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from garaza.cli.common import DataDir, load_settings
from garaza.cli.listening import CannotListen, listen

if TYPE_CHECKING:
    from garaza.settings import Settings

_SAMPLE = b"written by garaza doctor"
_CODECS = ("h264", "hevc", "vp9", "av1")


class _Unfit(Exception):
    """What is wrong, in words that need no name of an exception beside them."""


def doctor(data_dir: DataDir = None) -> None:
    """Check that this machine can reconstruct and serve."""
    settings = load_settings(data_dir)
    checks: dict[str, Callable[[], str]] = {
        "Python": platform.python_version,
        "video decoders": _decoders,
        "structure from motion": lambda: _version_in_child("pycolmap"),
        "compiled kernels": lambda: _version_in_child("numba"),
        "data directory": lambda: _data_directory(settings.data_dir.absolute(), settings.uploads.min_free_bytes),
        "database": lambda: _database(settings),
        "port": lambda: _port(settings.server.host, settings.server.port),
    }
    if settings.furniture.enabled:
        checks["model for texts"] = lambda: _model(settings)
    if settings.redis.url is not None:
        checks["shared limits"] = lambda: _shared_limits(settings)
    if settings.storage.url is not None:
        checks["storage"] = lambda: _storage(settings)
    table = Table(show_header=False)
    healthy = True
    for name, check in checks.items():
        try:
            table.add_row(Text("✓", "green"), name, Text(check()))
        except Exception as error:  # noqa: BLE001 - whatever is wrong is what was asked for
            healthy = False
            told = str(error) if isinstance(error, _Unfit | CannotListen) else f"{type(error).__name__}: {error}"
            table.add_row(Text("✗", "red"), name, Text(told))
    Console().print(table)
    if not healthy:
        raise typer.Exit(1)


def _decoders() -> str:
    import av  # noqa: PLC0415

    missing = [name for name in _CODECS if not _has_decoder(name)]
    if missing:
        raise _Unfit(f"no decoder for {', '.join(missing)}")
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
        raise _Unfit((child.stderr.strip().splitlines() or [f"exit code {child.returncode}"])[-1])
    return f"{module} {child.stdout.strip()}"


def _data_directory(folder: Path, needed_bytes: int) -> str:
    from garaza.kit.storage import DataDirectory  # noqa: PLC0415

    existing = next(path for path in [folder, *folder.parents] if path.exists())
    if not existing.is_dir():
        raise _Unfit(f"{existing} is a file; choose a folder with --data-dir")
    try:
        with tempfile.NamedTemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise _Unfit(f"can't write in {existing}: {error.strerror}; choose another folder with --data-dir") from error
    free = DataDirectory(existing).free_bytes()
    if free < needed_bytes:
        raise _Unfit(
            f"only {free / 1e9:.1f} GB free below {folder}; uploads are refused under {needed_bytes / 1e9:.1f} GB"
        )
    return f"{folder}, {free / 1e9:.0f} GB free"


def _database(settings: Settings) -> str:
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415

    from garaza.kit.migrate import current, exists, head, known  # noqa: PLC0415
    from garaza.migrations import PACKAGE  # noqa: PLC0415
    from garaza.wiring import database_url  # noqa: PLC0415

    url = database_url(settings)
    where = url.render_as_string(hide_password=True)
    if not exists(url):
        return "none yet; made at the first start"
    try:
        found, wanted = current(url), head(PACKAGE)
    except DBAPIError as error:
        remedy = "put a backup in its place" if url.get_backend_name() == "sqlite" else "see GARAZA_DATABASE__URL"
        raise _Unfit(f"{url.database}: {error.orig}; {remedy}") from error
    except (OSError, TimeoutError) as error:
        raise _Unfit(f"{where} can't be reached: {error}; see GARAZA_DATABASE__URL") from error
    if found is None:
        return "empty; made ready at the first start"
    if found not in known(PACKAGE):
        raise _Unfit(f"at revision {found}, of a newer version of Garaza; update this one")
    return f"at revision {found}" if found == wanted else f"at revision {found}; goes to {wanted} at the next start"


def _model(settings: Settings) -> str:
    version = _version_in_child("onnxruntime")

    from garaza.furniture.adapters import make_encoder  # noqa: PLC0415
    from garaza.furniture.embedding.port import EncoderUnavailableError  # noqa: PLC0415

    async def ask() -> str:
        encoder = make_encoder(settings.furniture)
        try:
            await encoder.query("chair")
        finally:
            await encoder.close()
        return encoder.model_id

    try:
        return f"{asyncio.run(ask())} ({version})"
    except EncoderUnavailableError as error:
        advice = "Furniture would be found by words alone until that is mended; see GARAZA_FURNITURE__MODEL_DIR"
        raise _Unfit(f"{error}. {advice}") from None


def _shared_limits(settings: Settings) -> str:
    from garaza.kit.shared_store import Script, SharedStore  # noqa: PLC0415

    async def ask() -> object:
        assert settings.redis.url is not None
        store = SharedStore(settings.redis.url.get_secret_value(), patience=5)
        try:
            return await store.run(Script("return 1"), [], [])
        finally:
            await store.close()

    if asyncio.run(ask()) is None:
        raise _Unfit("can't be used: see GARAZA_REDIS__URL. The service would run, each process counting for itself")
    return "each process counts at GARAZA_REDIS__URL"


def _storage(settings: Settings) -> str:
    from garaza.kit.blobs.port import StorageUnavailableError, upload_key  # noqa: PLC0415
    from garaza.kit.ids import new_id  # noqa: PLC0415
    from garaza.kit.storage import DataDirectory  # noqa: PLC0415
    from garaza.wiring import make_blobs  # noqa: PLC0415

    blobs = make_blobs(settings.storage, DataDirectory(settings.data_dir))
    # As a video is: what a doctor leaves who is stopped half-way is swept like one.
    key = upload_key(new_id())

    async def try_out(file: Path) -> bool:
        await blobs.check()
        await blobs.put(file, key)
        read = await blobs.read(key)
        await blobs.remove(key)
        return read == [_SAMPLE]

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sample"
        file.write_bytes(_SAMPLE)
        try:
            same = asyncio.run(try_out(file))
        except (StorageUnavailableError, FileNotFoundError) as error:
            told = str(error) or "what was just written isn't there"
            raise _Unfit(f"{blobs.name} can't be used: {told}; see GARAZA_STORAGE__…") from None
    if not same:
        raise _Unfit(f"{blobs.name} doesn't give back what was written")
    return f"{blobs.name}: written, read and removed"


def _port(host: str, port: int) -> str:
    listen(host, port).close()
    return f"{port} on {host} is free" if port else f"a free one on {host}, chosen at each start"
