"""The two calls that are made most, answered at once where all that they need is in memory.

A page that shows a scan asks for its state every few seconds, and of each file whether it has changed. FastAPI takes
longer to call a route than these take to be answered, so they are answered before it is asked. Only answers that the
routes would give are given here, and by the same functions; whatever isn't in memory, isn't allowed or is asked in an
unusual way goes on to the route.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from functools import lru_cache
from pathlib import PurePosixPath

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from garaza.accounts.dependencies import identified_at_once
from garaza.kit.conditional import TaggedJson
from garaza.kit.stored_files import unchanged_answer
from garaza.kit.timeouts import has_body
from garaza.scans.files import ScanFiles
from garaza.scans.schemas import StatusAnswer
from garaza.scans.service import ScanService

STATUS = "/api/status/{job_id}"
ASSET = "/api/assets/{job_id}/{path:path}"
_MOST_ANSWERS = 2000
"""Of states, written down: a kilobyte or two each."""
_VERSION = re.compile(rb"(?:v=([0-9a-z]*))?")
_READS = frozenset({"GET", "HEAD"})

_path_of = lru_cache(maxsize=256)(PurePosixPath)


class AnswersAtOnce:
    """ASGI middleware: see the module. Inside what counts, limits and compresses, around all that makes answers."""

    def __init__(
        self, app: ASGIApp, *, service: FastAPI, scans: ScanService, files: ScanFiles, cache_control: str | None
    ) -> None:
        """`service`: the application, with the routes. `cache_control`: as for `TaggedJson`."""
        self._app = app
        self._scans = scans
        self._files = files
        self._cache_control = cache_control
        self._routes: dict[str, BaseRoute] = {
            str(route.path): route.original_route for route in iter_route_contexts(service.routes) if route.path
        }
        self._written: OrderedDict[str, tuple[StatusAnswer, TaggedJson]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the class."""
        answer = self._answer(scope) if scope["type"] == "http" else None
        await (self._app if answer is None else answer)(scope, receive, send)

    def _answer(self, scope: Scope) -> ASGIApp | None:
        path = scope["path"]
        if scope["method"] not in _READS or scope.get("root_path") or has_body(scope):
            return None
        if path.startswith("/api/status/"):
            return self._status(scope, path[12:])
        if path.startswith("/api/assets/"):
            return self._asset(scope, path[12:])
        return None

    def _status(self, scope: Scope, job_id: str) -> ASGIApp | None:
        if scope["method"] != "GET":
            return None
        known, viewer = identified_at_once(HTTPConnection(scope))
        found = self._scans.status_at_hand(job_id, viewer) if known else None
        if found is None:
            return None
        scope["route"] = self._routes[STATUS]
        answer, written = self._written.get(job_id, (None, None))
        if written is None or answer is not found:
            written = TaggedJson(found.model_dump_json().encode(), cache_control=self._cache_control)
            self._written[job_id] = (found, written)
            if len(self._written) > _MOST_ANSWERS:
                self._written.popitem(last=False)
        return written

    def _asset(self, scope: Scope, rest: str) -> ASGIApp | None:
        job_id, _, path = rest.partition("/")
        asked = _VERSION.fullmatch(scope["query_string"])
        connection = HTTPConnection(scope)
        # Without it the file has to be looked for.
        if asked is None or "if-none-match" not in connection.headers:
            return None
        known, viewer = identified_at_once(connection)
        found = self._files.at_hand(job_id, path, viewer) if known else None
        if found is None:
            return None
        answer = unchanged_answer(
            connection.headers,
            _path_of(found.path),
            digest=found.sha256,
            media_type=found.media_type,
            version=(asked[1] or b"").decode("ascii"),
            private=found.user_id is not None,
        )
        if answer is not None:
            scope["route"] = self._routes[ASSET]
        return answer
