"""A large video into a bucket, back to this machine, and out to a client: memory, CPU and time.

Before: the object read whole into memory and put by one request, and got as one value, as tutorials write it. After:
Garaza's adapter, in parts. Beside both: the same by files, which is what there is without a bucket. The bucket is
SeaweedFS on the same cores, so that times are those of both ends; CPU and memory are those of the client alone.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.processes import PeakMemory, Process
from benchmarks.report import Facts, Promise, Report, Row
from garaza.kit.blobs.local import LocalBlobs
from garaza.kit.blobs.port import Blobs, upload_key
from garaza.kit.ids import new_id
from garaza.kit.storage import DataDirectory
from tests.servers.seaweed import ACCESS_KEY, SECRET_KEY, Seaweed

_MIB = 1 << 20
_BOUND_MIB = 110
"""Of growth by putting: four parts of 8 MiB on their way, each of which is held again by the client of HTTP, and what
its first request loads."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one thing that was done with one object."""

    seconds: float
    cpu_seconds: float
    growth_mib: float

    def cpu_a_gb(self, size: int) -> float:
        return self.cpu_seconds / size * 1e9

    def rate(self, size: int) -> float:
        """MB a second."""
        return size / self.seconds / 1e6


def run(*, quick: bool, place: Path) -> Report:
    """See the module."""
    small, large = (8 * _MIB, 32 * _MIB) if quick else (64 * _MIB, 256 * _MIB)
    with Seaweed(place / "seaweed.log") as seaweed:
        bucket = (seaweed.endpoint, seaweed.new_bucket())
        plain = {size: _costs("plain", bucket, place, size) for size in (small, large)}
        own = {size: _costs("s3", bucket, place, size) for size in (small, large)}
    files = _costs("files", ("", ""), place, large)
    rows = []
    for what in ("put", "fetch", "send"):
        before, after = plain[large][what], own[large][what]
        rows += [
            Row(f"{what}, growth of RSS, {large // _MIB} MiB", before.growth_mib, after.growth_mib, "MiB"),
            Row(f"{what}, CPU", before.cpu_a_gb(large), after.cpu_a_gb(large), "s/GB"),
            Row(f"{what}, rate", before.rate(large), after.rate(large), "MB/s", "more"),
        ]
    figures = [
        [what, f"{one.cpu_a_gb(large):.2f}", f"{one.rate(large):,.0f}", f"{one.growth_mib:.0f}"]
        for what, one in files.items()
    ]
    growth = {size: max(cost.growth_mib for cost in costs.values()) for size, costs in own.items()}
    return Report(
        measured=f"an object of {large // _MIB} MiB put, fetched into a file, and sent; and one of {small // _MIB} MiB",
        rows=rows,
        facts=[Facts("By files, without a bucket", ["", "CPU s/GB", "MB/s", "growth MiB"], figures)],
        promises=[
            Promise(f"memory doesn't grow with the object: by {_BOUND_MIB} MiB at most", growth[large] <= _BOUND_MIB),
        ],
        notes=[
            f"Growth of the {small // _MIB} MiB object: {growth[small]:.0f} MiB. A file is put by renaming it, and "
            "isn't fetched at all."
        ],
    )


def _costs(kind: str, bucket: tuple[str, str], place: Path, size: int) -> dict[str, Cost]:
    """Of each act in a process of its own, of which the high-water mark of memory is told."""
    # Of an object that this process never holds.
    source = place / "source"
    with source.open("wb") as file:
        for _ in range(size // _MIB):
            file.write(secrets.token_bytes(_MIB))
    key = new_id()
    context, costs = multiprocessing.get_context("spawn"), {}
    for what in ("put", "fetch", "send"):
        with context.Pool(1) as pool:
            costs[what] = pool.apply(_measured, (kind, bucket, place, what, key))
    return costs


def _measured(kind: str, bucket: tuple[str, str], place: Path, what: str, key: str) -> Cost:
    return asyncio.run(_measure(_acts(kind, bucket, place, key)[what]))


async def _measure(act: Callable[[], Awaitable[Any]]) -> Cost:
    myself: Any = psutil.Process()
    with PeakMemory(Process(myself)) as memory:
        cpu, began = time.process_time(), time.perf_counter()
        await act()
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
    return Cost(seconds, cpu_seconds, memory.growth_bytes / _MIB)


def _acts(kind: str, bucket: tuple[str, str], place: Path, key: str) -> dict[str, Callable[[], Awaitable[Any]]]:
    if kind == "plain":
        return _plain(bucket, place, key)
    data = DataDirectory(place / "data")
    data.create()
    blobs, path = _blobs(kind, bucket, data), upload_key(key)
    return {
        "put": lambda: blobs.put(place / "source", path),
        "fetch": lambda: blobs.fetch(path, place / "fetched"),
        "send": lambda: _send(blobs, key),
    }


def _blobs(kind: str, bucket: tuple[str, str], data: DataDirectory) -> Blobs:
    if kind == "files":
        return LocalBlobs(data)
    from garaza.kit.blobs.s3 import S3Blobs, S3Options  # noqa: PLC0415 - files are measured without it

    endpoint, name = bucket
    options = S3Options(name, endpoint=endpoint, access_key_id=ACCESS_KEY, secret_access_key=SECRET_KEY)
    return S3Blobs(options, data.incoming)


async def _send(blobs: Blobs, key: str) -> None:
    """To a server that throws it away."""
    [blob] = await blobs.find(upload_key(key))
    assert blob is not None
    sent = 0

    async def take(message: Any) -> None:
        nonlocal sent
        sent += len(message.get("body", b""))

    async def receive() -> Any:
        await asyncio.Event().wait()

    scope = {"type": "http", "method": "GET", "headers": [], "asgi": {"spec_version": "2.4"}}
    await blob.answer("application/octet-stream", {})(scope, receive, take)
    assert sent == blob.size


def _plain(bucket: tuple[str, str], place: Path, key: str) -> dict[str, Callable[[], Awaitable[Any]]]:
    import obstore  # noqa: PLC0415 - files are measured without it
    from obstore.store import S3Store  # noqa: PLC0415

    endpoint, name = bucket
    store = S3Store(
        name,
        endpoint=endpoint,
        access_key_id=ACCESS_KEY,
        secret_access_key=SECRET_KEY,
        client_options={"allow_http": True},
    )

    async def put() -> None:
        await obstore.put_async(store, key, (place / "source").read_bytes(), use_multipart=False)

    async def get() -> bytes:
        return bytes(await (await obstore.get_async(store, key)).bytes_async())

    async def fetch() -> None:
        (place / "fetched").write_bytes(await get())

    return {"put": put, "fetch": fetch, "send": get}
