"""Who makes a request, as a parameter of its route.

Include routers with `dependencies=[Depends(identify)]`: it then runs first and once for each request, and its
transaction has ended before that of the route begins. A request that held two connections at once could wait for
itself.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer
from starlette.requests import HTTPConnection

from garaza.accounts.principal import Principal, machine
from garaza.accounts.service import AccountService
from garaza.errors import GarazaError
from garaza.machines.dependencies import identify_machine

__all__ = ["GUESTS_TOO", "AdminOnly", "Biller", "MaybeUser", "Principal", "SignedIn", "identify"]

_documented = OAuth2PasswordBearer("/api/auth/login/form", auto_error=False, description="An access token.")


async def identify(connection: HTTPConnection) -> Principal | None:
    """The account whose token was sent, or the machine that signed the request; None where neither was.

    Raises:
        GarazaError: 401 for a token that isn't good, also where none was needed: whoever sends one wants to be known.
            403, the account is closed.
    """
    if isinstance(connection, Request):
        signer = await identify_machine(connection)
        if signer is not None:
            return machine(signer.name, signer.scope.value)
    token = token_of(connection.headers.get("authorization", ""))
    if token is None:
        return None
    accounts: AccountService = connection.app.state.accounts
    return await accounts.identify_token(token)


def token_of(authorization: str) -> str | None:
    """The access token in the header Authorization, good or not; None where there is none."""
    scheme, _, token = authorization.partition(" ")
    # Other schemes are for others: a proxy before this service may ask for a password of its own.
    return token.strip() if scheme.lower() == "bearer" else None


Identified = Annotated[Principal | None, Depends(identify)]
_Documented = Depends(_documented)


# None of these waits for anything; as plain functions they would each be sent through a thread.


async def _maybe_user(who: Identified, _token: str | None = _Documented) -> Principal | None:
    return None if who is None else _person(who)


async def _signed_in(who: Identified, _token: str | None = _Documented) -> Principal:
    return _person(_somebody(who))


async def _admin(who: Identified, _token: str | None = _Documented) -> Principal:
    if not _somebody(who).is_admin:
        raise GarazaError(403, "admins_only", "Only admins may do this.")
    return _somebody(who)


async def _biller(who: Identified, _token: str | None = _Documented) -> Principal:
    found = _somebody(who)
    return found if found.may_bill else _person(found)


def _somebody(who: Principal | None) -> Principal:
    if who is None:
        raise GarazaError(401, "not_signed_in", "Sign in first.", {"WWW-Authenticate": "Bearer"})
    return who


def _person(who: Principal) -> Principal:
    """Machines have no scans, rooms or activities that could be meant."""
    if who.machine is not None:
        raise GarazaError(403, "people_only", "This call is for accounts; a machine's signature doesn't open it.")
    return who


GUESTS_TOO: dict[str, Any] = {"security": [{}]}
"""For `openapi_extra` of routes that take a token, but need none."""

MaybeUser = Annotated[Principal | None, Depends(_maybe_user)]
"""Somebody who signed in, or None."""
SignedIn = Annotated[Principal, Depends(_signed_in)]
"""Somebody who signed in; 401 without."""
AdminOnly = Annotated[Principal, Depends(_admin)]
"""An admin, or a machine with that scope, whose `user_id` is `principal.NOBODY`; 403 for others."""
Biller = Annotated[Principal, Depends(_biller)]
"""Somebody who signed in, or a machine that may change plans."""
