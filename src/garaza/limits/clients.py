"""Whose a request is, for counting: an account where that is sure, else where it comes from."""

from __future__ import annotations

from collections import OrderedDict

from starlette.types import Scope

from garaza.accounts.tokens import AccessTokens, InvalidTokenError
from garaza.kit.client_address import digest_of
from garaza.kit.clock import Clock

MAX_TOKENS = 4096


class Clients:
    """Knows tokens by their signature alone, without the database: one that was taken back still counts for its
    account, and opens nothing. What can't be verified isn't believed.
    """

    def __init__(self, tokens: AccessTokens, clock: Clock) -> None:
        self._tokens = tokens
        self._clock = clock
        # Verifying costs 50 µs, and a page sends the same token for a quarter of an hour.
        self._seen: OrderedDict[bytes, tuple[str, float]] = OrderedDict()

    def account_or_address(self, scope: Scope) -> str:
        """A name for the account whose token was sent, else for the address."""
        for name, value in scope["headers"]:
            if name == b"authorization":
                return self._account(value) or self.address(scope)
        return self.address(scope)

    @staticmethod
    def address(scope: Scope) -> str:
        """A name for where it comes from, behind the proxies that are trusted."""
        return digest_of(scope)

    def _account(self, authorization: bytes) -> str | None:
        seen = self._seen.get(authorization)
        if seen is not None:
            if seen[1] > self._clock():
                return seen[0]
            del self._seen[authorization]
            return None
        scheme, _, token = authorization.partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        try:
            claims = self._tokens.read(token.strip().decode("latin-1"))
        except InvalidTokenError:
            return None
        found = f"user{claims.user_id}"
        self._seen[authorization] = (found, claims.expires_at)
        if len(self._seen) > MAX_TOKENS:
            self._seen.popitem(last=False)
        return found
