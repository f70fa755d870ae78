"""What sending a large file costs: by Starlette, by `garaza serve`, and by nginx for it.

Before: a route that answers with Starlette's `FileResponse`, which reads 64 KiB at a time. After: the service, which
reads a megabyte at a time; and behind nginx with the file of `deploy`, where it only says which file it is
(X-Accel-Redirect). Costs are the CPU seconds of all processes that take part, for each gigabyte. What the system does
to hand the bytes over to a client on the same machine counts as the sender's, whoever that is: nginx alone, sending the
same file without asking anybody, and a loop that does nothing but `sendfile`, say how much that is here.

A service that has just started makes its search index beside: nothing is measured before it is done with that.
"""

from __future__ import annotations

import functools
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.finished_scan import add_finished_scan, write_room
from benchmarks.processes import Process, garaza_service, next_part, plain_service, until_idle
from benchmarks.report import Facts, Promise, Report, Row

_FILE = "model.glb"
_BY_SERVICE, _BY_PROXY = 0.7, 0.12
_BUFFER = bytearray(1 << 20)
_GB = 1e9


def run(*, quick: bool, place: Path) -> Report:
    """See the module."""
    from tests.servers.nginx import PREFIX, find_program, nginx  # noqa: PLC0415 - a package for development

    corners, times = (100_000, 10) if quick else (700_000, 100)
    job = add_finished_scan(
        place / "data", functools.partial(write_room, frames=3, width=64, height=48, corners=corners)
    )
    (model,) = (place / "data" / "results" / job).glob(f"*/{_FILE}")
    size, url = model.stat().st_size, f"/api/assets/{job}/{_FILE}"
    costs: dict[str, float] = {}
    with plain_service("benchmarks.conditional_requests:plain_files", model.parent, place / "log") as service:
        costs["FileResponse"] = _cost(_at(service), f"/files/{_FILE}", size, times, [service])
    with garaza_service(place / "data", place / "log") as service:
        until_idle(service)
        costs["garaza serve"] = _cost(_at(service), url, size, times, [service])
    if find_program() is not None:
        with ExitStack() as running:
            variables = {"GARAZA_FILES__ACCEL_PREFIX": PREFIX}
            service = running.enter_context(garaza_service(place / "data", place / "log", **variables))
            port = _free_port()
            alone = f"location /alone/ {{ alias {model.parent}/; sendfile on; tcp_nopush on; }}"
            running.enter_context(nginx(service.address, place / "data", place, port, alone))
            master = int((place / "nginx.pid").read_text(encoding="ascii"))
            senders: list[Process] = [_Known(pid) for pid in _family(master)]
            to_nginx = functools.partial(socket.create_connection, ("127.0.0.1", port))
            until_idle(service)
            before = service.cpu_seconds()
            costs["of it, nginx"] = _cost(to_nginx, url, size, times, senders)
            # With the one that doesn't count there.
            costs["of it, the service"] = (service.cpu_seconds() - before) / ((times + 1) * size / _GB)
            costs["nginx for it"] = costs["of it, nginx"] + costs["of it, the service"]
            costs["nginx alone"] = _cost(to_nginx, f"/alone/{_FILE}", size, times, senders)
    costs["sendfile alone"] = _sendfile_cost(model, size, times)
    proxied, least = costs.get("nginx for it"), costs.get("nginx alone")
    rows = [Row("CPU a gigabyte: FileResponse, garaza serve", costs["FileResponse"], costs["garaza serve"], "s/GB")]
    promises = [Promise(f"the service takes {_BY_SERVICE} s/GB at most", costs["garaza serve"] <= _BY_SERVICE)]
    if proxied is not None:
        rows.append(Row("FileResponse, nginx for garaza serve", costs["FileResponse"], proxied, "s/GB"))
        promises.append(Promise(f"with nginx both take {_BY_PROXY} s/GB at most", proxied <= _BY_PROXY))
    if proxied is not None and least is not None:
        rows.append(Row("nginx for garaza serve, nginx alone", proxied, least, "s/GB"))
    return Report(
        measured=f"{size / 1e6:.1f} MB, {times} times, by one client that throws it away",
        rows=rows,
        promises=promises,
        facts=[Facts("CPU seconds a gigabyte", ["", "s/GB"], [[n, f"{cost:.2f}"] for n, cost in costs.items()])],
        notes=[] if proxied is not None else ["There is no nginx here."],
    )


def _sendfile_cost(path: Path, size: int, times: int) -> float:
    """CPU seconds a gigabyte of a thread that only has the system send the file."""
    spent: list[float] = []

    def serve(listener: socket.socket) -> None:
        with path.open("rb") as file:
            for _ in range(times):
                connection, _ = listener.accept()
                with connection:
                    connection.recv(1 << 16)
                    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                    offset = 0
                    while offset < size:
                        offset += os.sendfile(connection.fileno(), file.fileno(), offset, 1 << 21)
        spent.append(time.thread_time())

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        connect = functools.partial(socket.create_connection, listener.getsockname())
        for _ in range(times):
            _fetch(connect, "/", size)
        thread.join()
    return spent[0] / (times * size / _GB)


class _Known(Process):
    """One that somebody else has started."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    @property
    def pid(self) -> int:
        return self._pid


def _family(master: int) -> list[int]:
    children = Path(f"/proc/{master}/task/{master}/children")
    return [master, *map(int, children.read_text(encoding="ascii").split())] if children.exists() else [master]


def _at(service: Process) -> Callable[[], socket.socket]:
    parts = urlsplit(service.address)
    return functools.partial(socket.create_connection, (str(parts.hostname), parts.port or 80))


def _free_port() -> int:
    # nginx can't be told to take any. Over a Unix socket its sendfile costs several times as much.
    with socket.create_server(("127.0.0.1", 0)) as trial:
        return int(trial.getsockname()[1])


def _cost(connect: Callable[[], socket.socket], url: str, size: int, times: int, takes_part: list[Process]) -> float:
    """CPU seconds a gigabyte, after one that doesn't count."""
    _fetch(connect, url, size)
    before = sum(process.cpu_seconds() for process in takes_part)
    for _ in range(times):
        _fetch(connect, url, size)
    return (sum(process.cpu_seconds() for process in takes_part) - before) / (times * size / _GB)


def _fetch(connect: Callable[[], socket.socket], url: str, size: int) -> None:
    with connect() as connection:
        head = f"GET {url} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode("ascii"))
        received = 0
        while count := next_part(connection, _BUFFER):
            if not received:
                assert _BUFFER.startswith(b"HTTP/1.1 200"), bytes(_BUFFER[:200])
            received += count
    assert received > size
