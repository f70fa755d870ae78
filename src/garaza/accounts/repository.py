"""All SQL of accounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Select,
    bindparam,
    case,
    delete,
    exists,
    insert,
    literal,
    or_,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.orm import aliased

from garaza.accounts.kept import account_name, login_name
from garaza.accounts.models import Activity, GuestDay, LoginSession, RevokedToken, User
from garaza.accounts.plans import LIMITS, Plan
from garaza.kit.database import ReadSession, WriteSession
from garaza.kit.models import inserting
from garaza.kit.pagination import Page, Paging, read_page

MAX_SESSIONS_LISTED = 100

_UNSYNCED: dict[str, Any] = {"synchronize_session": False}


@dataclass(frozen=True, slots=True)
class Identity:
    """What a token's account and login are like now."""

    user_id: int
    email: str
    username: str
    role: str
    plan: str
    is_active: bool
    created_at: float
    ended: bool
    """Whether the login was ended, or the token itself taken back."""
    session_expires_at: float


@dataclass(frozen=True, slots=True)
class Counters:
    """What an account has used."""

    plan: Plan
    scans_month: int
    scans_this_month: int
    total_scans: int
    storage_used: int


# Built once: this one runs in every request of somebody who signed in.
_IDENTITY = (
    select(
        User.id,
        User.email,
        User.username,
        User.role,
        User.plan,
        User.is_active,
        User.created_at,
        or_(LoginSession.revoked_at.is_not(None), exists().where(RevokedToken.jti == bindparam("jti"))),
        LoginSession.expires_at,
    )
    .join(LoginSession, LoginSession.user_id == User.id)
    .where(User.id == bindparam("user_id"), LoginSession.id == bindparam("session_id"), User.deleted_at.is_(None))
)


class AccountRepository:
    """Users, their logins, and what they have used. Reads and writes rows; knows no rules."""

    # Users -------------------------------------------------------------------------------------------------------

    async def identity(self, session: ReadSession, user_id: int, session_id: str, jti: str) -> Identity | None:
        values = {"user_id": user_id, "session_id": session_id, "jti": jti}
        row = (await session.execute(_IDENTITY, values)).first()
        return None if row is None else Identity(*row)

    async def logins_there(self, session: ReadSession, session_ids: list[str], now: float) -> set[str]:
        """Of these logins, those that somebody may still use."""
        facts = (LoginSession.id, LoginSession.revoked_at, LoginSession.expires_at, User.is_active, User.deleted_at)
        these = select(*facts).join(User, User.id == LoginSession.user_id).where(LoginSession.id.in_(session_ids))
        # What is known by its key isn't to be looked for by anything else.
        return {
            row.id
            for row in await session.execute(these)
            if row.revoked_at is None and row.expires_at > now and row.is_active and row.deleted_at is None
        }

    async def add(self, session: WriteSession, user: User) -> None:
        """Raises:
        IntegrityError: its name is taken; see `taken_name`.
        """
        session.add(user)
        await session.flush()

    async def get(self, session: ReadSession, user_id: int) -> User | None:
        return (await session.scalars(select(User).where(User.id == user_id, User.deleted_at.is_(None)))).first()

    async def by_email(self, session: ReadSession, email_key: str) -> User | None:
        # A deleted account has no address any more.
        return (await session.scalars(select(User).where(User.email_key == email_key))).first()

    async def page(
        self, session: ReadSession, wanted: Paging, plan: Plan | None = None, is_active: bool | None = None
    ) -> Page[User]:
        """Accounts that aren't deleted, newest first."""
        statement = select(User).where(User.deleted_at.is_(None))
        if plan is not None:
            statement = statement.where(User.plan == plan.value)
        if is_active is not None:
            statement = statement.where(User.is_active.is_(is_active))
        return await read_page(session, statement, (User.id,), wanted)

    async def change(self, session: WriteSession, user_id: int, values: dict[str, Any]) -> User | None:
        """The account as it is then; None if there is none such."""
        session.outdates(account_name(user_id))
        statement = update(User).where(User.id == user_id, User.deleted_at.is_(None)).values(**values)
        return (await session.scalars(statement.execution_options(**_UNSYNCED).returning(User))).first()

    async def change_hash(self, session: WriteSession, user_id: int, old: str, new: str) -> bool:
        """Put a password's hash in the place of the one that was seen; False if that isn't there any more."""
        statement = update(User).where(User.id == user_id, User.password_hash == old, User.deleted_at.is_(None))
        statement = statement.values(password_hash=new).execution_options(**_UNSYNCED)
        return (await session.execute(statement.returning(User.id))).first() is not None

    async def lock_plan(self, session: WriteSession, user_id: int) -> Plan | None:
        """The plan, which nobody changes before this transaction ends, nor locks it for themselves."""
        statement = select(User.plan).where(User.id == user_id, User.deleted_at.is_(None))
        # Not against those that only refer to the account: whatever it adds somewhere does.
        plan = await session.scalar(statement.with_for_update(key_share=True))
        return None if plan is None else Plan(plan)

    async def mark(self, session: WriteSession, user_id: int, now: float, name: str) -> bool:
        """Mark as deleted, under another name; False if there is no such account."""
        values = {"deleted_at": now, "is_active": False, "email_key": name, "username_key": name}
        return await self.change(session, user_id, values) is not None

    async def marked(self, session: ReadSession, limit: int) -> Sequence[int]:
        statement = select(User.id).where(User.deleted_at.is_not(None)).order_by(User.deleted_at).limit(limit)
        return (await session.scalars(statement)).all()

    async def remove_marked(self, session: WriteSession, user_id: int) -> bool:
        statement = delete(User).where(User.id == user_id, User.deleted_at.is_not(None)).returning(User.id)
        return (await session.execute(statement)).first() is not None

    # Logins ------------------------------------------------------------------------------------------------------

    async def open_session(self, session: WriteSession, login: LoginSession, password_hash: str) -> bool:
        """Add a login to an account whose password is still the one that was seen, and which may sign in.

        On PostgreSQL it also waits for who is changing the account, and makes them wait: nobody gets in with a
        password that is being replaced.
        """
        values = {
            LoginSession.id: login.id,
            LoginSession.token_hash: login.token_hash,
            LoginSession.created_at: login.created_at,
            LoginSession.refreshed_at: login.refreshed_at,
            LoginSession.expires_at: login.expires_at,
        }
        allowed = (
            select(User.id, *(literal(value, column.type) for column, value in values.items()))
            .where(User.id == login.user_id, User.password_hash == password_hash)
            .where(User.is_active.is_(True), User.deleted_at.is_(None))
            .with_for_update(read=True)
        )
        statement = insert(LoginSession).from_select([LoginSession.user_id, *values], allowed, include_defaults=False)
        return (await session.execute(statement.returning(LoginSession.id))).first() is not None

    async def add_session(self, session: WriteSession, login: LoginSession) -> None:
        session.add(login)
        await session.flush()

    async def rotate(
        self, session: WriteSession, session_id: str, old: str, new: str, now: float, expires_at: float
    ) -> int | None:
        """Exchange the one good refresh token of a login; the account's id, or None if the old one isn't good."""
        statement = (
            update(LoginSession)
            .where(
                LoginSession.id == session_id,
                LoginSession.token_hash == old,
                LoginSession.revoked_at.is_(None),
                LoginSession.expires_at > now,
            )
            .values(token_hash=new, refreshed_at=now, expires_at=expires_at)
            .execution_options(**_UNSYNCED)
            .returning(LoginSession.user_id)
        )
        return (await session.scalars(statement)).first()

    async def revoke_by_id(self, session: WriteSession, session_id: str, now: float) -> int | None:
        """End a login that is open; the account's id, or None if there is none such."""
        session.outdates(login_name(session_id))
        statement = (
            update(LoginSession)
            .where(
                LoginSession.id == session_id,
                LoginSession.revoked_at.is_(None),
                LoginSession.expires_at > now,
            )
            .values(revoked_at=now)
            .execution_options(**_UNSYNCED)
            .returning(LoginSession.user_id)
        )
        return (await session.scalars(statement)).first()

    async def revoke(self, session: WriteSession, user_id: int, now: float, session_id: str | None = None) -> int:
        """End one login of an account, or all; how many were open."""
        session.outdates(account_name(user_id) if session_id is None else login_name(session_id))
        statement = update(LoginSession).where(
            LoginSession.user_id == user_id, LoginSession.revoked_at.is_(None), LoginSession.expires_at > now
        )
        if session_id is not None:
            statement = statement.where(LoginSession.id == session_id)
        return _count(await session.execute(statement.values(revoked_at=now).execution_options(**_UNSYNCED)))

    async def sessions(self, session: ReadSession, user_id: int, now: float) -> Sequence[LoginSession]:
        """Logins that are open, the newest first."""
        statement = (
            select(LoginSession)
            .where(LoginSession.user_id == user_id, LoginSession.revoked_at.is_(None), LoginSession.expires_at > now)
            .order_by(LoginSession.created_at.desc(), LoginSession.id)
            .limit(MAX_SESSIONS_LISTED)
        )
        return (await session.scalars(statement)).all()

    async def blacklist(self, session: WriteSession, jti: str, session_id: str, expires_at: float) -> None:
        """Take an access token of a login back; twice is once."""
        session.outdates(login_name(session_id))
        statement = inserting(session)(RevokedToken).values(jti=jti, expires_at=expires_at)
        await session.execute(statement.on_conflict_do_nothing(index_elements=[RevokedToken.jti]))

    async def purge(self, session: WriteSession, before: float, limit: int) -> int:
        """Remove logins and taken-back tokens that expired before; how many, of each `limit` at most."""
        old_sessions = select(LoginSession.id).where(LoginSession.expires_at < before).limit(limit)
        old_tokens = select(RevokedToken.jti).where(RevokedToken.expires_at < before).limit(limit)
        first = await session.execute(
            delete(LoginSession).where(LoginSession.id.in_(old_sessions)).execution_options(**_UNSYNCED)
        )
        second = await session.execute(
            delete(RevokedToken).where(RevokedToken.jti.in_(old_tokens)).execution_options(**_UNSYNCED)
        )
        return _count(first) + _count(second)

    # What was used -----------------------------------------------------------------------------------------------

    async def count_scan(self, session: WriteSession, user_id: int, month: int) -> bool:
        """One scan more, if the plan allows it. The statement decides, however many ask at the same time."""
        used = case((User.scans_month == month, User.scans_this_month), else_=0)
        limit = _per_plan(lambda limits: limits.scans_per_month)
        statement = (
            update(User)
            .where(User.id == user_id, User.deleted_at.is_(None), or_(limit < 0, used < limit))
            .values(scans_month=month, scans_this_month=used + 1, total_scans=User.total_scans + 1)
            .execution_options(**_UNSYNCED)
            .returning(User.id)
        )
        return (await session.execute(statement)).first() is not None

    async def count_guest_scan(self, session: WriteSession, day: int, address: str, limit: int) -> bool:
        """One scan more of an address on a day, up to a limit (negative: none)."""
        statement = inserting(session)(GuestDay).values(day=day, address=address, scans=1)
        statement = statement.on_conflict_do_update(
            index_elements=[GuestDay.day, GuestDay.address],
            set_={"scans": GuestDay.scans + 1},
            where=GuestDay.scans < limit if limit >= 0 else None,
        )
        return (await session.execute(statement.returning(GuestDay.scans))).first() is not None

    async def purge_guests(self, session: WriteSession, before_day: int, limit: int) -> int:
        """Forget what addresses did on days before; how many rows, `limit` at most."""
        old = select(GuestDay.day, GuestDay.address).where(GuestDay.day < before_day).limit(limit)
        statement = delete(GuestDay).where(tuple_(GuestDay.day, GuestDay.address).in_(old))
        return _count(await session.execute(statement.execution_options(**_UNSYNCED)))

    async def value(self, session: ReadSession, expression: ColumnElement[int]) -> int:
        """What an expression comes to now."""
        return await session.scalar(select(expression)) or 0

    async def counters(self, session: ReadSession, user_id: int, storage: ColumnElement[int]) -> Counters | None:
        row = (await session.execute(_counters(user_id, storage))).first()
        return None if row is None else Counters(Plan(row[0]), row[1], row[2], row[3], row[4])

    async def counters_and_latest(
        self, session: ReadSession, user_id: int, storage: ColumnElement[int], limit: int
    ) -> tuple[Counters | None, list[Activity]]:
        """What an account has used, and what it did last; one query."""
        used = _counters(user_id, storage).subquery()
        newest = (Activity.created_at.desc(), Activity.id.desc())
        latest = select(Activity).where(Activity.user_id == user_id).order_by(*newest).limit(limit).subquery()
        activity = aliased(Activity, latest)
        statement = (
            select(*used.c, activity)
            .select_from(used)
            .outerjoin(activity, true())
            .order_by(activity.created_at.desc(), activity.id.desc())
        )
        rows = (await session.execute(statement)).all()
        if not rows:
            return None, []
        first = rows[0]
        counters = Counters(Plan(first[0]), first[1], first[2], first[3], first[4])
        return counters, [row[5] for row in rows if row[5] is not None]


class ActivityRepository:
    """What somebody did."""

    async def add(
        self, session: WriteSession, user_id: int, action: str, description: str, details: dict[str, Any], at: float
    ) -> int:
        statement = insert(Activity).values(
            user_id=user_id, action=action, description=description, details=details, created_at=at
        )
        return (await session.scalars(statement.returning(Activity.id))).one()

    async def page(self, session: ReadSession, user_id: int, wanted: Paging, action: str | None) -> Page[Activity]:
        statement = select(Activity).where(Activity.user_id == user_id)
        if action is not None:
            statement = statement.where(Activity.action == action)
        return await read_page(session, statement, (Activity.created_at, Activity.id), wanted)


def taken_name(message: str) -> str | None:
    """Which of an account's names is taken already, as the database complains: "email" or "username"."""
    # What it says after the first line quotes what was sent.
    first = message.partition("\n")[0]
    return next((name for name in ("email", "username") if f"{name}_key" in first), None)


def _counters(user_id: int, storage: ColumnElement[int]) -> Select[str, int, int, int, int]:
    return select(
        User.plan,
        User.scans_month,
        User.scans_this_month,
        User.total_scans,
        storage.label("storage_used"),
    ).where(User.id == user_id, User.deleted_at.is_(None))


def _per_plan(limit: Any) -> ColumnElement[int]:
    return case(*((User.plan == plan.value, limit(limits)) for plan, limits in LIMITS.items()), else_=0)


def _count(result: Any) -> int:
    assert isinstance(result, CursorResult)
    return result.rowcount
