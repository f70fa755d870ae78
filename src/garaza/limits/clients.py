"""Whose a request is, for counting: an account where that is sure, else where it comes from."""

from __future__ import annotations

from starlette.types import Scope

from garaza.accounts.tokens import AccessTokens, InvalidTokenError
from garaza.kit.asgi import lines_of
from garaza.kit.client_address import digest_of


class Clients:
    """Knows tokens by their signature alone, without the database: one that was taken back still counts for its
    account, and opens nothing. What can't be verified isn't believed.
    """

    def __init__(self, tokens: AccessTokens) -> None:
        self._tokens = tokens

    def account_or_address(self, scope: Scope) -> str:
        """A name for the account whose token was sent, else for the address."""
        for value in lines_of(scope, b"authorization"):
            return self._account(value) or self.address(scope)
        return self.address(scope)

    @staticmethod
    def address(scope: Scope) -> str:
        """A name for where it comes from, behind the proxies that are trusted."""
        return digest_of(scope)

    def _account(self, authorization: bytes) -> str | None:
        scheme, _, token = authorization.partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        try:
            return f"user{self._tokens.read(token.strip().decode('latin-1')).user_id}"
        except InvalidTokenError:
            return None
