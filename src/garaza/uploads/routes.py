"""HTTP in and out of uploads in one request."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.requests import ClientDisconnect

from garaza.accounts.dependencies import GUESTS_TOO, MaybeUser
from garaza.jobs.idempotency import IDEMPOTENCY_KEY
from garaza.jobs.models import Job
from garaza.kit.client_address import digest_of
from garaza.uploads.answers import Process, answer_of, broke_off, content_length_of
from garaza.uploads.schemas import UploadAnswer
from garaza.uploads.sender import Sender, Wishes
from garaza.uploads.service import UploadService
from garaza.webhooks.address import WebhookAddress


def _body(media_type: str, schema: dict[str, Any]) -> dict[str, Any]:
    # The body is read as it comes, so FastAPI must not parse it: it is described by hand.
    return {"requestBody": {"required": True, "content": {media_type: {"schema": schema}}}}


_VIDEO = {"type": "string", "contentMediaType": "video/*"}
_FORM = _body("multipart/form-data", {"type": "object", "required": ["file"], "properties": {"file": _VIDEO}})
_PLAIN = _body("application/octet-stream", {"type": "string", "format": "binary"})


class _Asked:
    """What both ways take beside the video."""

    def __init__(
        self,
        request: Request,
        account: MaybeUser,
        process: Annotated[bool, Query(description="Make the model as soon as the video is here, as usual.")] = False,
        webhook_url: Annotated[WebhookAddress | None, Query(description="Who is told when the scan has ended.")] = None,
        idempotency_key: Annotated[str | None, Header(**IDEMPOTENCY_KEY)] = None,
    ) -> None:
        self.sender = Sender(account, digest_of(request))
        self.wishes = Wishes(idempotency_key, webhook_url)
        self.process = process
        self.content_length = content_length_of(request)


def make_router(uploads: UploadService, process: Process) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api", tags=["scans"])

    async def taken(receiving: Coroutine[Any, Any, Job], asked: _Asked) -> UploadAnswer:
        try:
            job = await receiving
        except ClientDisconnect:
            raise broke_off() from None
        return await answer_of(job, process(job, asked.sender, asked.wishes.upload_key) if asked.process else None)

    @router.post("/upload", openapi_extra={**_FORM, **GUESTS_TOO}, summary="Upload a video")
    async def upload(request: Request, asked: Annotated[_Asked, Depends()]) -> UploadAnswer:
        """Takes a video as the phone recorded it. It is looked into at once; what is no usable video is refused.

        The same Idempotency-Key again gives the same scan again, whether the first answer arrived or not.
        """
        kind = request.headers.get("content-type", "")
        body = request.stream()
        return await taken(uploads.receive_form(body, kind, asked.content_length, asked.sender, asked.wishes), asked)

    @router.put("/upload", openapi_extra={**_PLAIN, **GUESTS_TOO}, summary="Upload a video as it is")
    async def upload_plain(
        request: Request,
        asked: Annotated[_Asked, Depends()],
        filename: Annotated[str, Query(max_length=1000, description="What it is called.")] = "",
    ) -> UploadAnswer:
        """The same with the video itself as the body, of whatever type. As POST, with the same keys and limits."""
        body = request.stream()
        return await taken(
            uploads.receive_plain(body, filename, asked.content_length, asked.sender, asked.wishes), asked
        )

    return router
