"""What every way of uploading is answered with, once a scan has come of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request

from garaza.errors import GarazaError
from garaza.jobs.models import Job
from garaza.uploads.schemas import NotProcessed, UploadAnswer
from garaza.uploads.sender import Sender

Process = Callable[[Job, Sender, str | None], Awaitable[tuple[int | None, float | None]]]
"""Queues a job with what is usual, under an idempotency key; gives its place in the queue, and when it expires now."""


def content_length_of(request: Request) -> int | None:
    """What the body is said to have; None where that isn't said, or is no number."""
    length = request.headers.get("content-length", "")
    return int(length[:20]) if length.isascii() and length.isdigit() else None


def broke_off() -> GarazaError:
    """For a client that has gone, and the log."""
    return GarazaError(400, "upload_broke_off", "The upload broke off. Send the file again.")


async def answer_of(job: Job, processing: Awaitable[tuple[int | None, float | None]] | None) -> UploadAnswer:
    """The video is here and stays here, whatever becomes of the wish to process it."""
    answer = UploadAnswer.of(job)
    if processing is None:
        return answer
    try:
        answer.queue_position, answer.expires_at = await processing
    except GarazaError as error:
        answer.not_processed = NotProcessed(code=error.code, detail=error.detail)
    else:
        answer.status = "processing"
    return answer
