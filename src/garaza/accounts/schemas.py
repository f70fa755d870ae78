"""What goes over the wire about accounts. Names and meanings are those that existing clients know."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, SecretStr

from garaza.accounts.activities import ACTION_PATTERN, MAX_DESCRIPTION, icon_of
from garaza.accounts.models import Activity, LoginSession, User
from garaza.accounts.normalise import MAX_EMAIL, MAX_PASSWORD, MAX_USERNAME
from garaza.accounts.plans import LIMITS, Plan
from garaza.accounts.principal import Principal
from garaza.kit.answers import Answer
from garaza.kit.times import iso_time, time_ago

MAX_METADATA_BYTES = 4096
MAX_METADATA_DEPTH = 16
MAX_STORAGE_BYTES = 1 << 50

# Spaces around a name are taken off later, and letters in pieces put together: some more characters may come.
EmailText = Annotated[str, Field(max_length=2 * MAX_EMAIL, examples=["anna@example.com"])]
UsernameText = Annotated[str, Field(max_length=4 * MAX_USERNAME, examples=["anna"])]
PasswordText = Annotated[SecretStr, Field(max_length=MAX_PASSWORD)]


class RegisterRequest(BaseModel):
    """A new account."""

    email: EmailText
    username: UsernameText
    password: PasswordText


class LoginRequest(BaseModel):
    """Somebody who has an account."""

    email: EmailText
    password: PasswordText


class LoginForm(BaseModel):
    """OAuth2's password form."""

    grant_type: Annotated[Literal["password"] | None, Field(description="password, if it is given.")] = None
    username: Annotated[str, Field(max_length=2 * MAX_EMAIL, description="The e-mail address.")]
    password: PasswordText


class RefreshRequest(BaseModel):
    """Something to get new tokens for. Each is good once: a second use ends the login, as somebody has a copy."""

    refresh_token: Annotated[SecretStr, Field(max_length=200)]


class PasswordRequest(BaseModel):
    """Another password."""

    current_password: PasswordText
    new_password: PasswordText


class UserBody(Answer):
    """An account."""

    id: int
    email: str
    username: str
    is_active: bool
    plan: Plan
    plan_display: str
    role: str
    created_at: str = Field(description="ISO 8601, UTC.")

    @classmethod
    def of(cls, user: User | Principal) -> Self:
        plan = Plan(user.plan)
        return cls(
            id=user.user_id if isinstance(user, Principal) else user.id,
            email=user.email,
            username=user.username,
            is_active=user.is_active,
            plan=plan,
            plan_display=LIMITS[plan].display,
            role=user.role,
            created_at=iso_time(user.created_at),
        )


class TokenAnswer(Answer):
    """What opens the calls that need an account."""

    access_token: str
    token_type: str = "bearer"  # noqa: S105 - the name of a kind, and no token
    expires_in: int = Field(description="Seconds for which the access token is good.")
    refresh_token: str
    refresh_expires_in: int = Field(description="Seconds for which the refresh token is good, once.")
    user: UserBody


class SuccessAnswer(Answer):
    """Done."""

    success: bool = True


class LogoutEverywhereAnswer(SuccessAnswer):
    """All logins are ended."""

    sessions: int = Field(description="How many there were.")


class SessionBody(Answer):
    """A login that is open."""

    id: str
    created_at: str
    last_used_at: str = Field(description="When it last got new tokens.")
    expires_at: str = Field(description="When it ends if it isn't used.")
    current: bool = Field(description="Whether it is the one that asks.")

    @classmethod
    def of(cls, login: LoginSession, current: str | None) -> Self:
        return cls(
            id=login.id,
            created_at=iso_time(login.created_at),
            last_used_at=iso_time(login.refreshed_at),
            expires_at=iso_time(login.expires_at),
            current=login.id == current,
        )


class StatsBody(Answer):
    """What an account has used, and may use."""

    scans_this_month: int
    total_scans: int
    storage_used: int = Field(description="Bytes on disk.")
    storage_limit: int = Field(description="Bytes.")
    plan: Plan
    plan_display: str
    scans_limit: int = Field(description="A month; -1: none.")
    scans_reset_date: str = Field(description="ISO 8601, UTC: the first moment of the next month.")
    rooms_limit: int = Field(description="-1: none.")


class ActivityBody(Answer):
    """Something that was done."""

    id: int
    action: str
    description: str
    icon: str
    time_ago: str
    created_at: str = Field(description="ISO 8601, UTC.")

    @classmethod
    def of(cls, activity: Activity, now: float) -> Self:
        return cls(
            id=activity.id,
            action=activity.action,
            description=activity.description,
            icon=icon_of(activity.action),
            time_ago=time_ago(activity.created_at, now),
            created_at=iso_time(activity.created_at),
        )


class ProfileAnswer(UserBody):
    """An account, what it has used, and what it did last."""

    stats: StatsBody
    recent_activities: list[ActivityBody]


class PlanRequest(BaseModel):
    """Another plan. Smaller ones are for everybody; larger ones for admins, and for the billing side."""

    plan: Plan
    user_id: Annotated[int, Field(ge=1, lt=2**63, description="Somebody else's; for admins and billing.")] | None = None


def _bounded(value: dict[str, Any]) -> dict[str, Any]:
    for part, depth in _parts(value):
        if depth > MAX_METADATA_DEPTH:
            msg = f"it may be nested {MAX_METADATA_DEPTH} deep at most"
            raise ValueError(msg)
        if isinstance(part, str):
            _without_nul(part)
    # Halves of a character, and numbers that JSON doesn't know, raise a ValueError, too.
    if len(json.dumps(value, ensure_ascii=False, allow_nan=False).encode()) > MAX_METADATA_BYTES:
        msg = f"it may have {MAX_METADATA_BYTES} bytes as JSON at most"
        raise ValueError(msg)
    return value


def _parts(value: object) -> Iterator[tuple[object, int]]:
    """All that is in it, with how deep; as far as somebody wants to know."""
    waiting = [(value, 1)]
    while waiting:
        part, depth = waiting.pop()
        yield part, depth
        if isinstance(part, dict):
            waiting += [(inner, depth + 1) for pair in part.items() for inner in pair]
        elif isinstance(part, list):
            waiting += [(inner, depth + 1) for inner in part]


def _without_nul(text: str) -> str:
    if "\0" in text:
        msg = "it has a NUL in it"
        raise ValueError(msg)
    return text


class ActivityRequest(BaseModel):
    """Something that a client did."""

    action: Annotated[str, Field(pattern=ACTION_PATTERN)]
    description: Annotated[str, Field(max_length=MAX_DESCRIPTION), AfterValidator(_without_nul)] = ""
    metadata: Annotated[dict[str, Any], AfterValidator(_bounded)] | None = None


class ActivityAnswer(SuccessAnswer):
    """It was noted."""

    activity_id: int


StorageBytes = Annotated[int, Field(ge=0, le=MAX_STORAGE_BYTES)]
ExportFormat = Annotated[str, Field(pattern=r"^[0-9A-Za-z._-]{1,20}$")]


class ClaimRequest(BaseModel):
    """What a client believes to have stored."""

    storage_bytes: StorageBytes = 0


class ClaimAnswer(SuccessAnswer):
    """The true counters: scans count when they are accepted, and storage is what is on disk."""

    scans_this_month: int
    total_scans: int
    storage_used: int


class ExportRequest(BaseModel):
    """That something was exported."""

    format: ExportFormat
