"""HTTP out of what happened to scans, and in of wishes that stop them."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from garaza.accounts.dependencies import GUESTS_TOO, MaybeUser, SignedIn
from garaza.errors import not_found
from garaza.jobs.service import JobService
from garaza.kit.blobs.port import Blobs, upload_key
from garaza.kit.fields import Selection, fields_of, picked
from garaza.kit.files import file_answer
from garaza.kit.lines import LINES_TOO, lines_answer, lines_wanted
from garaza.kit.pagination import Paging, pages, paging, paging_headers
from garaza.kit.sessions import Reading
from garaza.kit.stored_files import FILE_ROUTE
from garaza.scans.schemas import AttemptBody, EventBody, OwnScans, StatusAnswer
from garaza.scans.service import ScanService
from garaza.webhooks.schemas import DeliveryBody
from garaza.webhooks.service import WebhookService

Wanted = Annotated[Paging, Depends(paging(float, str))]
WantedFields = Annotated[Selection | None, Depends(fields_of(OwnScans))]
Status = Literal["uploaded", "processing", "completed", "failed", "cancelled"]

MAX_EVENTS = 1000
_MAX_EVENT_ID = 2**53


def make_router(scans: ScanService, jobs: JobService, blobs: Blobs, webhooks: WebhookService) -> APIRouter:
    """The routes of one's own scans, and of the course that a scan took."""
    router = APIRouter(prefix="/api/jobs", tags=["scans"])

    @router.get("", summary="One's own scans", response_model=OwnScans, responses=LINES_TOO)
    async def own(
        account: SignedIn,
        wanted: Wanted,
        request: Request,
        response: Response,
        session: Reading,
        wanted_fields: WantedFields,
        status: Annotated[Status | None, Query()] = None,
    ) -> OwnScans | Response:
        if (kind := lines_wanted(request)) is not None:
            user_id = account.user_id
            fields = wanted_fields and wanted_fields.within("jobs")
            return lines_answer(
                request, kind, wanted, lambda session, part: scans.own(session, user_id, part, status), fields
            )
        found, page = await scans.own(session, account.user_id, wanted, status)
        response.headers.update(paging_headers(request, wanted, page))
        answer = OwnScans(
            jobs=found,
            total=page.total,
            page=None if wanted.place is not None else wanted.page,
            page_size=wanted.page_size,
            total_pages=None if page.total is None else pages(page.total, wanted.page_size),
            next_cursor=page.next,
        )
        return picked(answer, wanted_fields, response)

    @router.post("/{job_id}/cancel", summary="Stop the work on a scan", openapi_extra=GUESTS_TOO)
    async def cancel(job_id: str, account: MaybeUser) -> StatusAnswer:
        """The video stays, and can be processed later."""
        return await scans.cancel(job_id, account)

    @router.get("/{job_id}/attempts", summary="How it was tried", openapi_extra=GUESTS_TOO)
    async def attempts(job_id: str, account: MaybeUser, session: Reading) -> list[AttemptBody]:
        """The last one first."""
        await jobs.get(session, job_id, account)
        rows = await jobs.attempts_of(session, job_id)
        return [AttemptBody.model_validate(row, from_attributes=True) for row in rows]

    @router.get("/{job_id}/events", summary="What happened, from any point on", openapi_extra=GUESTS_TOO)
    async def events(
        job_id: str,
        account: MaybeUser,
        session: Reading,
        after: Annotated[int, Query(ge=0, le=_MAX_EVENT_ID, description="The last event_id that is known.")] = 0,
        limit: Annotated[int, Query(ge=1, le=MAX_EVENTS)] = 100,
    ) -> list[EventBody]:
        """Oldest first. Whoever asks again with the last event_id misses nothing and gets nothing twice."""
        await jobs.get(session, job_id, account)
        rows = await jobs.events_after(session, after, limit, job_id)
        return [EventBody(event_id=row.id, kind=row.kind, at=row.at, data=row.data) for row in rows]

    @router.get("/{job_id}/webhooks", summary="Who was told of its end", openapi_extra=GUESTS_TOO)
    async def deliveries(job_id: str, account: MaybeUser, session: Reading) -> list[DeliveryBody]:
        await jobs.get(session, job_id, account)
        return await webhooks.deliveries_of(session, job_id)

    @router.head("/{job_id}/video", include_in_schema=False)
    @router.get(
        "/{job_id}/video",
        summary="The video that was uploaded",
        **FILE_ROUTE,
    )
    async def video(job_id: str, request: Request, account: SignedIn, session: Reading) -> Response:
        """For the account that uploaded it, and nobody else: it shows more of a home than the model does."""
        job = await jobs.get(session, job_id, account)
        if job.user_id != account.user_id:
            raise not_found("video")
        [blob] = await blobs.find(upload_key(job_id))
        if blob is None:
            raise not_found("video")
        return file_answer(
            request.headers,
            blob,
            # It never changes: its id stands for its content.
            digest=job_id,
            media_type="application/octet-stream",
            cache_control="private, no-cache",
            headers={"Content-Disposition": "attachment; filename=video"},
        )

    return router
