"""A large upload: what it costs the server in memory, and what others notice of it.

Before: the upload as tutorials write it. The framework gathers the form in a temporary file, the route reads all of it
into memory and writes it out again, blocking everybody while it does. After: `garaza serve`, which writes the body to
its final place as it arrives, in pieces of a megabyte.
"""

from __future__ import annotations

import http.client
import json
import math
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.probing import Prober
from benchmarks.processes import ROOT, PeakMemory, Process, garaza_service, plain_service
from benchmarks.report import Promise, Report, Row, percentile

if TYPE_CHECKING:
    from fastapi import FastAPI

_MIB = 1 << 20
_CLIP = ROOT / "samples" / "living-room.mp4"
_BOUND_MIB = 16
"""More memory than before the upload that it may take, however large it is."""
_TIMES = 3
"""Uploads of each size: one alone would show what else the machine was doing."""
_BOUNDARY = "a-boundary-that-is-not-in-the-file"


@dataclass(frozen=True, slots=True)
class _Cost:
    """Of uploads of one size."""

    peak_mib: float
    growth_mib: int
    sent_seconds: float
    """Until the server had taken the last byte; median."""
    seconds: float
    """Until the answer; median."""
    waits: list[float]
    """Seconds that each GET /health took meanwhile."""

    def wait_ms(self, percent: float) -> float:
        """What so many of the requests for /health did not exceed."""
        return 1000 * percentile(self.waits, percent)


def run(*, quick: bool, place: Path) -> Report:
    """See the module."""
    small, large = (4, 40) if quick else (20, 200)
    with plain_service("benchmarks.uploads:plain_uploads", place, place / "plain.log") as service:
        plain = _costs(service, small, large)
    with garaza_service(place / "data", place / "garaza.log") as service:
        own = _costs(service, small, large)
    before, after = plain[large], own[large]
    return Report(
        measured=f"{_TIMES} uploads of {large} MiB, one after the other; GET /health every 5 ms",
        rows=[
            Row(f"peak RSS, {large} MiB", before.peak_mib, after.peak_mib, "MiB"),
            Row(f"growth of RSS, {small} MiB", plain[small].growth_mib, own[small].growth_mib, "MiB"),
            Row(f"growth of RSS, {large} MiB", before.growth_mib, after.growth_mib, "MiB"),
            Row("GET /health meanwhile, p50", before.wait_ms(50), after.wait_ms(50), "ms"),
            Row("GET /health meanwhile, p99", before.wait_ms(99), after.wait_ms(99), "ms"),
            Row("GET /health meanwhile, longest", before.wait_ms(100), after.wait_ms(100), "ms"),
            Row("until the last byte is taken", before.sent_seconds, after.sent_seconds, "s"),
            Row("until the upload is answered", before.seconds, after.seconds, "s"),
        ],
        promises=[
            Promise(
                f"memory doesn't grow with the upload: by {_BOUND_MIB} MiB at most",
                max(cost.growth_mib for cost in own.values()) <= _BOUND_MIB,
            ),
        ],
        notes=[
            "RSS is that of the server process, and its growth is in whole MiB: less is noise of the allocator. "
            "Garaza's answer comes after a process of its own has looked into the file; the plain service believes it.",
            "Waits are counted from when a request was due: a server that stalls doesn't hide the requests that would "
            "have come meanwhile.",
        ],
    )


def plain_uploads(folder: Path) -> FastAPI:
    """The plain service."""
    from fastapi import FastAPI, UploadFile  # noqa: PLC0415 - the process that measures has no use for it

    app = FastAPI()

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    async def upload(file: UploadFile) -> dict[str, int]:
        content = await file.read()
        (folder / "upload").write_bytes(content)
        return {"size_bytes": len(content)}

    # Annotations are text here, and FastAPI would look for UploadFile among the module's names.
    upload.__annotations__["file"] = UploadFile
    app.post("/api/upload")(upload)
    return app


def _costs(service: Process, *sizes_mib: int) -> dict[int, _Cost]:
    # The first upload loads code and fills caches of the allocator; that is no cost of the upload.
    _measured(service, 1)
    costs = {}
    for size in sizes_mib:
        uploads = [_measured(service, size) for _ in range(_TIMES)]
        costs[size] = _Cost(
            max(upload.peak_mib for upload in uploads),
            max(upload.growth_mib for upload in uploads),
            median(upload.sent_seconds for upload in uploads),
            median(upload.seconds for upload in uploads),
            [wait for upload in uploads for wait in upload.waits],
        )
    return costs


def _measured(service: Process, size_mib: int) -> _Cost:
    with PeakMemory(service) as memory, Prober(service) as prober:
        began = time.perf_counter()
        sent = _send(service, size_mib)
        answered = time.perf_counter()
    growth = max(1, math.ceil(memory.growth_bytes / _MIB))
    return _Cost(memory.peak_bytes / _MIB, growth, sent - began, answered - began, prober.waits)


def _send(service: Process, size_mib: int) -> float:
    """Upload the sample clip, made larger: players skip a box of type "free" in an MP4, whatever is in it.

    Returns:
        When the last byte was sent.
    """
    clip = _CLIP.read_bytes()
    padding = max(0, size_mib * _MIB - len(clip))
    free_box = (8 + padding).to_bytes(4, "big") + b"free"
    form = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="room.mp4"\r\n\r\n'
    head, tail = form.encode() + clip + free_box, f"\r\n--{_BOUNDARY}--\r\n".encode()
    # One megabyte again and again: making 200 of them would keep this process from noticing how long others wait.
    noise = memoryview(secrets.token_bytes(_MIB))
    connection = service.connect()
    connection.putrequest("POST", "/api/upload")
    connection.putheader("Content-Type", f"multipart/form-data; boundary={_BOUNDARY}")
    connection.putheader("Content-Length", str(len(head) + padding + len(tail)))
    connection.endheaders()
    connection.send(head)
    for first in range(0, padding, _MIB):
        connection.send(noise[: min(_MIB, padding - first)])
    connection.send(tail)
    sent = time.perf_counter()
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    assert response.status == http.client.OK, answer
    assert answer["size_bytes"] == len(clip) + len(free_box) + padding, answer
    return sent
