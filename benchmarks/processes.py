"""Servers as processes of their own, and what the operating system says of them.

Run as a module this is the server of a plain service: the same uvicorn with the same event loop and parser that Garaza
runs in, so that a comparison is one of the services alone.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_SECONDS = 120
"""For what must happen; a benchmark that waits so long has found a bug."""
_POLL_SECONDS = 0.02
_START_SECONDS, _QUIET_SECONDS, _NEARLY_NOTHING = 40, 3, 0.02


class Process:
    """A child process, as seen from outside."""

    def __init__(self, popen: subprocess.Popen[str], address: str = "") -> None:
        self.popen = popen
        self.address = address

    @property
    def pid(self) -> int:
        """Its number."""
        return self.popen.pid

    def connect(self) -> http.client.HTTPConnection:
        """A connection that is kept alive between requests."""
        parts = urlsplit(self.address)
        return http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=PATIENCE_SECONDS)

    def cpu_seconds(self) -> float:
        """User and system time so far, without its children."""
        if sys.platform == "linux":
            fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        minutes, seconds = _ps("time", self.pid).rsplit(":", 1)
        return 60 * int(minutes.rsplit(":", 1)[-1]) + float(seconds)

    def rss_bytes(self) -> int:
        """Resident memory now."""
        if sys.platform == "linux":
            return _status_bytes(self.pid, "VmRSS")
        return int(_ps("rss", self.pid)) * 1024

    def kill(self) -> None:
        """As the kernel does when memory is short."""
        self.popen.kill()
        self.popen.wait()


def next_part(connection: socket.socket, into: bytearray) -> int:
    """Bytes of the next part, 0 at the end; without sleeping until it comes.

    Who sends is charged with waking a client that sleeps. Where that is on a virtual processor that has nothing else to
    do, it takes as long as a short request, and next time it doesn't.
    """
    while True:
        try:
            return connection.recv_into(into, 0, socket.MSG_DONTWAIT)
        except BlockingIOError:
            pass


class PeakMemory:
    """Highest resident memory of a process within a block.

    Linux keeps a high-water mark that can be reset, and misses nothing; elsewhere it is asked for again and again.
    """

    def __init__(self, process: Process) -> None:
        self._process = process
        self._exact = sys.platform == "linux"
        self._over = threading.Event()
        self._sampler = threading.Thread(target=self._sample)
        self.before_bytes = 0
        self.peak_bytes = 0

    @property
    def growth_bytes(self) -> int:
        """By how much the peak was above what the process had when the block began."""
        return self.peak_bytes - self.before_bytes

    def __enter__(self) -> Self:
        self.before_bytes = self.peak_bytes = self._process.rss_bytes()
        if self._exact:
            Path(f"/proc/{self._process.pid}/clear_refs").write_text("5", encoding="ascii")
        else:
            self._sampler.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._exact:
            self.peak_bytes = _status_bytes(self._process.pid, "VmHWM")
        else:
            self._over.set()
            self._sampler.join()

    def _sample(self) -> None:
        while not self._over.wait(_POLL_SECONDS):
            self.peak_bytes = max(self.peak_bytes, self._process.rss_bytes())


def _status_bytes(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(pid)


def _ps(column: str, pid: int) -> str:
    answer = subprocess.run(["ps", "-o", f"{column}=", "-p", str(pid)], capture_output=True, text=True, check=True)
    return answer.stdout.strip()


_GENEROUS = {
    f"GARAZA_RATE_LIMITS__{rate}_PER_MINUTE": "10000000" for rate in ("AUTH", "UPLOAD", "GENERAL", "POLLING", "ASSETS")
}
"""One client asks as fast as it can here. What limits cost is part of what is measured."""


@contextmanager
def garaza_service(data_dir: Path, log: Path, **environment: str) -> Iterator[Process]:
    """`garaza serve` on a free port, as users start it, but without a worker beside it, which is not measured here."""
    command = ["garaza", "serve", "--port", "0", "--data-dir", str(data_dir)]
    settings = {"GARAZA_JOBS__EMBEDDED_WORKER": "false", **_GENEROUS, **environment}
    with child(command, log, **settings) as process:
        yield _listening(process, log)


def until_idle(*services: Process) -> None:
    """Wait for what they do by themselves after their start, the search index above all, which would count as the cost
    of what they are asked for.
    """

    def spent() -> float:
        return sum(service.cpu_seconds() for service in services)

    end = time.monotonic() + _START_SECONDS
    quiet = 0
    while quiet < _QUIET_SECONDS and time.monotonic() < end:
        before = spent()
        time.sleep(1)
        quiet = quiet + 1 if spent() - before <= len(services) * _NEARLY_NOTHING else 0


@contextmanager
def plain_service(factory: str, folder: Path, log: Path) -> Iterator[Process]:
    """The ASGI application that `factory` ("module:function") makes of `folder`, on a free port."""
    with child(["benchmarks.processes", factory, str(folder)], log) as process:
        yield _listening(process, log)


@contextmanager
def child(arguments: list[str], log: Path, **environment: str) -> Iterator[Process]:
    """`python -m` with `arguments`; it has ended when the block has."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GARAZA_")}
    with (
        log.open("a", encoding="utf-8") as errors,
        subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env={**clean, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as popen,
    ):
        try:
            yield Process(popen)
        finally:
            popen.send_signal(signal.SIGTERM)
            try:
                popen.wait(10)
            except subprocess.TimeoutExpired:
                popen.kill()


def _listening(process: Process, log: Path) -> Process:
    assert process.popen.stdout is not None
    found = re.search(r"http://\S+", process.popen.stdout.readline())
    if found is None:
        msg = f"the service did not start:\n{log.read_text(encoding='utf-8', errors='replace')[-4000:]}"
        raise RuntimeError(msg)
    process.address = found.group()
    return process


def main() -> None:
    """Arguments: module:function, folder."""
    import uvicorn  # noqa: PLC0415 - only the child needs a server
    from uvicorn.importer import import_from_string  # noqa: PLC0415

    from garaza.cli.announcing_server import AnnouncingServer  # noqa: PLC0415
    from garaza.cli.listening import listen  # noqa: PLC0415

    make, folder = import_from_string(sys.argv[1]), Path(sys.argv[2])
    listener: socket.socket = listen("127.0.0.1", 0)
    config = uvicorn.Config(make(folder), log_config=None, access_log=False, server_header=False)
    with contextlib.suppress(KeyboardInterrupt):
        AnnouncingServer(config, f"http://127.0.0.1:{listener.getsockname()[1]}").run(sockets=[listener])


if __name__ == "__main__":
    main()
