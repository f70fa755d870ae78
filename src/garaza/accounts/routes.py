"""HTTP in and out of accounts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request, Response

from garaza.accounts.activities import ACTION_PATTERN
from garaza.accounts.dependencies import Biller, SignedIn
from garaza.accounts.models import Activity
from garaza.accounts.profile import Stats
from garaza.accounts.schemas import (
    ActivityAnswer,
    ActivityBody,
    ActivityRequest,
    ClaimAnswer,
    ClaimRequest,
    ExportFormat,
    ExportRequest,
    LoginForm,
    LoginRequest,
    LogoutEverywhereAnswer,
    PasswordRequest,
    PlanRequest,
    ProfileAnswer,
    RefreshRequest,
    RegisterRequest,
    SessionBody,
    StatsBody,
    StorageBytes,
    SuccessAnswer,
    TokenAnswer,
    UserBody,
)
from garaza.accounts.service import AccountService, Admission
from garaza.errors import GarazaError
from garaza.kit.client_address import digest_of
from garaza.kit.database import ReadSession
from garaza.kit.lines import LINES_TOO, lines_answer, lines_wanted
from garaza.kit.pagination import (
    CURSOR,
    MAX_PAGE_SIZE,
    PAGE_NUMBER,
    PAGE_SIZE,
    Page,
    Paging,
    make_paging,
    paging_headers,
)
from garaza.kit.sessions import Reading, Writing
from garaza.kit.times import iso_time

MAX_BODY_BYTES = 1 << 16
"""Two passwords of the longest kind, each letter escaped."""


async def _never_kept(response: Response) -> None:
    # Tokens, and what is only somebody's own business.
    response.headers["Cache-Control"] = "no-store"


def make_router(accounts: AccountService) -> APIRouter:
    """The routes of accounts."""
    router = APIRouter()
    for part in (_getting_in(accounts), _logins(accounts), _profile(accounts)):
        router.include_router(part)
    return router


def _part(prefix: str, tag: str) -> APIRouter:
    return APIRouter(prefix=prefix, tags=[tag], max_body_size=MAX_BODY_BYTES, dependencies=[Depends(_never_kept)])


def _getting_in(accounts: AccountService) -> APIRouter:
    router = _part("/api/auth", "accounts")

    @router.post("/register", summary="Make an account")
    async def register(request: RegisterRequest) -> TokenAnswer:
        password = request.password.get_secret_value()
        return _tokens(await accounts.register(request.email, request.username, password))

    @router.post("/login", summary="Sign in")
    async def login(request: LoginRequest, connection: Request) -> TokenAnswer:
        password = request.password.get_secret_value()
        return _tokens(await accounts.login(request.email, password, digest_of(connection)))

    @router.post(
        "/login/form",
        summary="Sign in, by a form",
        form_limits={"max_files": 0, "max_fields": 10, "max_part_size": MAX_BODY_BYTES},
    )
    async def login_form(form: Annotated[LoginForm, Form()], connection: Request) -> TokenAnswer:
        """OAuth2's password form, as the documentation page and many libraries send it."""
        password = form.password.get_secret_value()
        return _tokens(await accounts.login(form.username, password, digest_of(connection)))

    @router.post("/refresh", summary="Get new tokens")
    async def refresh(request: RefreshRequest) -> TokenAnswer:
        """Uses the refresh token up, and gives another one. Keep the newest: an old one ends the login."""
        return _tokens(await accounts.refresh(request.refresh_token.get_secret_value()))

    return router


def _logins(accounts: AccountService) -> APIRouter:
    router = _part("/api/auth", "accounts")

    @router.get("/me", summary="Who am I?")
    async def me(who: SignedIn) -> UserBody:
        return UserBody.of(who)

    @router.post("/logout", summary="Sign out")
    async def logout(who: SignedIn, session: Writing) -> SuccessAnswer:
        await accounts.logout(session, who)
        return SuccessAnswer()

    @router.post("/logout-all", summary="Sign out everywhere")
    async def logout_everywhere(who: SignedIn, session: Writing) -> LogoutEverywhereAnswer:
        return LogoutEverywhereAnswer(sessions=await accounts.logout_everywhere(session, who))

    @router.put("/password", summary="Change the password")
    async def change_password(who: SignedIn, request: PasswordRequest) -> TokenAnswer:
        """Ends all logins, also this one, and gives tokens of a new one."""
        current, new = request.current_password.get_secret_value(), request.new_password.get_secret_value()
        return _tokens(await accounts.change_password(who, current, new))

    @router.get("/sessions", summary="Where am I signed in?")
    async def sessions(who: SignedIn, session: Reading) -> list[SessionBody]:
        """Logins that are open, the newest first, 100 at most."""
        return [SessionBody.of(login, who.session_id) for login in await accounts.sessions(session, who.user_id)]

    @router.delete("/sessions/{session_id}", summary="End a login")
    async def end_session(session_id: str, who: SignedIn, session: Writing) -> SuccessAnswer:
        await accounts.end_session(session, who.user_id, session_id)
        return SuccessAnswer()

    return router


def _profile(accounts: AccountService) -> APIRouter:
    router = _part("/api/profile", "profile")
    profile, activities = accounts.profile, accounts.activities

    @router.get("", summary="My account")
    async def own(who: SignedIn, session: Reading) -> ProfileAnswer:
        stats, latest = await profile.stats_and_latest(session, who.user_id)
        now = accounts.clock()
        return ProfileAnswer(
            **UserBody.of(who).model_dump(exclude={"plan", "plan_display"}),
            plan=stats.plan,
            plan_display=stats.limits.display,
            stats=stats_body(stats),
            recent_activities=[ActivityBody.of(activity, now) for activity in latest],
        )

    @router.get("/stats", summary="What I have used")
    async def stats(who: SignedIn, session: Reading) -> StatsBody:
        return stats_body(await profile.stats(session, who.user_id))

    @router.put("/plan", summary="Change the plan")
    async def change_plan(who: Biller, request: PlanRequest, session: Writing) -> StatsBody:
        """To a smaller one, by oneself; to a larger one, by an admin or a signed request from the billing side, which
        say with `user_id` whose plan it is.
        """
        return stats_body(await profile.change_plan(session, who, request.plan, request.user_id))

    @router.post("/activity", summary="Note something")
    async def add_activity(who: SignedIn, request: ActivityRequest, session: Writing) -> ActivityAnswer:
        """For what happens at the client. What happens here is noted here, and its names are reserved for that."""
        description = request.description or request.action
        details = {"metadata": request.metadata} if request.metadata else {}
        activity_id = await activities.add_claimed(session, who.user_id, request.action, description, details)
        return ActivityAnswer(activity_id=activity_id)

    @router.post("/increment-scan", summary="Report a scan")
    async def increment_scan(
        who: SignedIn,
        session: Writing,
        storage_bytes: StorageBytes | None = None,
        request: ClaimRequest | None = None,
    ) -> ClaimAnswer:
        """Kept for clients that count by themselves: notes what they say, and gives the true counters. Takes
        `storage_bytes` in the query or the body.
        """
        claimed = storage_bytes if storage_bytes is not None else (request or ClaimRequest()).storage_bytes
        found = await profile.claim(session, who.user_id, claimed)
        return ClaimAnswer(
            scans_this_month=found.scans_this_month,
            total_scans=found.total_scans,
            storage_used=found.storage_used,
        )

    @router.post("/log-export", summary="Report an export")
    async def log_export(
        who: SignedIn,
        session: Writing,
        exported: Annotated[ExportFormat | None, Query(alias="format")] = None,
        request: ExportRequest | None = None,
    ) -> SuccessAnswer:
        """Takes `format` in the query or the body."""
        name = exported or (request.format if request is not None else None)
        if name is None:
            raise GarazaError(422, "format_missing", "Say which format was exported: format.")
        await activities.add(session, who.user_id, "export", f"Exported as {name}", {"format": name})
        return SuccessAnswer()

    _add_activities(router, accounts)
    return router


def _add_activities(router: APIRouter, accounts: AccountService) -> None:
    activities = accounts.activities

    @router.get("/activities", summary="What I did", response_model=list[ActivityBody], responses=LINES_TOO)
    async def own_activities(
        who: SignedIn,
        session: Reading,
        request: Request,
        response: Response,
        wanted: Annotated[Paging, Depends(_wanted_activities)],
        action: Annotated[str | None, Query(pattern=ACTION_PATTERN, description="Only these.")] = None,
    ) -> list[ActivityBody] | Response:
        """The newest first. The headers Link and X-Total-Count say how to go on, and how many there are; more than
        10,000 aren't counted.
        """

        async def part(session: ReadSession, wanted: Paging) -> tuple[list[ActivityBody], Page[Activity]]:
            page, now = await activities.page(session, who.user_id, wanted, action), accounts.clock()
            return [ActivityBody.of(activity, now) for activity in page.rows], page

        if (kind := lines_wanted(request)) is not None:
            return lines_answer(request, kind, wanted, part)
        answers, page = await part(session, wanted)
        response.headers.update(paging_headers(request, wanted, page))
        return answers


async def _wanted_activities(
    page: int | None = PAGE_NUMBER,
    page_size: int | None = Query(None, ge=1, le=MAX_PAGE_SIZE),
    limit: int | None = Query(None, ge=1, le=MAX_PAGE_SIZE, description="The same as page_size."),
    cursor: str | None = CURSOR,
) -> Paging:
    return make_paging((float, int), page, page_size or limit or PAGE_SIZE, cursor)


def _tokens(admission: Admission) -> TokenAnswer:
    return TokenAnswer(
        access_token=admission.access_token,
        expires_in=admission.expires_in,
        refresh_token=admission.refresh_token,
        refresh_expires_in=admission.refresh_expires_in,
        user=UserBody.of(admission.user),
    )


def stats_body(stats: Stats) -> StatsBody:
    """For the wire."""
    return StatsBody(
        scans_this_month=stats.scans_this_month,
        total_scans=stats.total_scans,
        storage_used=stats.storage_used,
        storage_limit=stats.limits.storage_bytes,
        plan=stats.plan,
        plan_display=stats.limits.display,
        scans_limit=stats.limits.scans_per_month,
        scans_reset_date=iso_time(stats.scans_reset_at),
        rooms_limit=stats.limits.rooms,
    )
