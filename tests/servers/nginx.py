"""nginx with the file of `deploy`, in front of a service that listens on this machine."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import ROOT

PREFIX = "/_garaza_files/"
_PATIENCE_SECONDS = 60


def find_program() -> str | None:
    """Where it is; None: it isn't installed."""
    return shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def _configured(address: str, data: Path, folder: Path, listen: str, also: str) -> Path:
    """The one of `deploy`, for this machine: other places, another port, and nothing to look names up with."""
    text = (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8")
    for old, new in (
        ("pid /tmp/nginx.pid;", f"pid {folder}/nginx.pid;\ndaemon off;\n{_user()}"),
        ("listen 8080;", f"listen unix:{folder}/nginx.sock;{listen}"),
        ("alias /data/;", f"alias {data}/;"),
        ("resolver 127.0.0.11 valid=5s ipv6=off;", ""),
        ("server api:8000 resolve;", f"server {address.removeprefix('http://')};"),
        ("worker_rlimit_nofile 65536;", ""),
        ("access_log /dev/stdout garaza;", "access_log off;"),
        ("        location / {", f"        {also}\n        location / {{"),
    ):
        assert old in text, old
        text = text.replace(old, new)
    text = re.sub(r"_temp_path /tmp/", f"_temp_path {folder}/", text)
    text = text.replace("error_log /dev/stderr warn;", f"error_log {folder}/error.log warn;")
    place = folder / "nginx.conf"
    place.write_text(text, encoding="utf-8")
    return place


def _user() -> str:
    # Its workers would be nobody's, who may not read what tests write.
    return "user root;" if os.getuid() == 0 else ""


@contextmanager
def nginx(address: str, data: Path, folder: Path, port: int | None = None, also: str = "") -> Iterator[Path]:
    """The socket that it listens on; and on this port, which has to be free.

    Args:
        also: what its server has besides.
    """
    program, listening = find_program(), folder / "nginx.sock"
    assert program is not None
    config = _configured(address, data, folder, "" if port is None else f" listen 127.0.0.1:{port};", also)
    with subprocess.Popen([program, "-c", str(config), "-e", str(folder / "error.log")]) as process:
        try:
            _wait_for(listening, folder / "error.log")
            yield listening
        finally:
            process.terminate()


def _wait_for(place: Path, errors: Path) -> None:
    end = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < end:
        with socket.socket(socket.AF_UNIX) as trial:
            if trial.connect_ex(str(place)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError(errors.read_text(encoding="utf-8"))
