"""HTTP in and out of uploads."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.requests import ClientDisconnect

from garaza.errors import GarazaError
from garaza.uploads.schemas import UploadAnswer
from garaza.uploads.service import UploadService

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


def make_router(uploads: UploadService) -> APIRouter:
    """The routes of uploads."""
    router = APIRouter(prefix="/api", tags=["scans"])

    # The body is read as it comes, so FastAPI must not parse it: the form is described by hand.
    @router.post("/upload", openapi_extra=_FORM, summary="Upload a video")
    async def upload(request: Request) -> UploadAnswer:
        """Takes a video as the phone recorded it. It is looked into at once; what is no usable video is refused."""
        length = request.headers.get("content-length", "")
        content_length = int(length[:20]) if length.isascii() and length.isdigit() else None
        try:
            job = await uploads.receive(request.stream(), request.headers.get("content-type", ""), content_length)
        except ClientDisconnect:
            raise GarazaError(400, "upload_broke_off", "The upload broke off. Send the file again.") from None
        return UploadAnswer(
            job_id=job.id,
            filename=job.original_name,
            expires_at=job.expires_at,
            **{name: job.source[name] for name in UploadAnswer.model_fields if name in job.source},
        )

    return router
