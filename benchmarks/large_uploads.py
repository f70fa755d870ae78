"""A large video in each of the ways it can come: against `dd`, in memory, and in what others notice of it.

Before: the raw body, written by the event loop itself, as it comes. After: `garaza serve`, by form, as the body, and by
tus in parts of 64 MiB, from the first byte to the answer of the last part taken. `dd` writes as much to the same disk,
and flushes it as Garaza does, before and after each of them: disks of shared machines write four times as fast after a
rest as when they have been busy for some seconds.

Beside each a second service is asked for /health that takes nothing: what that one waits, too, is the machine's. A
virtual one that gives free memory back to its host stands still for tens of milliseconds, again and again, for seconds
after gigabytes were freed. So nothing that was written here is removed before the end, which takes nine times as much
room as one upload.

    python -m benchmarks.large_uploads --bytes 2147483648
"""

from __future__ import annotations

import argparse
import http.client
import json
import math
import secrets
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.probing import Prober
from benchmarks.processes import ROOT, PeakMemory, Process, garaza_service, plain_service, until_idle
from benchmarks.report import Promise, Report, Row, percentile

if TYPE_CHECKING:
    from fastapi import FastAPI

_MIB = 1 << 20
_CLIP = ROOT / "samples" / "living-room.mp4"
_PART = 64 * _MIB
_GROWTH_MIB = 64
_SHARE = 0.45
_WAIT_MS = 20
WAYS = ("form", "body", "tus")
_BOUNDARY = "a-boundary-that-is-not-in-the-file"

Send = Callable[[Process, int], float]
"""Sends a video of so many bytes; when the last of them was taken."""


@dataclass(frozen=True, slots=True)
class _Cost:
    rate: float
    """MiB a second, until the last byte was taken."""
    growth_mib: float
    wait_ms: float
    """What 99 of 100 requests for /health did not exceed."""
    wait_beside_ms: float
    """The same of the service that takes nothing, in the same seconds."""


def run(*, quick: bool, place: Path) -> Report:
    """See the module."""
    return measure((40 if quick else 512) * _MIB, place)


def measure(size: int, place: Path, wanted: Sequence[str] = WAYS) -> Report:
    """With a video of so many bytes, in these ways."""
    disk = _Disk(size, place)
    sends: dict[str, Send] = {"form": _send_form, "body": _send_body, "tus": _send_tus}
    room = {"GARAZA_ACCOUNTS__GUEST_STORAGE_BYTES": "-1", "GARAZA_UPLOADS__MIN_FREE_BYTES": "0"}
    own: dict[str, _Cost] = {}
    shares: dict[str, float] = {}
    with garaza_service(place / "beside", place / "beside.log") as beside:
        with plain_service("benchmarks.large_uploads:plain_uploads", place, place / "plain.log") as service:
            plain = _cost(service, beside, size, _send_body)
        plain_share = disk.share(plain)
        with garaza_service(place / "data", place / "garaza.log", **room) as service:
            until_idle(service)
            for way in wanted:
                own[way] = _cost(service, beside, size, sends[way])
                shares[way] = disk.share(own[way])
    rows = [Row("dd, first and last", disk.rates[0], disk.rates[-1], "MiB/s", "more")]
    for way, cost in own.items():
        rows += [
            Row(f"{way}: taken", plain.rate, cost.rate, "MiB/s", "more"),
            Row(f"{way}: share of dd", plain_share, shares[way], "", "more"),
            Row(f"{way}: growth of RSS", plain.growth_mib, cost.growth_mib, "MiB"),
            Row(f"{way}: GET /health meanwhile, p99", plain.wait_ms, cost.wait_ms, "ms"),
            Row(f"{way}: of a service that takes nothing", plain.wait_beside_ms, cost.wait_beside_ms, "ms"),
        ]
    return Report(
        measured=f"one upload of {size / _MIB:.0f} MiB each way; GET /health every 5 ms",
        rows=rows,
        promises=[
            Promise(f"at least {_SHARE} of dd", all(share >= _SHARE for share in shares.values())),
            Promise(f"{_GROWTH_MIB} MiB of memory at most", all(c.growth_mib <= _GROWTH_MIB for c in own.values())),
            Promise(
                f"/health within {_WAIT_MS} ms, p99, or twice what a service waits that takes nothing",
                all(cost.wait_ms <= max(_WAIT_MS, 2 * cost.wait_beside_ms) for cost in own.values()),
            ),
        ],
        notes=[
            "A share is of the mean of dd right before and right after. Taken: the last byte was handed to the kernel, "
            "by tus the last part but one was answered, flushed to the disk; the plain service never flushes. The "
            "client and its requests for /health run on the same cores."
        ],
    )


def plain_uploads(folder: Path) -> FastAPI:
    """The plain service."""
    from fastapi import FastAPI, Request  # noqa: PLC0415 - the process that measures has no use for it

    app = FastAPI()

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    async def upload(request: Request) -> dict[str, int]:
        with (folder / "upload").open("wb") as file:
            async for chunk in request.stream():
                file.write(chunk)
            return {"size_bytes": file.tell()}

    # Annotations are text here, and FastAPI would look for Request among the module's names.
    upload.__annotations__["request"] = Request
    app.put("/api/upload")(upload)
    return app


class _Disk:
    """What `dd` makes of it at the moment."""

    def __init__(self, size: int, place: Path) -> None:
        self._size = size
        self._place = place
        self.rates: list[float] = []
        """MiB a second."""
        self._write()

    def share(self, cost: _Cost) -> float:
        """Of `dd` before and after what was done since this was last asked."""
        self._write()
        return cost.rate / statistics.mean(self.rates[-2:])

    def _write(self) -> None:
        self.rates.append(_dd(self._size, self._place / f"dd-{len(self.rates)}"))


def _dd(size: int, target: Path) -> float:
    command = ["dd", "if=/dev/zero", f"of={target}", "bs=1M", f"count={size // _MIB}", "conv=fsync", "status=none"]
    began = time.perf_counter()
    subprocess.run(command, check=True)
    return size / _MIB / (time.perf_counter() - began)


def _cost(service: Process, beside: Process, size: int, send: Send) -> _Cost:
    # The first upload loads code and fills caches of the allocator; that is no cost of the upload.
    send(service, _MIB)
    with PeakMemory(service) as memory, Prober(service) as prober, Prober(beside) as other:
        began = time.perf_counter()
        taken = send(service, size)
    growth = max(1, math.ceil(memory.growth_bytes / _MIB))
    waits = (1000 * percentile(one.waits, 99) for one in (prober, other))
    return _Cost(size / _MIB / (taken - began), growth, *waits)


def _video(size: int) -> Iterator[bytes | memoryview]:
    """The sample clip, made larger: players skip a box of type "free" in an MP4, whatever is in it."""
    clip = _CLIP.read_bytes()
    size = max(size, len(clip) + 8)
    padding = size - len(clip) - 8
    yield clip
    yield (8 + padding).to_bytes(4, "big") + b"free" if 8 + padding < 1 << 32 else b""
    # One megabyte again and again: making thousands of them would keep this process from noticing how long others wait.
    noise = memoryview(secrets.token_bytes(_MIB))
    for first in range(0, padding, _MIB):
        yield noise[: min(_MIB, padding - first)]


def _length(size: int) -> int:
    return max(size, _CLIP.stat().st_size + 8)


def _send_form(service: Process, size: int) -> float:
    form = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="room.mp4"\r\n\r\n'
    head, tail = form.encode(), f"\r\n--{_BOUNDARY}--\r\n".encode()
    kind = f"multipart/form-data; boundary={_BOUNDARY}"
    parts = [head, *_video(size), tail]
    return _request(service, "POST", len(head) + _length(size) + len(tail), kind, parts)


def _send_body(service: Process, size: int) -> float:
    return _request(service, "PUT", _length(size), "application/octet-stream", _video(size))


def _request(
    service: Process,
    method: str,
    length: int,
    kind: str,
    parts: Iterable[bytes | memoryview],
) -> float:
    connection = service.connect()
    connection.putrequest(method, "/api/upload")
    connection.putheader("Content-Type", kind)
    connection.putheader("Content-Length", str(length))
    connection.endheaders()
    for part in parts:
        connection.send(part)
    taken = time.perf_counter()
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    assert response.status == http.client.OK, answer
    return taken


def _send_tus(service: Process, size: int) -> float:
    length = _length(size)
    connection = service.connect()
    version = {"Tus-Resumable": "1.0.0"}
    connection.request("POST", "/api/uploads", headers={**version, "Upload-Length": str(length)})
    response = connection.getresponse()
    response.read()
    place = response.headers["Location"]
    pieces = _video(size)
    left = memoryview(b"")
    taken = 0.0
    for offset in range(0, length, _PART):
        part = min(_PART, length - offset)
        connection.putrequest("PATCH", place)
        for name, value in {**version, "Upload-Offset": offset, "Content-Length": part}.items():
            connection.putheader(name, str(value))
        connection.putheader("Content-Type", "application/offset+octet-stream")
        connection.endheaders()
        while part:
            if not left:
                left = memoryview(next(pieces))
                continue
            connection.send(left[:part])
            part, left = part - min(part, len(left)), left[part:]
        taken = time.perf_counter()
        response = connection.getresponse()
        answer = response.read()
        assert response.status in {http.client.OK, http.client.NO_CONTENT}, answer
    connection.close()
    return taken


def main() -> None:
    """With the size that was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.large_uploads")
    parser.add_argument("--bytes", type=int, default=2 << 30)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="garaza-large-") as folder:
        report = measure(given.bytes, Path(folder), given.ways)
    print(report.measured)
    for row in report.rows:
        print(f"{row.what:40} {row.before:10.2f} {row.after:10.2f} {row.unit}")
    for promise in report.promises:
        print("kept  " if promise.kept else "BROKEN", promise.text)


if __name__ == "__main__":
    main()
