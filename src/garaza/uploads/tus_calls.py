"""HTTP in and out of resumable uploads. Headers are read by hand: tus has answers of its own for what is wrong."""

from __future__ import annotations

from email.utils import formatdate
from typing import Annotated

from fastapi import Header, Request, Response
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

from garaza.accounts.dependencies import MaybeUser
from garaza.errors import GarazaError
from garaza.jobs.idempotency import IDEMPOTENCY_KEY
from garaza.kit import tus
from garaza.kit.client_address import digest_of
from garaza.uploads.answers import Process, answer_of, broke_off, content_length_of
from garaza.uploads.metadata import Metadata
from garaza.uploads.resumable import Part, Progress, ResumableUploads
from garaza.uploads.sender import Sender

PATH = "/api/uploads"
JOB_ID = "Garaza-Job-Id"


async def check_version(request: Request) -> None:
    """
    Raises:
        GarazaError: 412, the client speaks another version, or doesn't say.
    """
    if request.headers.get("tus-resumable") != tus.VERSION:
        detail = f"This is tus {tus.VERSION}: send Tus-Resumable: {tus.VERSION}."
        raise GarazaError(412, "other_tus_version", detail, {"Tus-Version": tus.VERSION})


class TusCalls:
    """A method for each call; their docstrings are the description's. The version in answers is up to `TusAnswers`."""

    def __init__(self, uploads: ResumableUploads, process: Process, max_bytes: int) -> None:
        self._uploads = uploads
        self._process = process
        self._max_bytes = max_bytes

    async def options(self) -> Response:
        """The version, the extensions, and how large a video may be."""
        headers = {
            "Tus-Version": tus.VERSION,
            "Tus-Extension": tus.EXTENSIONS,
            "Tus-Max-Size": str(self._max_bytes),
            "Tus-Checksum-Algorithm": ",".join(tus.ALGORITHMS),
        }
        return Response(status_code=204, headers=headers)

    async def create(
        self,
        request: Request,
        account: MaybeUser,
        idempotency_key: Annotated[str | None, Header(**IDEMPOTENCY_KEY)] = None,
    ) -> Response:
        """The address in Location takes the video in parts, by tus 1.0.0; a first one may come along.

        The same Idempotency-Key again leads to the same upload again.
        """
        sender = Sender(account, digest_of(request))
        length, told = _number(request, "Upload-Length"), _only(request, "upload-metadata") or ""
        with_part = _has_part(request)
        part = _part(request, 0)
        progress = await self._uploads.create(length, told, sender, idempotency_key)
        if progress.offset == 0 and (with_part or length == 0):
            progress = await self._append(progress.upload.id, part, sender)
        return await self._answer(progress, sender, 201, {"Location": f"{PATH}/{progress.upload.id}"})

    async def look(self, upload_id: str, account: MaybeUser) -> Response:
        """Where it goes on. Once it has ended, Garaza-Job-Id is the scan that came of it; 410: it was refused."""
        progress = await self._uploads.look(upload_id, account)
        if progress.is_refused:
            raise GarazaError(410, "upload_refused", "This was no usable video. An empty last part is told why.")
        upload = progress.upload
        headers = {**_told(progress), "Upload-Length": str(upload.length), "Cache-Control": "no-store"}
        if upload.told:
            headers["Upload-Metadata"] = upload.told
        if upload.job_id is not None:
            headers[JOB_ID] = upload.job_id
        return Response(status_code=200, headers=headers)

    async def patch(self, upload_id: str, request: Request, account: MaybeUser) -> Response:
        """The part from Upload-Offset on. What arrives of one that breaks off is kept, unless it has a checksum.

        The last one is answered as an upload in one request is, with the scan that came of it; so is an empty one at
        the end, should that answer get lost.
        """
        if request.headers.get("content-type") != tus.CHUNK_TYPE:
            raise _other_type()
        sender = Sender(account, digest_of(request))
        progress = await self._append(upload_id, _part(request, _number(request, "Upload-Offset")), sender)
        return await self._answer(progress, sender, 204, {})

    async def delete(self, upload_id: str, account: MaybeUser) -> Response:
        """What has arrived is deleted. A scan that has come of it stays, and is named by Garaza-Job-Id."""
        job_id = await self._uploads.remove(upload_id, account)
        return Response(status_code=204, headers={} if job_id is None else {JOB_ID: job_id})

    async def post(self, upload_id: str, request: Request, account: MaybeUser) -> Response:
        """What X-HTTP-Method-Override says."""
        match request.headers.get("x-http-method-override"):
            case "PATCH":
                return await self.patch(upload_id, request, account)
            case "DELETE":
                return await self.delete(upload_id, account)
        detail = "A POST here must say PATCH or DELETE in X-HTTP-Method-Override."
        raise GarazaError(405, "method_not_allowed", detail, {"Allow": "HEAD, PATCH, DELETE, OPTIONS"})

    async def _append(self, upload_id: str, part: Part, sender: Sender) -> Progress:
        try:
            return await self._uploads.append(upload_id, part, sender)
        except ClientDisconnect:
            raise broke_off() from None

    async def _answer(self, progress: Progress, sender: Sender, status: int, headers: dict[str, str]) -> Response:
        upload, job = progress.upload, progress.job
        headers = {**headers, **_told(progress)}
        if job is None:
            return Response(status_code=status, headers=headers)
        headers[JOB_ID] = job.id
        wished = Metadata.read(upload.told).process
        # One key for whatever asks for it again: the last part may be sent twice.
        answer = await answer_of(job, self._process(job, sender, f"upload-{upload.id}") if wished else None)
        return JSONResponse(answer.model_dump(mode="json"), 200 if status == 204 else status, headers)


def _told(progress: Progress) -> dict[str, str]:
    upload = progress.upload
    headers = {"Upload-Offset": str(progress.offset)}
    if upload.ended_at is None and progress.job is None:
        headers["Upload-Expires"] = formatdate(upload.expires_at, usegmt=True)
    return headers


def _only(request: Request, name: str) -> str | None:
    """A header. Two of a name are what HTTP takes them for: one with a comma, which no number has."""
    told = request.headers.getlist(name)
    return ",".join(told) if told else None


def _number(request: Request, name: str) -> int:
    try:
        return tus.parse_number(name, _only(request, name))
    except tus.TusError as error:
        raise GarazaError(400, "bad_tus_header", str(error)) from None


def _has_part(request: Request) -> bool:
    """Whether a first part comes along.

    Raises:
        GarazaError: 415, what comes is something else.
    """
    if not (content_length_of(request) or "transfer-encoding" in request.headers):
        return False
    if request.headers.get("content-type") != tus.CHUNK_TYPE:
        raise _other_type()
    return True


def _part(request: Request, offset: int) -> Part:
    told = _only(request, "upload-checksum")
    try:
        checksum = None if told is None else tus.parse_checksum(told)
    except tus.TusError as error:
        raise GarazaError(400, "bad_tus_header", str(error)) from None
    return Part(offset, request.stream(), content_length_of(request), checksum)


def _other_type() -> GarazaError:
    return GarazaError(415, "unsupported_media_type", f"Parts of uploads are sent as Content-Type: {tus.CHUNK_TYPE}.")
