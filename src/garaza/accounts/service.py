"""The rules of accounts: who gets in, for how long, and how that ends."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NoReturn

from argon2 import PasswordHasher
from sqlalchemy.exc import IntegrityError

from garaza.accounts import normalise
from garaza.accounts.activities import ActivityLog
from garaza.accounts.kept import account_name, login_name
from garaza.accounts.models import LoginSession, Role, User
from garaza.accounts.passwords import Passwords
from garaza.accounts.plans import Plan
from garaza.accounts.principal import Principal
from garaza.accounts.profile import ProfileService
from garaza.accounts.quota import Quota, StorageMeter, day_of
from garaza.accounts.repository import AccountRepository, Identity, taken_name
from garaza.accounts.tokens import AccessTokens, Claims, InvalidTokenError, Keys, RefreshToken
from garaza.errors import GarazaError, changed_meanwhile, not_found
from garaza.kit.cache.cache import Subject
from garaza.kit.clock import Clock
from garaza.kit.database import Database, ReadSession, WriteSession
from garaza.kit.ids import is_id, new_id
from garaza.kit.limiting.attempts import Attempts
from garaza.kit.pagination import Page, Paging
from garaza.settings import AccountSettings

PURGE_BATCH = 1000
_CLOCKS_APART_SECONDS = 60

_WRONG = {"wrong_credentials", "wrong_password"}

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Admission:
    """Tokens, and whom they are for."""

    access_token: str
    refresh_token: str
    expires_in: int
    refresh_expires_in: int
    user: User


class AccountService:
    """See the module.

    Where a password is hashed, a method owns its transactions, so that none is open meanwhile; everywhere else the
    caller does.
    """

    def __init__(
        self,
        settings: AccountSettings,
        database: Database,
        keys: Keys,
        storage: StorageMeter,
        clock: Clock,
        hasher: PasswordHasher | None = None,
        attempts: Attempts | None = None,
        identities: Subject[Identity] | None = None,
    ) -> None:
        """`attempts`: bounds wrong passwords for an account; None, nothing does. `identities`: copies of whom tokens
        stand for.
        """
        self._settings = settings
        self._database = database
        self.clock = clock
        self._accounts = AccountRepository()
        self.tokens = AccessTokens(keys, clock)
        """Those that open calls; one for the process, as what was verified is remembered."""
        self._passwords = Passwords(settings.concurrent_hashes, hasher)
        self._attempts = attempts
        self._identities = identities
        self.activities = ActivityLog(clock)
        self.quota = Quota(settings, storage, clock)
        self.profile = ProfileService(self.activities, storage, clock)

    def close(self) -> None:
        """End the threads that hash."""
        self._passwords.close()

    # Getting in --------------------------------------------------------------------------------------------------

    async def register(self, email: str, username: str, password: str) -> Admission:
        """Make an account, and sign in to it.

        Raises:
            GarazaError: 403, registration is off; 409, a name is taken; 422, one can't be used; 503, busy.
        """
        if not self._settings.registration:
            raise GarazaError(403, "registration_off", "New accounts are made by whoever runs this server.")
        user = await self._new_user(email, username, password)
        async with self._database.write() as session:
            await self._add(session, user)
            await self.activities.add(session, user.id, "register", "Created this account")
            login, token = self._new_login(user.id)
            await self._accounts.add_session(session, login)
        return self._admit(user, token)

    async def login(self, email: str, password: str, place: str = "") -> Admission:
        """Sign in. `place`: where from, as `digest_of` tells it.

        Raises:
            GarazaError: 401, the two don't belong together; 403, they do, but the account is closed; 429, after too
                many that didn't; 503, busy.
        """
        name = normalise.find_email(email)
        # Whether there is such an account makes no difference.
        async with self._guess(f"login:{email if name is None else name.key}", place):
            return await self._login(email, password)

    async def _login(self, email: str, password: str) -> Admission:
        # A second time where the password's hash was exchanged meanwhile, by another one that is right or for a better.
        return await self._try_login(email, password) or await self._try_login(email, password) or _changing()

    async def _try_login(self, email: str, password: str) -> Admission | None:
        """None: what was looked at isn't so any more."""
        name = normalise.find_email(email)
        user: User | None = None
        if name is not None:
            async with self._database.read() as session:
                user = await self._accounts.by_email(session, name.key)
        typed = normalise.typed_password(password)
        verdict = await self._passwords.verify(typed, None if user is None else user.password_hash)
        if user is None or not verdict.right:
            headers = {"WWW-Authenticate": "Bearer"}
            raise GarazaError(401, "wrong_credentials", "E-mail or password is wrong.", headers)
        if not user.is_active:
            raise _inactive()
        login, token = self._new_login(user.id)
        async with self._database.write() as session:
            if not await self._accounts.open_session(session, login, user.password_hash):
                return None
            await self.activities.add(session, user.id, "login", "Signed in", {"session": login.id})
        if verdict.better_hash is not None:
            # By itself: two that hold the row to sign in, and then want to change it, would wait for each other.
            async with self._database.write() as session:
                await self._accounts.change_hash(session, user.id, user.password_hash, verdict.better_hash)
        return self._admit(user, token)

    async def refresh(self, refresh_token: str) -> Admission:
        """Get new tokens for a refresh token, which is used up by that. Owns its transaction.

        One that comes a second time was copied, by whoever sent it first or second: nobody can tell, so that the login
        ends for both.

        Raises:
            GarazaError: 401, the token isn't good any more; 403, the account is closed.
        """
        try:
            old = RefreshToken.parse(refresh_token)
        except InvalidTokenError:
            raise _not_signed_in("invalid_refresh_token") from None
        new = RefreshToken.new(old.session_id)
        now = self.clock()
        async with self._database.write() as session:
            expires_at = now + self._settings.refresh_token_seconds
            user_id = await self._accounts.rotate(session, old.session_id, old.hash, new.hash, now, expires_at)
            if user_id is None:
                await self._end_reused(session, old, now)
                user = None
            elif (user := await self._accounts.get(session, user_id)) is not None and not user.is_active:
                raise _inactive()
        if user is None:
            raise _not_signed_in("invalid_refresh_token")
        return self._admit(user, new)

    async def _end_reused(self, session: WriteSession, token: RefreshToken, now: float) -> None:
        # It isn't the newest of its login, or it would have been exchanged.
        user_id = await self._accounts.revoke_by_id(session, token.session_id, now)
        if user_id is not None:
            logger.warning("a refresh token of account %d was used twice; its login is ended", user_id)
            text = "A login was ended, as one of its tokens was used twice: somebody may have had a copy"
            await self.activities.add(session, user_id, "token_reuse", text, {"session": token.session_id})

    # Who asks ----------------------------------------------------------------------------------------------------

    async def identify_token(self, token: str) -> Principal:
        """Whom an access token stands for at this moment; one query, in a transaction of its own, or a copy of what
        that found.

        Raises:
            GarazaError: 401, for nobody any more; 403, the account is closed.
        """
        try:
            claims = self.tokens.read(token)
        except InvalidTokenError:
            raise _not_signed_in("invalid_token") from None
        return await self.identify(claims)

    async def identify(self, claims: Claims) -> Principal:
        """The same of what a token said that was verified before.

        Raises:
            GarazaError: as `identify_token`.
        """
        found = await self._identity(claims)
        if found is None or self._has_ended(found):
            raise _not_signed_in("invalid_token")
        if not found.is_active:
            raise _inactive()
        return _principal(found, claims.session_id, claims.jti, claims.expires_at)

    def known_by_token(self, token: str) -> Principal | None:
        """Whom an access token stands for, if that is good and can be told at once; None: ask `identify_token`."""
        if self._identities is None:
            return None
        try:
            claims = self.tokens.read(token)
        except InvalidTokenError:
            return None
        found = self._identities.at_hand(claims.jti)
        if found is None or self._has_ended(found) or not found.is_active:
            return None
        return _principal(found, claims.session_id, claims.jti, claims.expires_at)

    def _has_ended(self, found: Identity) -> bool:
        return found.ended or found.session_expires_at <= self.clock()

    async def logins_there(self, session_ids: list[str]) -> set[str]:
        """Of these logins, those that have not ended; one query, in a transaction of its own."""
        async with self._database.read() as session:
            return await self._accounts.logins_there(session, session_ids, self.clock())

    async def _identity(self, claims: Claims) -> Identity | None:
        async def read() -> Identity | None:
            async with self._database.read() as session:
                return await self._accounts.identity(session, claims.user_id, claims.session_id, claims.jti)

        if self._identities is None:
            return await read()
        names = (account_name(claims.user_id), login_name(claims.session_id))
        return await self._identities.get_or_compute(claims.jti, names, read)

    async def confirm_password(self, user_id: int, password: str) -> None:
        """Whether it is really the owner who asks for something that can't be undone. Hashes: call it before a
        transaction begins.

        Raises:
            GarazaError: 403, the password is wrong; 503, busy.
        """
        await self._confirmed(user_id, password)

    async def _confirmed(self, user_id: int, password: str) -> str:
        """The hash that a password was compared with."""
        # Apart from those who try to sign in: whoever is in doesn't pay for what outsiders do.
        async with self._guess(f"confirm:{user_id}", ""):
            return await self._compared(user_id, password)

    async def _compared(self, user_id: int, password: str) -> str:
        async with self._database.read() as session:
            user = await self._accounts.get(session, user_id)
        stored = None if user is None else user.password_hash
        verdict = await self._passwords.verify(normalise.typed_password(password), stored)
        if stored is None or not verdict.right:
            raise GarazaError(403, "wrong_password", "This isn't the account's password.")
        return stored

    @asynccontextmanager
    async def _guess(self, what: str, place: str) -> AsyncIterator[None]:
        """Around something that shows whether a password is right.

        Raises:
            GarazaError: 429, after too many that were wrong.
        """
        if self._attempts is None:
            yield
            return
        # A digest: addresses have no business in other servers.
        attempt = await self._attempts.begin(hashlib.sha256(what.encode("utf-8", "replace")).hexdigest(), place)
        if attempt.wait_seconds > 0:
            raise _too_many_attempts(math.ceil(attempt.wait_seconds))
        try:
            yield
        except GarazaError as error:
            if error.code in _WRONG:
                raise
            if error.code == "account_inactive":
                await self._attempts.succeed(attempt)
            else:
                await self._attempts.undo(attempt)
            raise
        except BaseException:
            # Nobody knows whether it was right, whoever asked least of all.
            await asyncio.shield(self._attempts.undo(attempt))
            raise
        await self._attempts.succeed(attempt)

    # Getting out -------------------------------------------------------------------------------------------------

    async def logout(self, session: WriteSession, principal: Principal) -> None:
        """End this login: neither its access tokens nor its refresh token open anything any more."""
        await self._accounts.revoke(session, principal.user_id, self.clock(), principal.session_id)
        await self._take_back_token(session, principal)
        details = {"session": principal.session_id}
        await self.activities.add(session, principal.user_id, "logout", "Signed out", details)

    async def logout_everywhere(self, session: WriteSession, principal: Principal) -> int:
        """End all logins of an account; how many there were."""
        count = await self._accounts.revoke(session, principal.user_id, self.clock())
        await self._take_back_token(session, principal)
        await self.activities.add(session, principal.user_id, "logout_everywhere", "Signed out everywhere")
        return count

    async def sessions(self, session: ReadSession, user_id: int) -> Sequence[LoginSession]:
        """Logins that are open, the newest first, 100 at most."""
        return await self._accounts.sessions(session, user_id, self.clock())

    async def end_session(self, session: WriteSession, user_id: int, session_id: str) -> None:
        """End one of an account's logins.

        Raises:
            GarazaError: 404, it has no such login that is open.
        """
        ended = is_id(session_id) and await self._accounts.revoke(session, user_id, self.clock(), session_id)
        if not ended:
            raise not_found("login")
        await self.activities.add(session, user_id, "session_end", "Ended a login", {"session": session_id})

    async def _take_back_token(self, session: WriteSession, principal: Principal) -> None:
        jti, session_id, expires_at = principal.jti, principal.session_id, principal.token_expires_at
        if jti is not None and session_id is not None and expires_at is not None:
            await self._accounts.blacklist(session, jti, session_id, expires_at)

    # Changing the password ---------------------------------------------------------------------------------------

    async def change_password(self, principal: Principal, current: str, new: str) -> Admission:
        """Exchange the password. All logins end, this one too, as whoever knew the old one may have made them; the
        tokens given back are those of a new one.

        Raises:
            GarazaError: 403, the current password is wrong; 409, it was changed meanwhile; 422, the new one can't be
                used; 503, busy.
        """
        normal = normalise.password(new)
        seen = await self._confirmed(principal.user_id, current)
        new_hash = await self._passwords.hash(normal)
        async with self._database.write() as session:
            user_id = principal.user_id
            if not await self._accounts.change_hash(session, user_id, seen, new_hash):
                raise changed_meanwhile()
            await self._accounts.revoke(session, user_id, self.clock())
            login, token = self._new_login(user_id)
            await self._accounts.add_session(session, login)
            await self.activities.add(session, user_id, "password_change", "Changed the password")
            user = await self._accounts.get(session, user_id)
        assert user is not None, "its row was changed in this transaction"
        return self._admit(user, token)

    # What operators do -------------------------------------------------------------------------------------------

    async def create_admin(self, email: str, username: str, password: str) -> User:
        """Make an account that may do everything; also where registration is off.

        Raises:
            GarazaError: 409, a name is taken; 422, one can't be used.
        """
        user = await self._new_user(email, username, password, Role.ADMIN)
        async with self._database.write() as session:
            await self._add(session, user)
            await self.activities.add(session, user.id, "admin_grant", "Created as an admin, by the command line")
        return user

    async def promote(self, session: WriteSession, email: str) -> User | None:
        """Let the account with this address do everything; None if there is none."""
        name = normalise.email(email)
        user = await self._accounts.by_email(session, name.key)
        if user is None:
            return None
        if user.role != Role.ADMIN.value:
            await self._accounts.change(session, user.id, {"role": Role.ADMIN.value})
            await self.activities.add(session, user.id, "admin_grant", "Made an admin, by the command line")
        return user

    async def page(
        self, session: ReadSession, wanted: Paging, plan: Plan | None = None, *, is_active: bool | None = None
    ) -> Page[User]:
        """All accounts, the newest first. Cursors are made of the id alone: `paging(int)`."""
        return await self._accounts.page(session, wanted, plan, is_active)

    async def get(self, session: ReadSession, user_id: int) -> User:
        """An account.

        Raises:
            GarazaError: 404.
        """
        user = await self._accounts.get(session, user_id)
        if user is None:
            raise not_found("account")
        return user

    # Deleting ----------------------------------------------------------------------------------------------------

    async def mark_deleted(self, session: WriteSession, user_id: int) -> None:
        """Make an account disappear: nobody can sign in to it or use a token of it, and its names are free again.

        Raises:
            GarazaError: 404, there is none, or somebody else was faster.
        """
        # Keys have their case folded, so that none of somebody's looks like this.
        if not await self._accounts.mark(session, user_id, self.clock(), f"DELETED:{user_id}"):
            raise not_found("account")
        await self._accounts.revoke(session, user_id, self.clock())

    async def marked(self, session: ReadSession, limit: int) -> Sequence[int]:
        """Accounts that are marked as deleted and still have their row, the first marked first."""
        return await self._accounts.marked(session, limit)

    async def finish_deleted(self, session: WriteSession, user_id: int) -> bool:
        """Remove the row of an account that is marked, with its logins and activities; False if there is none such.

        Raises:
            IntegrityError: scans still belong to it.
        """
        return await self._accounts.remove_marked(session, user_id)

    async def purge(self, session: WriteSession) -> int:
        """Remove what has expired, up to `PURGE_BATCH` rows of a kind; how many, so call it until it says 0."""
        now = self.clock()
        # Servers may differ by some seconds about what has expired, and so about which day it is.
        removed = await self._accounts.purge(session, now - _CLOCKS_APART_SECONDS, PURGE_BATCH)
        return removed + await self._accounts.purge_guests(session, day_of(now - _CLOCKS_APART_SECONDS), PURGE_BATCH)

    # -------------------------------------------------------------------------------------------------------------

    async def _new_user(self, email: str, username: str, password: str, role: Role = Role.USER) -> User:
        """Not in the database yet."""
        address, name = normalise.email(email), normalise.username(username)
        return User(
            email=address.shown,
            email_key=address.key,
            username=name.shown,
            username_key=name.key,
            password_hash=await self._passwords.hash(normalise.password(password)),
            role=role.value,
            plan=Plan.FREE.value,
            is_active=True,
            created_at=self.clock(),
        )

    async def _add(self, session: WriteSession, user: User) -> None:
        try:
            await self._accounts.add(session, user)
        except IntegrityError as error:
            taken = taken_name(str(error.orig))
            if taken is None:
                raise
            word = {"email": "e-mail address", "username": "username"}[taken]
            raise GarazaError(409, f"{taken}_taken", f"There is an account with this {word} already.") from None

    def _new_login(self, user_id: int) -> tuple[LoginSession, RefreshToken]:
        now = self.clock()
        token = RefreshToken.new(new_id())
        login = LoginSession(
            id=token.session_id,
            user_id=user_id,
            token_hash=token.hash,
            created_at=now,
            refreshed_at=now,
            expires_at=now + self._settings.refresh_token_seconds,
        )
        return login, token

    def _admit(self, user: User, token: RefreshToken) -> Admission:
        refresh_seconds = self._settings.refresh_token_seconds
        seconds = min(self._settings.access_token_seconds, refresh_seconds)
        access = self.tokens.issue(user.id, token.session_id, seconds)
        return Admission(access, token.text, seconds, refresh_seconds, user)


def _principal(found: Identity, session_id: str, jti: str, expires_at: float) -> Principal:
    return Principal(
        user_id=found.user_id,
        email=found.email,
        username=found.username,
        role=found.role,
        plan=Plan(found.plan),
        is_active=found.is_active,
        created_at=found.created_at,
        session_id=session_id,
        jti=jti,
        token_expires_at=expires_at,
    )


def _changing() -> NoReturn:
    raise GarazaError(409, "changed_meanwhile", "The account is being changed just now. Sign in again.")


def _too_many_attempts(seconds: int) -> GarazaError:
    return GarazaError(
        429,
        "too_many_attempts",
        f"Too many wrong passwords for this account. Try again in {seconds} s. Whoever is signed in stays signed in.",
        {"Retry-After": str(seconds)},
        retry_after=seconds,
    )


def _inactive() -> GarazaError:
    return GarazaError(403, "account_inactive", "This account is closed. Ask whoever runs this server.")


def _not_signed_in(code: str) -> GarazaError:
    headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    return GarazaError(401, code, "This token isn't good any more. Sign in again.", headers)
