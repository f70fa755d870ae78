"""The routes of resumable uploads, and how they are described."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Response

from garaza.accounts.dependencies import GUESTS_TOO
from garaza.kit import tus
from garaza.uploads.schemas import UploadAnswer
from garaza.uploads.tus_calls import JOB_ID, PATH, TusCalls, check_version

_ONE = "/{upload_id}"
_NUMBER = {"type": "string", "pattern": "^[0-9]{1,18}$"}
_HEADERS: dict[str, dict[str, Any]] = {
    "Tus-Resumable": {"required": True, "schema": {"type": "string", "enum": [tus.VERSION]}},
    "Upload-Length": {"required": True, "schema": _NUMBER, "description": "Bytes of the whole video."},
    "Upload-Offset": {"required": True, "schema": _NUMBER, "description": "Where this part begins."},
    "Upload-Metadata": {
        "schema": {"type": "string", "maxLength": tus.MAX_METADATA_BYTES},
        "description": "Keys with values in base64: `filename`; `process`, true for making the model as soon as the "
        "video is here; `webhook_url`, who is told when the scan has ended. Others are kept and told again.",
        "example": "filename a2l0Y2hlbi5tcDQ=,process dHJ1ZQ==",
    },
    "Upload-Checksum": {
        "schema": {"type": "string"},
        "description": f"Of this part: one of {', '.join(tus.ALGORITHMS)}, and the digest in base64.",
        "example": "sha1 2jmj7l5rSw0yVb/vlWAYkK/YBwk=",
    },
    "X-HTTP-Method-Override": {
        "required": True,
        "schema": {"type": "string", "enum": ["PATCH", "DELETE"]},
        "description": "For clients that can send nothing but POST.",
    },
}
_STATE = ("Upload-Offset", "Upload-Expires")


def make_tus_router(calls: TusCalls) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix=PATH, tags=["scans"], default_response_class=Response)
    options: dict[str, Any] = {"methods": ["OPTIONS"], "status_code": 204, "openapi_extra": GUESTS_TOO}
    router.add_api_route("", calls.options, **options, summary="What tus can do here")
    router.add_api_route(_ONE, calls.options, **options, include_in_schema=False)
    versioned: dict[str, Any] = {"dependencies": [Depends(check_version)]}
    router.add_api_route(
        "",
        calls.create,
        methods=["POST"],
        status_code=201,
        responses={201: _answer("It has begun.", "Location", *_STATE)},
        openapi_extra=_described("Tus-Resumable", "Upload-Length", "Upload-Metadata", "Upload-Checksum", part="may"),
        summary="Begin a resumable upload",
        **versioned,
    )
    router.add_api_route(
        _ONE,
        calls.look,
        methods=["HEAD"],
        responses={200: _answer("It is here.", *_STATE, "Upload-Length", JOB_ID)},
        openapi_extra=_described("Tus-Resumable"),
        summary="How far a resumable upload is",
        **versioned,
    )
    added: dict[int | str, dict[str, Any]] = {
        200: {**_answer("All has come: what it became.", *_STATE, JOB_ID), "model": UploadAnswer},
        204: _answer("It has come.", *_STATE),
    }
    router.add_api_route(
        _ONE,
        calls.patch,
        methods=["PATCH"],
        status_code=204,
        responses=added,
        openapi_extra=_described("Tus-Resumable", "Upload-Offset", "Upload-Checksum", part="must"),
        summary="Send a part of a resumable upload",
        **versioned,
    )
    router.add_api_route(
        _ONE,
        calls.delete,
        methods=["DELETE"],
        status_code=204,
        openapi_extra=_described("Tus-Resumable"),
        summary="Give up a resumable upload",
        **versioned,
    )
    wanted = ("Tus-Resumable", "X-HTTP-Method-Override", "Upload-Offset", "Upload-Checksum")
    router.add_api_route(
        _ONE,
        calls.post,
        methods=["POST"],
        status_code=204,
        responses=added,
        openapi_extra=_described(*wanted, part="may"),
        summary="PATCH or DELETE, for those who can send neither",
        **versioned,
    )
    return router


def _described(*headers: str, part: str | None = None) -> dict[str, Any]:
    """What clients send."""
    listed = [{"name": name, "in": "header", **_HEADERS[name]} for name in headers]
    extra: dict[str, Any] = {**GUESTS_TOO, "parameters": listed}
    if part is not None:
        content = {tus.CHUNK_TYPE: {"schema": {"type": "string", "format": "binary"}}}
        extra["requestBody"] = {"required": part == "must", "content": content}
    return extra


def _answer(description: str, *headers: str) -> dict[str, Any]:
    told = {name: {"schema": {"type": "string"}} for name in headers}
    return {"description": description, "headers": told}
