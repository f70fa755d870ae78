"""HTTP in and out of scans."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from starlette.responses import StreamingResponse

from garaza.accounts.dependencies import GUESTS_TOO, MaybeUser
from garaza.errors import GarazaError
from garaza.jobs.idempotency import IDEMPOTENCY_KEY
from garaza.jobs.service import JobService
from garaza.kit.blobs.port import Blobs, Place, result_key
from garaza.kit.client_address import digest_of
from garaza.kit.fields import Selection, fields_of, picked
from garaza.kit.sessions import Reading
from garaza.kit.stored_files import FILE_PARAMETERS, FILE_RESPONSES, stored_file_answer
from garaza.scans.files import ScanFiles
from garaza.scans.frames import FrameStreams
from garaza.scans.schemas import (
    DeleteAnswer,
    ProcessAnswer,
    ProcessRequest,
    ResultAnswer,
    ScaleAnswer,
    ScaleBody,
    ScaleRequest,
    StatusAnswer,
)
from garaza.scans.service import Asker, ScanService

MAX_IDS = 100
MAX_BODY_BYTES = 1 << 16
"""Of the small JSON documents taken here."""


def make_router(scans: ScanService, files: ScanFiles, jobs: JobService, blobs: Blobs) -> APIRouter:
    """The routes of scans."""
    router = APIRouter(prefix="/api", tags=["scans"], max_body_size=MAX_BODY_BYTES)
    frames = FrameStreams()
    # Before all others: it is asked for most.
    _add_files(router, files, blobs)

    @router.post("/process/{job_id}", summary="Make the model", openapi_extra=GUESTS_TOO)
    async def process(
        job_id: str,
        request: Request,
        account: MaybeUser,
        wishes: ProcessRequest | None = None,
        idempotency_key: Annotated[str | None, Header(**IDEMPOTENCY_KEY)] = None,
    ) -> ProcessAnswer:
        """A scan that is being processed, or is done, is refused with 409, unless the Idempotency-Key says that this
        is the request that began it, sent again.
        """
        asker = Asker(account, digest_of(request))
        waiting = await scans.process(job_id, wishes or ProcessRequest(), asker, idempotency_key)
        return ProcessAnswer(job_id=job_id, queue_position=waiting.queue_position)

    @router.get("/status/{job_id}", summary="How far is it?", openapi_extra=GUESTS_TOO)
    async def status(job_id: str, account: MaybeUser) -> StatusAnswer:
        return await scans.status(job_id, account)

    @router.get("/status", summary="How far are they?", openapi_extra=GUESTS_TOO, response_model=list[StatusAnswer])
    async def statuses(
        account: MaybeUser,
        session: Reading,
        wanted_fields: Annotated[Selection | None, Depends(fields_of(StatusAnswer))],
        ids: Annotated[str, Query(max_length=23 * MAX_IDS, description="Up to 100 ids, with commas between.")],
    ) -> list[StatusAnswer] | Response:
        wanted = ids.split(",")
        if len(wanted) > MAX_IDS:
            raise GarazaError(422, "too_many_ids", f"Ask for {MAX_IDS} scans at most at a time.")
        return picked(await scans.statuses(session, wanted, account), wanted_fields)

    @router.get("/result/{job_id}", summary="What came out", openapi_extra=GUESTS_TOO, response_model=ResultAnswer)
    async def result(
        job_id: str,
        account: MaybeUser,
        session: Reading,
        wanted_fields: Annotated[Selection | None, Depends(fields_of(ResultAnswer))],
        include: Annotated[Literal["frames"] | None, Query(description="Depth in each frame: megabytes.")] = None,
    ) -> ResultAnswer | Response:
        if include is not None and wanted_fields is not None:
            raise GarazaError(422, "include_or_fields", "Ask for heavy parts by include, or for few by fields.")
        answer = await scans.result(session, job_id, account)
        if include is None:
            return picked(answer, wanted_fields)
        job = await jobs.get(session, job_id, account)
        place = Place(blobs, result_key(job_id, job.result_version or ""))
        return StreamingResponse(await frames.stream(answer, place), media_type="application/json")

    @router.put("/scans/{job_id}/scale", summary="Make the scale metric", openapi_extra=GUESTS_TOO)
    async def scale(job_id: str, request: ScaleRequest, account: MaybeUser) -> ScaleAnswer:
        new = await scans.set_scale(job_id, request, account)
        body = ScaleBody(
            metric=new.metric,
            metres_per_unit=new.metres_per_unit,
            source=new.source,
            uncertainty=new.uncertainty,
        )
        return ScaleAnswer(job_id=job_id, scale=body)

    @router.delete("/job/{job_id}", summary="Delete a scan, and stop it if it is running", openapi_extra=GUESTS_TOO)
    async def delete(job_id: str, account: MaybeUser) -> DeleteAnswer:
        await scans.delete(job_id, account)
        return DeleteAnswer()

    return router


def _add_files(router: APIRouter, files: ScanFiles, blobs: Blobs) -> None:
    @router.head("/assets/{job_id}/{path:path}", include_in_schema=False)
    @router.get(
        "/assets/{job_id}/{path:path}",
        summary="A file of the result",
        response_class=Response,
        responses=FILE_RESPONSES,
        openapi_extra={"parameters": FILE_PARAMETERS, **GUESTS_TOO},
    )
    async def asset(job_id: str, path: str, request: Request, account: MaybeUser, v: str = "") -> Response:
        found = await files.find(job_id, path, account)
        place = Place(blobs, result_key(job_id, found.version)) / found.path
        return await stored_file_answer(
            request.headers,
            place,
            digest=found.sha256,
            media_type=found.media_type,
            version=v,
            private=found.user_id is not None,
        )
