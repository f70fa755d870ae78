"""A large file that the client has already: what asking for it once more costs.

Before: a route that answers with Starlette's `FileResponse`. It sends an ETag, but doesn't look at the one that comes
back, so that each request is answered with the whole file. After: `garaza serve`, which finds the file's digest in the
database and answers 304. Starlette's `StaticFiles` answers 304 too, but only for what everybody may have: it is here as
the bound of what a framework written in Python can do.
"""

from __future__ import annotations

import functools
import http.client
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.finished_scan import add_finished_scan, write_room
from benchmarks.processes import Process, garaza_service, plain_service
from benchmarks.report import Facts, Promise, Report, Row

if TYPE_CHECKING:
    from starlette.applications import Starlette

_BYTES_A_CORNER = 56
"""Of the plain model: position, normal and texture coordinates of each vertex, and two triangles."""
_BUFFER = bytearray(1 << 20)
_FILE = "model.glb"


@dataclass(frozen=True, slots=True)
class _Cost:
    """Of one request, on average."""

    status: int
    requests_a_second: float
    cpu_ms: float
    body_bytes: float


def run(*, quick: bool, place: Path) -> Report:
    """See the module."""
    size, full_answers, revalidations = (2_000_000, 30, 100) if quick else (20_000_000, 60, 1000)
    write = functools.partial(write_room, frames=3, width=64, height=48, corners=size // _BYTES_A_CORNER)
    job = add_finished_scan(place / "data", write)
    (model,) = (place / "data" / "results" / job).glob(f"*/{_FILE}")
    with plain_service("benchmarks.conditional_requests:plain_files", model.parent, place / "log") as service:
        before = _revalidated(service, f"/files/{_FILE}", full_answers)
        static = _revalidated(service, f"/static/{_FILE}", revalidations)
    with garaza_service(place / "data", place / "log") as service:
        after = _revalidated(service, f"/api/assets/{job}/{_FILE}", revalidations)
    headings = ["", "status", "requests/s", "CPU ms a request", "bytes of body"]
    compared = {"FileResponse": before, "StaticFiles": static, "garaza serve": after}
    return Report(
        measured=f"{model.stat().st_size / 1e6:.1f} MB asked for with If-None-Match, one client, one connection",
        rows=[
            Row("requests", before.requests_a_second, after.requests_a_second, "1/s", "more"),
            Row("CPU of the server a request", before.cpu_ms, after.cpu_ms, "ms"),
            Row("body of an answer", before.body_bytes, after.body_bytes, "bytes"),
        ],
        promises=[
            Promise("a client that has a file is sent none of it", after.status == 304 and after.body_bytes == 0),
            Promise("and asking costs less CPU than sending", after.cpu_ms < before.cpu_ms),
        ],
        facts=[
            Facts(
                "Beside what the framework can do",
                headings,
                [
                    [
                        name,
                        str(cost.status),
                        f"{cost.requests_a_second:,.0f}",
                        f"{cost.cpu_ms:.2f}",
                        f"{cost.body_bytes:,.0f}",
                    ]
                    for name, cost in compared.items()
                ],
            ),
        ],
    )


def plain_files(folder: Path) -> Starlette:
    """The plain service."""
    from starlette.applications import Starlette  # noqa: PLC0415 - the process that measures has no use for it
    from starlette.requests import Request  # noqa: PLC0415
    from starlette.responses import FileResponse  # noqa: PLC0415
    from starlette.routing import Mount, Route  # noqa: PLC0415
    from starlette.staticfiles import StaticFiles  # noqa: PLC0415

    async def file(request: Request) -> FileResponse:
        return FileResponse(folder / request.path_params["name"])

    return Starlette(routes=[Route("/files/{name}", file), Mount("/static", StaticFiles(directory=folder))])


def _revalidated(service: Process, url: str, count: int) -> _Cost:
    connection = service.connect()
    # The first one brings the ETag, and loads what the server loads lazily.
    _, _, etag = _ask(connection, url, {})
    _ask(connection, url, {"If-None-Match": etag})
    cpu, began, received = service.cpu_seconds(), time.perf_counter(), 0
    for _ in range(count):
        status, size, _ = _ask(connection, url, {"If-None-Match": etag})
        received += size
    seconds, cpu = time.perf_counter() - began, service.cpu_seconds() - cpu
    connection.close()
    return _Cost(status, count / seconds, 1000 * cpu / count, received / count)


def _ask(connection: http.client.HTTPConnection, url: str, headers: dict[str, str]) -> tuple[int, int, str]:
    """Status, bytes of the body, ETag."""
    connection.request("GET", url, headers=headers)
    response = connection.getresponse()
    assert response.status in {http.client.OK, http.client.NOT_MODIFIED}, response.read()
    received = 0
    # Into the same buffer: a client that makes an object of each piece would be what is measured.
    while count := response.readinto(_BUFFER):
        received += count
    return response.status, received, response.headers["ETag"]
