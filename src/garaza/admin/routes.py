"""HTTP in and out of operating the service. Every call is for admins, and for machines that may stand for one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from garaza.accounts.activities import ACTION_PATTERN
from garaza.accounts.dependencies import AdminOnly
from garaza.accounts.models import Activity, User
from garaza.accounts.plans import Plan
from garaza.accounts.profile import Stats
from garaza.accounts.routes import stats_body
from garaza.accounts.schemas import UserBody
from garaza.admin.schemas import (
    AdminJob,
    AuditBody,
    AuditList,
    CleanupAnswer,
    ClearAnswer,
    DiskAnswer,
    JobList,
    MemoryAnswer,
    Status,
    UserAnswer,
    UserChange,
    UserList,
)
from garaza.admin.service import AdminService
from garaza.jobs.models import Job
from garaza.kit.clock import Clock
from garaza.kit.database import ReadSession
from garaza.kit.lines import LINES_TOO, lines_answer, lines_wanted
from garaza.kit.lists import about_list
from garaza.kit.pagination import Page, Paging, paging
from garaza.kit.sessions import Reading, Writing
from garaza.kit.times import iso_time

MAX_BODY_BYTES = 1 << 14
MAX_AGE_HOURS = 24 * 36_500

ById = Annotated[Paging, Depends(paging(int))]
ByTimeAndJob = Annotated[Paging, Depends(paging(float, str))]
UserId = Annotated[int, Path(ge=1, le=2**63 - 1)]


def make_router(service: AdminService, clock: Clock) -> APIRouter:
    """The routes of operators."""
    router = APIRouter(prefix="/api/admin", tags=["admin"], max_body_size=MAX_BODY_BYTES)

    @router.get("/jobs", summary="Everybody's scans, newest first", response_model=JobList, responses=LINES_TOO)
    async def jobs(
        _admin: AdminOnly,
        wanted: ByTimeAndJob,
        request: Request,
        response: Response,
        session: Reading,
        status: Status | None = None,
    ) -> JobList | Response:
        if (kind := lines_wanted(request)) is not None:

            async def part(session: ReadSession, wanted: Paging) -> tuple[list[AdminJob], Page[Job]]:
                page, _ = await service.jobs(session, wanted, status)
                return _jobs(page, clock()), page

            return lines_answer(request, kind, wanted, part)
        page, count = await service.jobs(session, wanted, status)
        return JobList(jobs=_jobs(page, clock()), **about_list(request, response, wanted, page, count))

    @router.get("/disk-usage", summary="What the disk holds")
    async def disk_usage(_admin: AdminOnly) -> DiskAnswer:
        state, jobs = await service.disk()
        return DiskAnswer(
            total_bytes=state.total_bytes,
            used_bytes=state.used_bytes,
            free_bytes=state.free_bytes,
            used_percent=round(100 * state.used_bytes / max(state.total_bytes, 1), 1),
            by_kind=state.by_kind,
            garaza_bytes=sum(state.by_kind.values()),
            elsewhere=state.elsewhere,
            jobs=jobs,
            measured_at=iso_time(state.measured_at),
        )

    @router.post("/cleanup", summary="Delete old scans")
    async def cleanup(
        admin: AdminOnly,
        max_age_hours: Annotated[float | None, Query(ge=0, le=MAX_AGE_HOURS, allow_inf_nan=False)] = None,
        dry_run: Annotated[bool | None, Query()] = None,
    ) -> CleanupAnswer:
        """Whoever's they are; what is being worked at stays, and so do rooms. Without `max_age_hours` it only says
        what is older than a day, unless `dry_run=false` asks for more.
        """
        dry = max_age_hours is None if dry_run is None else dry_run
        return await service.clean_up(admin, 24 if max_age_hours is None else max_age_hours, dry_run=dry)

    @router.get("/memory", summary="What the service's process takes")
    async def memory(_admin: AdminOnly) -> MemoryAnswer:
        return await service.memory()

    @router.post("/clear-memory", summary="Empty caches and give memory back")
    async def clear_memory(admin: AdminOnly) -> ClearAnswer:
        return await service.clear_memory(admin)

    _add_accounts(router, service, clock)
    return router


def _add_accounts(router: APIRouter, service: AdminService, clock: Clock) -> None:
    @router.get("/users", summary="Accounts, newest first", response_model=UserList, responses=LINES_TOO)
    async def users(
        _admin: AdminOnly,
        wanted: ById,
        request: Request,
        response: Response,
        session: Reading,
        plan: Plan | None = None,
        is_active: bool | None = None,
    ) -> UserList | Response:
        async def part(session: ReadSession, wanted: Paging) -> tuple[list[UserBody], Page[User]]:
            page = await service.users(session, wanted, plan, is_active)
            return [UserBody.of(user) for user in page.rows], page

        if (kind := lines_wanted(request)) is not None:
            return lines_answer(request, kind, wanted, part)
        found, page = await part(session, wanted)
        return UserList(users=found, **about_list(request, response, wanted, page, page.total))

    @router.get("/users/{user_id}", summary="An account")
    async def user(user_id: UserId, _admin: AdminOnly, session: Reading) -> UserAnswer:
        return _told(*await service.user(session, user_id))

    @router.patch("/users/{user_id}", summary="Change what an account is or may")
    async def change(user_id: UserId, wanted: UserChange, admin: AdminOnly, session: Writing) -> UserAnswer:
        """Of admins one has to be left. Closing an account revokes its links to rooms."""
        return _told(*await service.change_user(session, admin, user_id, wanted))

    @router.delete("/users/{user_id}", status_code=204, summary="Close an account, and delete everything it has")
    async def close(user_id: UserId, admin: AdminOnly) -> None:
        await service.close_user(admin, user_id)

    @router.get("/activities", summary="What was done, newest first", response_model=AuditList, responses=LINES_TOO)
    async def activities(
        _admin: AdminOnly,
        wanted: ById,
        request: Request,
        response: Response,
        session: Reading,
        action: Annotated[str | None, Query(pattern=ACTION_PATTERN)] = None,
    ) -> AuditList | Response:
        async def part(session: ReadSession, wanted: Paging) -> tuple[list[AuditBody], Page[Activity]]:
            page, now = await service.activities(session, wanted, action), clock()
            return [AuditBody.told(activity, now) for activity in page.rows], page

        if (kind := lines_wanted(request)) is not None:
            return lines_answer(request, kind, wanted, part)
        found, page = await part(session, wanted)
        return AuditList(activities=found, **about_list(request, response, wanted, page, page.total))


def _jobs(page: Page[Job], now: float) -> list[AdminJob]:
    return [AdminJob.of(job, now) for job in page.rows]


def _told(user: User, stats: Stats) -> UserAnswer:
    return UserAnswer(**dict(UserBody.of(user)), stats=stats_body(stats))
