"""Serving the built page: compressed once at build time, immutable by the hash in each name."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Sequence
from pathlib import Path

from fastapi import FastAPI, Request, Response

from garaza.errors import not_found
from garaza.kit.documents import IDENTITY, SMALLEST, Document
from garaza.kit.files import IMMUTABLE

STATIC = Path(__file__).with_name("static")
_ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
"""The smallest first. Whoever takes zstd takes Brotli too, which at its highest level is smaller."""
# The page loads nothing from elsewhere. 'wasm-unsafe-eval' is for the decoder of compressed meshes, which may run in a
# worker made of a blob; blob: also for the textures inside a GLB.
_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; "
    "font-src 'self'; media-src 'self' blob:; connect-src 'self' blob: data:{sockets}; worker-src 'self' blob:; "
    "manifest-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors {ancestors}"
)
_HOST = re.compile(r"(?:[0-9A-Za-z._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


def policy(host: str, ancestors: Sequence[str] = ()) -> str:
    """The page's Content-Security-Policy.

    Args:
        host: that the page was asked at, with its port. Not every browser takes 'self' for its WebSockets, too.
        ancestors: origins of pages that may have this one in a frame.
    """
    sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    return _POLICY.format(sockets=sockets, ancestors=" ".join(ancestors) or "'none'")


def mount(app: FastAPI, ancestors: Sequence[str] = ()) -> None:
    """Serve the page at / and its parts below /page/. `ancestors`: see `policy`."""
    index = _load(STATIC / "index.html") if (STATIC / "index.html").exists() else None
    parts = {path.name: _load(path) for path in _plain_files(STATIC / "assets")}

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def page(request: Request) -> Response:
        if index is None:
            return Response("The page was not built. The API is described at /docs.\n", media_type="text/plain")
        answer = index.answer(request.headers, "no-cache")
        answer.headers["Content-Security-Policy"] = policy(request.headers.get("host", ""), ancestors)
        return answer

    @app.api_route("/page/{name}", methods=["GET", "HEAD"], include_in_schema=False)
    async def part(name: str, request: Request) -> Response:
        if name not in parts:
            raise not_found("file")
        answer = parts[name].answer(request.headers, IMMUTABLE)
        # Of a script that is run as a worker, this is the policy; anywhere else it is the page's.
        answer.headers["Content-Security-Policy"] = policy("")
        return answer


def _plain_files(folder: Path) -> list[Path]:
    suffixes = {suffix for _, suffix in _ENCODINGS}
    return [path for path in sorted(folder.glob("*")) if path.suffix not in suffixes]


def _load(path: Path) -> Document:
    """With the encodings that were made of it; all in memory, as the whole page is smaller than a frame of a video."""
    content = path.read_bytes()
    bodies = {}
    for coding, suffix in _ENCODINGS:
        packed = path.with_name(path.name + suffix)
        if packed.exists() and len(content) >= SMALLEST:
            bodies[coding] = packed.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Document.prepared(kind, {**bodies, IDENTITY: content})
