"""HTTP in and out of uploads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from starlette.requests import ClientDisconnect

from garaza.accounts.dependencies import GUESTS_TOO, MaybeUser
from garaza.errors import GarazaError
from garaza.jobs.idempotency import IDEMPOTENCY_KEY
from garaza.jobs.models import Job
from garaza.kit.client_address import digest_of
from garaza.uploads.schemas import NotProcessed, UploadAnswer
from garaza.uploads.service import Sender, UploadService, Wishes
from garaza.webhooks.address import WebhookAddress

Process = Callable[[Job, Sender, str | None], Awaitable[tuple[int | None, float | None]]]
"""Queues a job with what is usual, under an idempotency key; gives its place in the queue, and when it expires now."""

_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "contentMediaType": "video/*"}},
                },
            },
        },
    },
}


def make_router(uploads: UploadService, process: Process) -> APIRouter:
    """The routes of uploads."""
    router = APIRouter(prefix="/api", tags=["scans"])

    # The body is read as it comes, so FastAPI must not parse it: the form is described by hand.
    @router.post("/upload", openapi_extra={**_FORM, **GUESTS_TOO}, summary="Upload a video")
    async def upload(
        request: Request,
        account: MaybeUser,
        process_it: Annotated[
            bool, Query(alias="process", description="Make the model as soon as the video is here, as usual.")
        ] = False,
        webhook_url: Annotated[WebhookAddress | None, Query(description="Who is told when the scan has ended.")] = None,
        idempotency_key: Annotated[str | None, Header(**IDEMPOTENCY_KEY)] = None,
    ) -> UploadAnswer:
        """Takes a video as the phone recorded it. It is looked into at once; what is no usable video is refused.

        The same Idempotency-Key again gives the same scan again, whether the first answer arrived or not.
        """
        length = request.headers.get("content-length", "")
        content_length = int(length[:20]) if length.isascii() and length.isdigit() else None
        sender = Sender(account, digest_of(request))
        wishes = Wishes(idempotency_key, webhook_url)
        content_type = request.headers.get("content-type", "")
        try:
            job = await uploads.receive(request.stream(), content_type, content_length, sender, wishes)
        except ClientDisconnect:
            raise GarazaError(400, "upload_broke_off", "The upload broke off. Send the file again.") from None
        answer = UploadAnswer(
            job_id=job.id,
            filename=job.original_name,
            expires_at=job.expires_at,
            **{name: job.source[name] for name in UploadAnswer.model_fields if name in job.source},
        )
        if process_it:
            await _process(answer, process(job, sender, idempotency_key))
        return answer

    return router


async def _process(answer: UploadAnswer, processing: Awaitable[tuple[int | None, float | None]]) -> None:
    """The video is here and stays here, whatever becomes of the wish to process it."""
    try:
        answer.queue_position, answer.expires_at = await processing
    except GarazaError as error:
        answer.not_processed = NotProcessed(code=error.code, detail=error.detail)
    else:
        answer.status = "processing"
