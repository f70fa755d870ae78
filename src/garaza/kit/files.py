"""Serving a file whose content hash is known: conditional requests and ranges without reading it first."""

from __future__ import annotations

import email.utils

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response
from starlette.types import Message, Receive, Scope, Send

from garaza.kit.blobs.port import Blob
from garaza.kit.content_codings import with_suffix
from garaza.kit.packed_files import Copy

IMMUTABLE = "public, max-age=31536000, immutable"


class HashedFileResponse(FileResponse):
    """Starlette's file response (Range, multiple ranges, If-Range, HEAD) with a strong ETag and bigger reads."""

    chunk_size = 1 << 20
    """Measured at 0.60 CPU seconds a gigabyte, against 1.48 with Starlette's 64 KiB."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; what is wrong is raised, so that it is told as all errors are.

        Raises:
            HTTPException: 400 and 416 for ranges that can't be had; 404 for a file that has just been deleted.
        """
        start: Message | None = None
        begun = False

        async def hold_back(message: Message) -> None:
            # The file is opened between the head of the answer and its first bytes.
            nonlocal start, begun
            if message["type"] == "http.response.start":
                start = message
                if message["status"] >= 400:
                    ranges = {k.decode(): v.decode() for k, v in message["headers"] if k == b"content-range"}
                    detail = "There is no such range in this file. Fetch it whole, or a range within its length."
                    raise HTTPException(message["status"], detail, ranges)
                return
            if start is not None and not begun:
                begun = True
                await send(start)
            await send(message)

        try:
            await super().__call__(scope, receive, hold_back)
        except FileNotFoundError:
            if begun:
                raise
            raise HTTPException(404, "There is no such file. It may have been deleted or have expired.") from None


def file_answer(
    request_headers: Headers,
    blob: Blob,
    *,
    digest: str,
    media_type: str,
    cache_control: str,
    headers: dict[str, str] | None = None,
    copy: Copy | None = None,
) -> Response:
    """The file, or 304 where the client has it already.

    Args:
        digest: of the content; becomes the strong ETag.
        copy: what is sent instead, where the client takes it.
    """
    common = {
        "Last-Modified": email.utils.formatdate(blob.modified, usegmt=True),
        "Cache-Control": cache_control,
        **(headers or {}),
    }
    plain = f'"{digest}"'
    etag = plain if copy is None else with_suffix(plain.encode("ascii"), copy.coding).decode("ascii")
    # What the client has as it is is as good.
    for tag in dict.fromkeys((etag, plain)):
        if is_current(request_headers, tag, blob.modified):
            return Response(status_code=304, headers={"ETag": tag, **common})
    common["ETag"] = etag
    if copy is None:
        return blob.answer(media_type, common)
    common["Content-Encoding"] = copy.coding
    answer = copy.blob.answer(media_type, common)
    # Whoever asks for a range gets one of the file as it is: an end of that doesn't fit to a beginning of this.
    del answer.headers["accept-ranges"]
    return answer


def is_current(request_headers: Headers, etag: str, modified: float) -> bool:
    """Whether the client's copy is good (RFC 9110, 13.1): If-None-Match decides, If-Modified-Since only without it."""
    if (tags := request_headers.get("if-none-match")) is not None:
        wanted = [tag.strip().removeprefix("W/") for tag in tags.split(",")]
        return "*" in wanted or etag in wanted
    since = request_headers.get("if-modified-since")
    if since is None:
        return False
    try:
        return int(modified) <= email.utils.parsedate_to_datetime(since).timestamp()
    except (ValueError, OverflowError):
        return False
