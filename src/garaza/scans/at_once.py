"""The two calls that are made most, answered at once where all that they need is in memory.

A page that shows a scan asks for its state every few seconds, and of each file whether it has changed. FastAPI takes
longer to call a route than these take to be answered, so they are answered before it is asked. Only answers that the
routes would give are given here, and by the same functions; whatever isn't in memory, isn't allowed or is asked in an
unusual way goes on to the route.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Awaitable, Mapping
from functools import lru_cache
from pathlib import PurePosixPath

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from garaza.accounts.dependencies import token_of
from garaza.accounts.principal import Principal
from garaza.accounts.service import AccountService
from garaza.kit.asgi import headers_of
from garaza.kit.conditional import TaggedJson
from garaza.kit.content_codings import choose
from garaza.kit.stored_files import unchanged_headers
from garaza.scans.files import ScanFiles
from garaza.scans.schemas import StatusAnswer
from garaza.scans.service import ScanService

STATUS = "/api/status/{job_id}"
ASSET = "/api/assets/{job_id}/{path:path}"
_STATUS_BEGINS, _ASSET_BEGINS = "/api/status/", "/api/assets/"
_MOST_ANSWERS = 2000
"""Of states, written down: a kilobyte or two each."""
_VERSION = re.compile(rb"(?:v=([0-9a-z]*))?")
_UNUSUAL = frozenset(
    {
        b"content-length",
        b"if-match",
        b"if-range",
        b"if-unmodified-since",
        b"range",
        b"signature-input",
        b"transfer-encoding",
    }
)
"""Headers of requests that are for the routes."""
_VARY = (b"vary", b"Accept-Encoding")

_path_of = lru_cache(maxsize=256)(PurePosixPath)
_Headers = Mapping[bytes, bytes]


class AnswersAtOnce:
    """ASGI middleware: see the module. Inside what counts and limits, around what compresses and makes answers.

    Args:
        service: the application, with its routes.
        cache_control: as for `TaggedJson`.
        compressed_from: bytes from which on answers are compressed, by the `Compression` inside; None: none are.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        service: FastAPI,
        accounts: AccountService,
        scans: ScanService,
        files: ScanFiles,
        cache_control: str | None,
        compressed_from: int | None,
    ) -> None:
        self._app = app
        self._accounts = accounts
        self._scans = scans
        self._files = files
        self._cache_control = cache_control
        self._compressed_from = compressed_from
        # What `Compression` says of all that it leaves as it is.
        self._vary = () if compressed_from is None else (_VARY,)
        self._routes: dict[str, BaseRoute] = {
            str(route.path): route.original_route for route in iter_route_contexts(service.routes) if route.path
        }
        self._written: OrderedDict[str, tuple[StatusAnswer, TaggedJson]] = OrderedDict()

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """See the class."""
        answer = self._answer(scope) if scope["type"] == "http" else None
        return (self._app if answer is None else answer)(scope, receive, send)

    def _answer(self, scope: Scope) -> ASGIApp | None:
        path, method = scope["path"], scope["method"]
        if path.startswith(_STATUS_BEGINS) and method == "GET":
            find = self._status
        elif path.startswith(_ASSET_BEGINS) and method in {"GET", "HEAD"}:
            find = self._asset
        else:
            return None
        headers = headers_of(scope)
        # Of several lines of one name it is the routes that know which one counts.
        if len(headers) != len(scope["headers"]) or not _UNUSUAL.isdisjoint(headers) or scope.get("root_path"):
            return None
        token = token_of(headers.get(b"authorization", b"").decode("latin-1"))
        if token is None:
            return find(scope, headers, None)
        viewer = self._accounts.known_by_token(token)
        return None if viewer is None else find(scope, headers, viewer)

    def _status(self, scope: Scope, headers: _Headers, viewer: Principal | None) -> ASGIApp | None:
        job_id = scope["path"][len(_STATUS_BEGINS) :]
        found = self._scans.status_at_hand(job_id, viewer)
        if found is None:
            return None
        answer, written = self._written.get(job_id, (None, None))
        if written is None or answer is not found:
            body = found.model_dump_json().encode()
            written = TaggedJson(body, cache_control=self._cache_control, others=self._vary)
            self._written[job_id] = (found, written)
            if len(self._written) > _MOST_ANSWERS:
                self._written.popitem(last=False)
        if self._may_be_compressed(len(written), headers):
            return None
        scope["route"] = self._routes[STATUS]
        return written

    def _may_be_compressed(self, length: int, headers: _Headers) -> bool:
        """Or be known to the client by a name that it has when it is compressed."""
        return self._compressed_from is not None and (
            length >= self._compressed_from
            or not choose(headers.get(b"accept-encoding")).identity
            or b"-" in headers.get(b"if-none-match", b"")
        )

    def _asset(self, scope: Scope, headers: _Headers, viewer: Principal | None) -> ASGIApp | None:
        version = _VERSION.fullmatch(scope["query_string"])
        asked = headers.get(b"if-none-match")
        # Without it the file has to be looked for.
        if version is None or asked is None:
            return None
        job_id, _, path = scope["path"][len(_ASSET_BEGINS) :].partition("/")
        found = self._files.at_hand(job_id, path, viewer)
        if found is None:
            return None
        told = unchanged_headers(
            _path_of(found.path),
            digest=found.sha256,
            version=(version[1] or b"").decode("ascii"),
            private=found.user_id is not None,
            asked=asked.decode("latin-1"),
            accepted=headers.get(b"accept-encoding"),
        )
        # Where it was compressed on its way, `Compression` knows what the client calls it.
        if told is None or (self._vary and b"-" in asked and "-" not in told["ETag"]):
            return None
        scope["route"] = self._routes[ASSET]
        lines = [(name.lower().encode("ascii"), value.encode("latin-1")) for name, value in told.items()]
        return _Unchanged(lines if "Vary" in told else [*lines, *self._vary])


class _Unchanged:
    """304."""

    __slots__ = ("_headers",)

    def __init__(self, headers: list[tuple[bytes, bytes]]) -> None:
        self._headers = headers

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 304, "headers": self._headers})
        await send({"type": "http.response.body", "body": b""})
