"""Tokens: short-lived ones that open calls, and long-lived ones that get new ones of the former."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Protocol

import jwt

from garaza.kit.clock import Clock
from garaza.kit.ids import is_id, new_id

ALGORITHM = "HS256"
ISSUER = "garaza"
AUDIENCE = "garaza:api"
KIND = "at+jwt"
LEEWAY_SECONDS = 5
"""Between the clocks of servers that share a key."""
MAX_TOKEN_LENGTH = 1024
"""Ours have less than half of it."""

_MAX_VERIFIED = 4096

_CLAIMS = ("iss", "aud", "sub", "jti", "sid", "iat", "exp")
_USER_ID = re.compile(r"[1-9][0-9]{0,17}")
_REFRESH_TOKEN = re.compile(r"([0-9A-Za-z]{22})\.([0-9A-Za-z_-]{43})")


class InvalidTokenError(Exception):
    """A token that opens nothing: not ours, changed, or too old."""


class Keys(Protocol):
    """Secrets that access tokens are signed with."""

    def signing(self) -> tuple[str, bytes]:
        """The name and the secret of the newest key."""

    def verifying(self, kid: str) -> bytes | None:
        """The secret of a key that is still good; None: there is none of this name."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What an access token says, which is true as far as its signature goes. Times are Unix seconds."""

    user_id: int
    session_id: str
    jti: str
    expires_at: float


@dataclass(frozen=True, slots=True)
class _Verified:
    claims: Claims
    issued_at: int
    kid: str
    secret: bytes


class AccessTokens:
    """JWTs, signed with HMAC by keys that can be rotated."""

    def __init__(self, keys: Keys, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock
        # Verifying costs 50 µs, and a page sends the same token for a quarter of an hour.
        self._verified: OrderedDict[str, _Verified] = OrderedDict()

    def issue(self, user_id: int, session_id: str, seconds: int) -> str:
        """A token of one login."""
        kid, secret = self._keys.signing()
        now = int(self._clock())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(user_id),
            "jti": new_id(),
            "sid": session_id,
            "iat": now,
            "exp": now + seconds,
        }
        return jwt.encode(claims, secret, ALGORITHM, {"kid": kid, "typ": KIND})

    def read(self, token: str) -> Claims:
        """What a token says.

        Raises:
            InvalidTokenError: it is none of ours, or has had its time.
        """
        if len(token) > MAX_TOKEN_LENGTH or not token.isascii():
            raise InvalidTokenError
        if (known := self._verified.get(token)) is not None:
            # Its signature stays right for as long as its key is good.
            if self._keys.verifying(known.kid) == known.secret and self._is_current(known.claims, known.issued_at):
                return known.claims
            self._verified.pop(token, None)
        claims = self._verify(token)
        if len(self._verified) > _MAX_VERIFIED:
            self._verified.popitem(last=False)
        return claims

    def _verify(self, token: str) -> Claims:
        try:
            kid, secret = self._key_of(jwt.get_unverified_header(token))
            claims = jwt.decode(
                token,
                secret,
                [ALGORITHM],
                # Times are checked below, by our own clock.
                {"require": list(_CLAIMS), "verify_exp": False, "verify_iat": False, "verify_nbf": False},
                audience=AUDIENCE,
                issuer=ISSUER,
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise InvalidTokenError from None
        found = self._checked(claims)
        self._verified[token] = _Verified(found, claims["iat"], kid, secret)
        return found

    def _key_of(self, header: dict[str, Any]) -> tuple[str, bytes]:
        kid = header.get("kid")
        if isinstance(kid, str) and header.get("typ") == KIND and (secret := self._keys.verifying(kid)) is not None:
            return kid, secret
        raise InvalidTokenError

    def _is_current(self, claims: Claims, issued_at: int) -> bool:
        now = self._clock()
        return claims.expires_at + LEEWAY_SECONDS > now and issued_at - LEEWAY_SECONDS <= now

    def _checked(self, claims: dict[str, Any]) -> Claims:
        user_id, session_id, jti = claims["sub"], claims["sid"], claims["jti"]
        issued_at, expires_at = claims["iat"], claims["exp"]
        if not all(isinstance(value, str) for value in (user_id, session_id, jti)):
            raise InvalidTokenError
        if not all(type(value) is int for value in (issued_at, expires_at)):
            raise InvalidTokenError
        if not (_USER_ID.fullmatch(user_id) and is_id(session_id) and is_id(jti)):
            raise InvalidTokenError
        found = Claims(int(user_id), session_id, jti, float(expires_at))
        if not self._is_current(found, issued_at):
            raise InvalidTokenError
        return found


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """Names a login and proves that it is one's own; good for one use."""

    session_id: str
    secret: str

    @classmethod
    def new(cls, session_id: str) -> RefreshToken:
        return cls(session_id, secrets.token_urlsafe(32))

    @classmethod
    def parse(cls, text: str) -> RefreshToken:
        """Raises:
        InvalidTokenError: it can't be one of ours.
        """
        found = _REFRESH_TOKEN.fullmatch(text)
        if found is None:
            raise InvalidTokenError
        return cls(found[1], found[2])

    @property
    def text(self) -> str:
        return f"{self.session_id}.{self.secret}"

    @property
    def hash(self) -> str:
        """What is stored. Of 256 random bits, a fast hash can't be undone any more than a slow one."""
        return hashlib.sha256(self.secret.encode("ascii")).hexdigest()
