"""The calls that are made most, answered at once where all that they need is in memory.

A page that shows a scan asks for its state every few seconds, and of each file whether it has changed. FastAPI takes
longer to call a route than these take to be answered, so they are answered before it is asked; and so is which file a
proxy has to send. Only answers that the routes would give are given here, by the same functions, or as the route gave
them before; whatever isn't in memory, isn't allowed or is asked in an unusual way goes on to the route.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Mapping
from functools import lru_cache, partial
from http import HTTPStatus
from pathlib import PurePosixPath

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from garaza.accounts.dependencies import token_of
from garaza.accounts.principal import Principal
from garaza.accounts.service import AccountService
from garaza.kit.acceleration import HEADER, KEY
from garaza.kit.asgi import headers_of
from garaza.kit.conditional import TaggedJson
from garaza.kit.content_codings import choose
from garaza.kit.stored_files import unchanged_headers
from garaza.scans.files import ScanFiles
from garaza.scans.kept import KeptFile
from garaza.scans.schemas import StatusAnswer
from garaza.scans.service import ScanService

STATUS = "/api/status/{job_id}"
ASSET = "/api/assets/{job_id}/{path:path}"
_STATUS_BEGINS, _ASSET_BEGINS = "/api/status/", "/api/assets/"
_MOST_ANSWERS = 2000
"""Of states, written down: a kilobyte or two each. And of heads for a proxy, which are no larger."""
_SECONDS_TO_HAND_ON = 60.0
"""Heads for a proxy name copies on the disk, which somebody may remove by hand for the room that they take."""
_LONGEST_NAME = 100
"""Of what heads for a proxy are kept by and clients make up, in bytes; a browser's is a quarter of that."""
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
_Lines = list[tuple[bytes, bytes]]
_Question = tuple[str, KeptFile, bytes, bytes | None]
"""What the head of an answer for a proxy depends on: scan, file, query and Accept-Encoding. A version of a result never
changes; who may have it is asked each time."""


class AnswersAtOnce:
    """ASGI middleware: see the module. Inside what counts and limits and what says that there is a proxy, around what
    compresses and makes answers.

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
        self._handed_on: OrderedDict[_Question, tuple[float, _Lines]] = OrderedDict()

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
        # Without it the file has to be looked for, by us or by a proxy.
        if version is None or (asked is None and KEY not in scope):
            return None
        job_id, _, path = scope["path"][len(_ASSET_BEGINS) :].partition("/")
        found = self._files.at_hand(job_id, path, viewer)
        if found is None:
            return None
        if asked is None:
            return self._for_proxy(scope, headers, job_id, found)
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
        lines: _Lines = [(name.lower().encode("ascii"), value.encode("latin-1")) for name, value in told.items()]
        return _Head(304, lines if "Vary" in told else [*lines, *self._vary])

    def _for_proxy(self, scope: Scope, headers: _Headers, job_id: str, found: KeptFile) -> ASGIApp | None:
        query: bytes = scope["query_string"]
        accepted = headers.get(b"accept-encoding")
        if (
            scope["method"] != "GET"
            or b"if-modified-since" in headers
            or len(query) + len(accepted or b"") > _LONGEST_NAME
        ):
            return None
        question = (job_id, found, query, accepted)
        since, lines = self._handed_on.get(question, (0.0, None))
        if lines is None or time.monotonic() - since > _SECONDS_TO_HAND_ON:
            return partial(self._learn, question)
        scope["route"] = self._routes[ASSET]
        # Whatever is around adds to them.
        return _Head(200, [*lines])

    async def _learn(self, question: _Question, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the route answer, and keep its answer."""

        async def note(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == HTTPStatus.OK:
                lines = list(message["headers"])
                if any(name == HEADER for name, _ in lines):
                    self._handed_on[question] = (time.monotonic(), lines)
                    if len(self._handed_on) > _MOST_ANSWERS:
                        self._handed_on.popitem(last=False)
            await send(message)

        await self._app(scope, receive, note)


class _Head:
    """An answer without a body."""

    __slots__ = ("_headers", "_status")

    def __init__(self, status: int, headers: _Lines) -> None:
        self._status = status
        self._headers = headers

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self._status, "headers": self._headers})
        await send({"type": "http.response.body", "body": b""})
