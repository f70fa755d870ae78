"""What a client downloads to show depth.

Before: depth and confidence as base64 of float32, in each frame of the result's JSON; Garaza still answers so where it
is asked to. After: the JSON without them, and depth as pictures (sprites) that browsers decode by themselves.
"""

from __future__ import annotations

import functools
import gzip
import http.client
import json
from dataclasses import dataclass
from pathlib import Path

from benchmarks.finished_scan import add_finished_scan, write_room
from benchmarks.processes import Process, garaza_service
from benchmarks.report import Promise, Report, Row

_TIMES_SMALLER = 20


@dataclass(frozen=True, slots=True)
class _Sizes:
    """Bytes as they are, and as a proxy that compresses would send them."""

    plain: int
    gzipped: int


def run(*, quick: bool, place: Path) -> Report:
    """See the module."""
    frames, width, height = (8, 240, 180) if quick else (60, 480, 360)
    write = functools.partial(write_room, frames=frames, width=width, height=height, corners=20_000)
    job = add_finished_scan(place / "data", write)
    with garaza_service(place / "data", place / "log") as service:
        result = _get(service, f"/api/result/{job}")
        with_frames = _get(service, f"/api/result/{job}?include=frames")
        files = {file["path"]: file["url"] for file in json.loads(result)["files"]}
        manifest = _get(service, files["depth/manifest.json"])
        coarse, fine = (
            len(manifest)
            + sum(len(_get(service, files[f"depth/{sprite[kind]}"])) for sprite in json.loads(manifest)["sprites"])
            for kind in ("coarse", "fine")
        )
    bare, full, depth_only = _sizes(result), _sizes(with_frames), _sizes(_without_confidence(with_frames))
    smaller = depth_only.plain / (bare.plain + coarse)
    # There is no confidence in sprites: they are compared with JSON that has none either.
    return Report(
        measured=f"the result of a scan with {frames} depth maps of {width} × {height}, fetched over loopback",
        rows=[
            _row("the result: JSON with depth, without", full.plain, bare.plain, "kB", 1e3),
            _row("the same, gzipped", full.gzipped, bare.gzipped, "kB", 1e3),
            _row("depth to 1 cm: JSON, coarse sprites", depth_only.plain, bare.plain + coarse, "MB", 1e6),
            _row("the same, JSON gzipped", depth_only.gzipped, bare.gzipped + coarse, "MB", 1e6),
            _row("depth to 2.5 mm: JSON, fine sprites", depth_only.plain, bare.plain + fine, "MB", 1e6),
            _row("the same, JSON gzipped", depth_only.gzipped, bare.gzipped + fine, "MB", 1e6),
        ],
        promises=[
            Promise(f"depth for the page is {_TIMES_SMALLER} times smaller than as base64", smaller >= _TIMES_SMALLER),
        ],
        notes=[
            "Sprites are rounded, base64 is exact: who needs exact depth downloads depth.npz. The scan is synthetic; "
            "its depth is about as hard to compress as that of the sample clip.",
        ],
    )


def _row(what: str, before: float, after: float, unit: str, factor: float) -> Row:
    return Row(what, before / factor, after / factor, unit)


def _get(service: Process, url: str) -> bytes:
    connection = service.connect()
    connection.request("GET", url)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    assert response.status == http.client.OK, body
    return body


def _without_confidence(result: bytes) -> bytes:
    document = json.loads(result)
    for frame in document["frames"]:
        del frame["confidence_b64"]
    return json.dumps(document).encode()


def _sizes(body: bytes) -> _Sizes:
    # Level 6 is zlib's own balance, and more than the 1 that nginx takes unless told otherwise.
    return _Sizes(len(body), len(gzip.compress(body, 6)))
