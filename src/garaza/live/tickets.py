"""Tickets: what opens one connection for somebody who has signed in, in the address, where nothing else can be sent."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import jwt

from garaza.accounts.principal import Principal
from garaza.accounts.tokens import ALGORITHM, ISSUER, Claims, InvalidTokenError, Keys
from garaza.kit.clock import Clock
from garaza.kit.ids import is_id, new_id
from garaza.kit.shared_store import Script, SharedStore

LIFE_SECONDS = 30
_AUDIENCE = "garaza:live"
_KIND = "ticket+jwt"
_MAX_LETTERS = 1024
_MOST_REMEMBERED = 100_000
"""Tickets that were used, for as long as they would be good; beyond it the oldest is forgotten."""
_PREFIX = "garaza:ticket:"

_USE = Script("return redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1]) and 1 or 0")


class Tickets:
    """Addresses end up in logs, so a ticket is good for half a minute and for one connection.

    That it was used is remembered in this process, and where there is a store that processes share, there. Without one,
    or while it is away, another process would take it once more, within its half minute.
    """

    def __init__(self, keys: Keys, clock: Clock, shared: SharedStore | None) -> None:
        self._keys = keys
        self._clock = clock
        self._shared = shared
        self._used: OrderedDict[str, float] = OrderedDict()

    def issue(self, who: Principal) -> str:
        """A ticket for somebody who came with an access token."""
        kid, secret = self._keys.signing()
        claims = {
            "iss": ISSUER,
            "aud": _AUDIENCE,
            "sub": str(who.user_id),
            "sid": who.session_id,
            "tok": who.jti,
            "tex": who.token_expires_at,
            "jti": new_id(),
            "exp": int(self._clock()) + LIFE_SECONDS,
        }
        return jwt.encode(claims, secret, ALGORITHM, {"kid": kid, "typ": _KIND})

    async def use(self, ticket: str) -> Claims:
        """What the access token said for which it was given. The second time it is none any more.

        Raises:
            InvalidTokenError: it is none of ours, is too old or was used.
        """
        claims = self._read(ticket)
        number = claims["jti"]
        now = self._clock()
        if claims["exp"] <= now or not self._first_time(number, now):
            raise InvalidTokenError
        if self._shared is not None:
            first = await self._shared.run(_USE, [_PREFIX + number], [1000 * LIFE_SECONDS])
            # None: it can't be asked now.
            if first == 0:
                raise InvalidTokenError
        return Claims(int(claims["sub"]), claims["sid"], claims["tok"], float(claims["tex"]))

    def _read(self, ticket: str) -> dict[str, Any]:
        if len(ticket) > _MAX_LETTERS or not ticket.isascii():
            raise InvalidTokenError
        try:
            header = jwt.get_unverified_header(ticket)
            kid = header.get("kid")
            secret = self._keys.verifying(kid) if isinstance(kid, str) and header.get("typ") == _KIND else None
            if secret is None:
                raise InvalidTokenError
            options: Any = {"require": ["exp", "jti"], "verify_exp": False}
            claims: dict[str, Any] = jwt.decode(ticket, secret, [ALGORITHM], options, audience=_AUDIENCE, issuer=ISSUER)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise InvalidTokenError from None
        if not is_id(claims["jti"]) or not isinstance(claims["exp"], int):
            raise InvalidTokenError
        return claims

    def _first_time(self, number: str, now: float) -> bool:
        used = self._used
        while used and (next(iter(used.values())) <= now or len(used) > _MOST_REMEMBERED):
            used.popitem(last=False)
        if number in used:
            return False
        used[number] = now + LIFE_SECONDS
        return True
