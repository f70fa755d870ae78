"""HTTP in and out of scans."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import StreamingResponse

from garaza.errors import not_found
from garaza.jobs.service import JobService
from garaza.kit.files import IMMUTABLE, REVALIDATE, file_answer
from garaza.kit.sessions import Reading, Writing
from garaza.kit.storage import DataDirectory
from garaza.scans.frames import FrameStreams
from garaza.scans.result import version_of
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
from garaza.scans.service import ScanService

MAX_IDS = 100
MAX_BODY_BYTES = 1 << 16
"""Of the small JSON documents taken here."""


def make_router(scans: ScanService, jobs: JobService, data: DataDirectory) -> APIRouter:
    """The routes of scans."""
    router = APIRouter(prefix="/api", tags=["scans"], max_body_size=MAX_BODY_BYTES)
    frames = FrameStreams()

    @router.post("/process/{job_id}", summary="Make the model")
    async def process(job_id: str, session: Writing, request: ProcessRequest | None = None) -> ProcessAnswer:
        position = await scans.process(session, job_id, request or ProcessRequest())
        return ProcessAnswer(job_id=job_id, queue_position=position)

    @router.get("/status/{job_id}", summary="How far is it?")
    async def status(job_id: str, session: Reading) -> StatusAnswer:
        return await scans.status(session, job_id)

    @router.get("/status", summary="How far are they?")
    async def statuses(
        session: Reading,
        ids: Annotated[str, Query(max_length=23 * MAX_IDS, description="Up to 100 ids, with commas between.")],
    ) -> list[StatusAnswer]:
        return await scans.statuses(session, ids.split(",")[:MAX_IDS])

    @router.get("/result/{job_id}", summary="What came out", response_model=ResultAnswer)
    async def result(
        job_id: str,
        session: Reading,
        include: Annotated[Literal["frames"] | None, Query(description="Depth in each frame: megabytes.")] = None,
    ) -> ResultAnswer | Response:
        answer = await scans.result(session, job_id)
        if include is None:
            return answer
        job = await jobs.get(session, job_id)
        folder = data.result(job_id, job.result_version or "")
        return StreamingResponse(await frames.stream(answer, folder), media_type="application/json")

    @router.head("/assets/{job_id}/{path:path}", include_in_schema=False)
    @router.get("/assets/{job_id}/{path:path}", summary="A file of the result")
    async def asset(job_id: str, path: str, request: Request, session: Reading, v: str = "") -> Response:
        file, version = await jobs.file_and_version(session, job_id, path)
        # The report is a page of its own, with its style inside: nothing else may run or load in it.
        own_page = {"Content-Security-Policy": "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'"}
        place = data.result(job_id, version) / file.path
        try:
            stat = await asyncio.to_thread(place.stat)
        except FileNotFoundError:
            # Deleted, or replaced by another scale, between the query and now.
            raise not_found("file") from None
        return file_answer(
            request.headers,
            place,
            digest=file.sha256,
            stat=stat,
            media_type=file.media_type,
            cache_control=IMMUTABLE if v == version_of(file) else REVALIDATE,
            headers=own_page if file.media_type.startswith("text/html") else None,
        )

    @router.put("/scans/{job_id}/scale", summary="Make the scale metric")
    async def scale(job_id: str, request: ScaleRequest) -> ScaleAnswer:
        new = await scans.set_scale(job_id, request)
        body = ScaleBody(
            metric=new.metric,
            metres_per_unit=new.metres_per_unit,
            source=new.source,
            uncertainty=new.uncertainty,
        )
        return ScaleAnswer(job_id=job_id, scale=body)

    @router.delete("/job/{job_id}", summary="Delete a scan, and stop it if it is running")
    async def delete(job_id: str) -> DeleteAnswer:
        await scans.delete(job_id)
        return DeleteAnswer()

    return router
