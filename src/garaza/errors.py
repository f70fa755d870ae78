"""Errors that carry their status, and how they are answered: application/problem+json (RFC 9457)."""

from __future__ import annotations

import errno
import http
import logging
from collections.abc import Awaitable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from garaza.kit.asgi import answering, has_body
from garaza.kit.blobs.port import StorageUnavailableError
from garaza.kit.database import DatabaseUnavailableError, trouble_of
from garaza.kit.traffic import route_of
from garaza.reconstruction.failures import ReconstructionFailure

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_CODES = {414: "uri_too_long", 416: "range_not_satisfiable"}
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}


class GarazaError(Exception):
    """Something the client can be told.

    Args:
        status: HTTP status.
        code: stable machine-readable name.
        detail: what happened and what to do next, for a person; never names a path or a secret.
        headers: sent with the answer.
        extra: more members of the problem document.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        headers: dict[str, str] | None = None,
        **extra: object,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers
        self.extra = extra


def not_found(what: str = "scan") -> GarazaError:
    """A thing that isn't there, or that this client may not know of: the two look the same."""
    return GarazaError(404, "not_found", f"There is no such {what}. It may have been deleted or have expired.")


def disk_full() -> GarazaError:
    """There is no room for what was asked."""
    detail = "There is no room left here. Delete old scans, or ask whoever runs this server."
    return GarazaError(507, "disk_full", detail, {"Retry-After": "3600"})


def changed_meanwhile() -> GarazaError:
    """What was asked about was there at first, and then another request put something else in its place."""
    return GarazaError(409, "changed_meanwhile", "The scan changed meanwhile. Look at it again, then retry.")


def storage_unavailable() -> GarazaError:
    """What keeps videos and results can't be reached."""
    detail = "Files can't be reached at the moment. Nothing was lost; try again in a while."
    return GarazaError(503, "storage_unavailable", detail, {"Retry-After": "10"})


def unusable_video(failure: ReconstructionFailure) -> GarazaError:
    """A file that was refused before any work was done on it."""
    return GarazaError(
        422,
        failure.reason,
        f"{failure.message} {failure.advice}",
        message=failure.message,
        advice=failure.advice,
    )


def problem(
    status: int,
    code: str,
    detail: str,
    headers: dict[str, str] | None = None,
    **extra: Any,
) -> JSONResponse:
    """A problem document. Its `type` is a relative name: nothing is published at it."""
    body = {
        "type": f"urn:garaza:problem:{code}",
        "title": _phrase(status),
        "status": status,
        "code": code,
        "detail": detail,
        **jsonable_encoder(extra),
    }
    return JSONResponse(body, status, headers, media_type=MEDIA_TYPE)


def _phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def add_handlers(app: FastAPI) -> None:
    """Answer every error of `app` as a problem document."""

    @app.exception_handler(GarazaError)
    async def garaza_error(_request: Request, error: GarazaError) -> JSONResponse:
        return _told(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        # The rejected value stays out: it may be a secret, and may not be representable in JSON.
        found = [{"where": list(e["loc"]), "message": e["msg"], "kind": e["type"]} for e in error.errors()]
        first = found[0] if found else {"where": [], "message": "invalid"}
        where = ".".join(str(part) for part in first["where"])
        return problem(422, "invalid_request", f"{where}: {first['message']}", errors=found)

    @app.exception_handler(HTTPException)
    async def http_error(_request: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == _TOO_LARGE:
            return _body_too_large()
        # What Python calls it has changed with its versions; codes are for programs, and don't.
        code = _CODES.get(error.status_code) or _phrase(error.status_code).lower().replace(" ", "_")
        return problem(error.status_code, code, str(error.detail), dict(error.headers or {}))

    _add_storage_handlers(app)


def _add_storage_handlers(app: FastAPI) -> None:
    @app.exception_handler(PoolTimeoutError)
    async def overloaded(_request: Request, _error: PoolTimeoutError) -> JSONResponse:
        return _overloaded()

    @app.exception_handler(DatabaseUnavailableError)
    async def unavailable(_request: Request, _error: DatabaseUnavailableError) -> JSONResponse:
        logger.warning("the database can't be reached")
        return _overloaded()

    @app.exception_handler(StorageUnavailableError)
    async def no_storage(_request: Request, error: StorageUnavailableError) -> JSONResponse:
        logger.warning("the storage can't be used: %s", error)
        return _told(storage_unavailable())

    @app.exception_handler(DBAPIError)
    async def database_error(_request: Request, error: DBAPIError) -> JSONResponse:
        # These happen to a healthy service that outsiders fill or press hard; anything else is for the log.
        match trouble_of(error):
            case "full":
                return _told(disk_full())
            case "busy":
                return _overloaded()
        raise error

    @app.exception_handler(OSError)
    async def system_error(_request: Request, error: OSError) -> JSONResponse:
        if error.errno not in _NO_ROOM:
            raise error
        return _told(disk_full())


def _told(error: GarazaError) -> JSONResponse:
    return problem(error.status, error.code, error.detail, error.headers, **error.extra)


def _overloaded() -> JSONResponse:
    return problem(503, "overloaded", "The service is busy. Try again in a moment.", {"Retry-After": "2"})


class UnexpectedErrors:
    """Answers what nobody foresaw, as the innermost middleware.

    Starlette's own catch-all stands outside all others: its answers would lack the request id that finds the log line.
    And its answer to a body beyond a route's limit comes past all handlers, as plain text: it is exchanged here.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return self._app(scope, receive, send)
        return self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer, send = answering(scope, send)
        exchanged = False

        async def exchanging_send(message: Message) -> None:
            nonlocal exchanged
            if message["type"] == "http.response.start" and message["status"] == _TOO_LARGE and _is_plain(message):
                exchanged = True
                await _body_too_large()(scope, receive, send)
            elif not exchanged:
                await send(message)

        try:
            # What has no body can't be too large.
            await self._app(scope, receive, exchanging_send if has_body(scope) else send)
        except Exception:
            request_id = scope.get("state", {}).get("request_id")
            logger.exception("%s %s failed, request %s", scope["method"], route_of(scope), request_id)
            if answer.status:
                # A whole answer can't be had any more. Raising on makes the server cut the connection, so that the
                # client doesn't take the part for the whole.
                raise
            apology = problem(500, "internal_error", "Something went wrong here. It was logged; please try again.")
            await apology(scope, receive, send)


_TOO_LARGE = http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def _body_too_large() -> JSONResponse:
    detail = "This request is larger than anything this call can need. Look at its description at /docs."
    return problem(_TOO_LARGE, "body_too_large", detail)


def _is_plain(message: Message) -> bool:
    return Headers(raw=message["headers"]).get("content-type", "").startswith("text/plain")


class Problem(BaseModel):
    """What every error is answered with (RFC 9457)."""

    type: str = Field(description="A name for this kind of problem: urn:garaza:problem:CODE.")
    title: str
    status: int
    code: str = Field(description="Stable; for programs.")
    detail: str = Field(description="What happened and what to do; for people.")


PROBLEM_RESPONSES: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "A problem (RFC 9457)",
        "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}},
    },
}
"""What the documentation of each operation says of its errors."""
